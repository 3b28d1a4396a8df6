"""One report as HTML, PDF, CSV and JSON."""

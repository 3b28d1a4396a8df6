"""The weekly compliance report: build one frozen value, render it four times, keep and deliver."""

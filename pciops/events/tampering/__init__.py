"""Changes in Keystone outside pciops that falsify evidence."""

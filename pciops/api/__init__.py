"""The JSON API, in Keystone's dialect."""

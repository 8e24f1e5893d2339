"""The same registers on other engines."""

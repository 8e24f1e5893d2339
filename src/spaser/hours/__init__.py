"""The hours half: what is committed, what was worked, by whom it may count, and what is missing.

Pure functions and SQL over tables that are handed in. Nothing here reads a file or knows a name.
"""

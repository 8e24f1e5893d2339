"""`python -m spaser`."""

from spaser.cli import main

main()

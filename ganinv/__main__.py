"""`python -m ganinv` is the command `ganinv`."""

from ganinv.cli import main

main()

"""`python -m ganinv` is the command `ganinv`."""

from ganinv.cli.main import main

main()

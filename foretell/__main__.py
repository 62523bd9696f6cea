"""`python -m foretell` is the command `foretell`."""

from foretell.cli.app import main

main()

"""`python -m foretell` is the command `foretell`."""

from foretell.cli import main

main()

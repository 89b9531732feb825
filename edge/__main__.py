"""`python -m edge`: the command line, for whoever has the interpreter and not the script."""

from edge.cli import main

main()

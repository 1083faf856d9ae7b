"""`python -m gateway` is `telecine`."""

from gateway.cli import main

main()

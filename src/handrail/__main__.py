"""`python -m handrail` is the `handrail` command."""

from handrail.server import main

main()

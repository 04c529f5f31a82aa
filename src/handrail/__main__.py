"""The `handrail` command, and `python -m handrail`."""

import gc


def main() -> None:
    """Load the product, then run the command.

    Nothing that is loaded is garbage, so nobody looks for any meanwhile, nor among it later: looking cost a
    third of the start of each command.
    """
    gc.disable()
    from handrail import server  # noqa: PLC0415 - see above

    gc.freeze()
    gc.enable()
    server.main()


if __name__ == "__main__":
    main()

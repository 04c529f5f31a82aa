"""The `handrail` command, and `python -m handrail`."""

import gc

_OBJECTS = (
    50_000  # new ones before somebody looks for garbage among them; Python's own 700 is for small programs
)


def main() -> None:
    """Load the product, then run the command.

    What is loaded is hundreds of thousands of objects, none of them garbage: looking through them as often as
    Python does by itself costs a fifth of the start of each command.
    """
    gc.set_threshold(_OBJECTS, 20, 100)
    from handrail import server  # noqa: PLC0415 - see above

    server.main()


if __name__ == "__main__":
    main()

"""Who pushes and opens what is measured."""

from handrail.kernel import Caller, Person

MAKER = Person("maker", "Mia Maker", "maker@bench.example", frozenset({"maker"}))
AS_MAKER = Caller(MAKER, "cli")


def manifest(name: str, kind: str, layer: str) -> bytes:
    """The manifest of an app that reads no data."""
    return (
        f'[app]\nname = "{name}"\nkind = "{kind}"\nentrypoint = "app.py"\nlayer = "{layer}"\n'
        'purpose = "sales-reporting"\nsays = "Something to measure"\n'
    ).encode()

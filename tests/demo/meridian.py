"""The demo company, whole but small: made once in a run of the tests, for whoever looks at all of it."""

from pathlib import Path

from handrail.kernel import Instance
from handrail.server import open_instance
from handrail_demo import seed
from handrail_demo.generate import Size
from tests.prepared import copied

TINY = Size(orders=3_000, customers=800, products=80, employees=120, visits=150)


def whole(folder: Path) -> None:
    """Make what `furnished` copies, and close it."""
    seed.create(folder)
    instance = open_instance(folder)
    for _, part in seed.parts(instance, TINY):
        part()
    instance.close()


def furnished(home: Path) -> Instance:
    """The company's instance in this folder."""
    copied(whole, home)
    return open_instance(home)

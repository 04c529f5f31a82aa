"""The tour: the stories of every role, told against a fresh instance that is really served.

Each step does what a person would do, through the doors that people use, and checks what came of it.
"""

from collections.abc import Iterator
from pathlib import Path

from handrail_demo import seed, service_desk
from handrail_demo.generate import Size
from handrail_demo.service_desk import ServiceDesk
from handrail_demo.tour import maker, reviewer, steward, trail, viewer
from handrail_demo.tour.stage import Stage, raised
from handrail_demo.tour.steps import Result, walk

__all__ = ["CHAPTERS", "Result", "tell"]

CHAPTERS = (steward.chapter, maker.chapter, reviewer.chapter, viewer.chapter, trail.chapter)


def tell(home: Path, size: Size) -> Iterator[Result]:
    """Make a fresh instance in `home`, serve it, and do every step of the story on it."""
    seed.create(home)
    with service_desk.serving(seed.desk_secret(home).read_text("utf-8")) as desk:
        stage = _set(home, size, desk)
        try:
            yield from walk((step for chapter in CHAPTERS for step in chapter.steps), stage)
        finally:
            stage.close()


def _set(home: Path, size: Size, desk: ServiceDesk) -> Stage:
    source = seed.source(home, size)
    stage = raised(home, source, desk)
    seed.people(stage.instance)
    return stage

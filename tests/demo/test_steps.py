"""The tour's own machinery: a step that misses or breaks is told as failed, and the others go on."""

from handrail_demo.tour.steps import Chapter, Missed, must, walk


def told(chapter: Chapter[int]) -> list[tuple[str, bool]]:
    return [(result.got, result.ok) for result in walk(chapter.steps, 7)]


def test_a_step_that_holds_says_what_it_got() -> None:
    chapter: Chapter[int] = Chapter("viewer")
    chapter.step("counts", expected="seven")(lambda world: must(world == 7, f"got {world}"))
    (result,) = walk(chapter.steps, 7)
    assert (result.number, result.role, result.step, result.got, result.ok) == (
        1,
        "viewer",
        "counts",
        "got 7",
        True,
    )


def test_a_step_that_misses_fails_with_what_it_got_and_the_next_one_is_tried() -> None:
    chapter: Chapter[int] = Chapter("viewer")
    chapter.step("counts", expected="eight")(lambda world: must(world == 8, f"got {world}"))
    chapter.step("counts again", expected="seven")(lambda world: must(world == 7, f"got {world}"))
    assert told(chapter) == [("got 7", False), ("got 7", True)]


def test_a_step_that_breaks_fails_and_the_next_one_is_tried() -> None:
    chapter: Chapter[int] = Chapter("viewer")
    chapter.step("divides", expected="a number")(lambda world: str(world / 0))
    chapter.step("raises", expected="nothing")(lambda _: refuse())
    assert told(chapter) == [("broke: ZeroDivisionError: division by zero", False), ("no", False)]


def refuse() -> str:
    raise Missed("no")

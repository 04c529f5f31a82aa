"""The one exception of this package."""


class Refused(Exception):
    """Handrail answered no: `message` says what and why, `next_step` what to do, `code` which kind it is."""

    __module__ = "handrail_sdk"  # as it reads in a log

    def __init__(self, message: str, next_step: str = "", code: str = "refused") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.code = code

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the words, without the frames between the cell and the answer."""
        return [f"Refused ({self.code.replace('_', ' ')}): {self.message}", f"→ {self.next_step}"]

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()

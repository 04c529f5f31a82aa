"""Files that a run was given: what the manifest declares under [inputs.NAME], and somebody chose."""

import re
import tempfile
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from handrail_sdk.refused import Refused
from handrail_sdk.transport import connected

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class Input:
    """A file: its name in the manifest, how it was called, and what it is (csv, xlsx, …) by its content."""

    name: str
    file: str
    type: str
    content: bytes

    @cached_property
    def path(self) -> Path:
        """Where the file lies, for what wants to open one; outside the directory that is handed over."""
        folder = Path(tempfile.mkdtemp(prefix="input-"))
        place = folder / (re.sub(r"[^\w. -]", "-", self.file) or self.name)
        place.write_bytes(self.content)
        return place

    def text(self) -> str:
        """What it says, without a byte order mark."""
        return self.content.decode("utf-8-sig")

    def table(self, sheet: str | None = None) -> "pa.Table":
        """The file as an Arrow table; of a workbook this sheet, or the first.

        A cell of a CSV is a number where its whole column is written as numbers are: 007 stays a text. Of a
        formula in a workbook there is the value that was last computed, and None where none was saved.
        """
        from handrail_sdk import tables  # noqa: PLC0415 - it loads pyarrow

        if self.type == "xlsx":
            return tables.sheet(self.content, sheet)
        read = {"csv": tables.read_csv, "parquet": tables.read_parquet, "arrow": tables.read_arrow}
        if self.type not in read:
            raise Refused(
                f"{self.name} is {self.type}, and no table.", "Use .path, .text() or .content.", "invalid"
            )
        return read[self.type](self.content)

    def frame(self, sheet: str | None = None) -> "pd.DataFrame":
        """The same as a pandas DataFrame."""
        made: pd.DataFrame = self.table(sheet).to_pandas()
        return made


@cache
def input(name: str) -> Input | None:
    """The file that this run was given under a name of the manifest; None where an optional one is not there.

    Raises Refused a name that the manifest does not declare.
    """
    answer, content = connected().ask("input", {"name": name})
    if not answer["given"]:
        return None
    return Input(name, answer["file"], answer["type"], content)

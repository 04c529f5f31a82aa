"""What a server has to lend is what is there now."""

import hashlib

from handrail.kernel import Instance
from handrail.runtime.lend import Shelf


def test_what_is_gone_is_remembered_no_longer(instance: Instance) -> None:
    """Twins are made anew each time that a table changes: what was known of old ones would only grow."""
    file = instance.settings.home / "twins" / "made" / "rows.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"rows")
    digest, shelf = hashlib.sha256(b"rows").hexdigest(), Shelf(instance)
    assert "twins/made/rows.parquet" in [one.path for one in shelf.files()]
    assert shelf.find(digest) == file
    file.unlink()
    assert "twins/made/rows.parquet" not in [one.path for one in shelf.files()]
    assert shelf.find(digest) is None

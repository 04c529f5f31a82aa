"""What a dataset's page shows of its twin."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from handrail import data
from handrail.kernel import Instance
from tests.conftest import Acting
from tests.data import shop


def test_columns_with_a_mask_are_left_out_for_everybody(
    acting: Acting, instance: Instance, tmp_path: Path
) -> None:
    path = instance.settings.home / "twins" / "customers" / "1.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": [1], "email": ["twin@x.example"], "gone": ["no column any more"]}), path)
    hidden = {"email": {"kind": "hash", "unless_groups": ["management"]}}
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(shop.make(tmp_path / "shop.sqlite")))
        data.set_rendition(ctx, "customers", path, {})
        before = data.sample(ctx, "customers")
        data.propose(ctx, "customers", {"masks": hidden})
    assert before is not None
    assert before.schema.names == ["id", "email"]
    with acting("lead") as ctx:  # of management, whose mask is lifted in production only
        after = data.sample(ctx, "customers")
    assert after is not None
    assert after.to_pylist() == [{"id": 1}]

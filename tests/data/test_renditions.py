"""The twin's file: the newest answers, only files of the instance count, and a sample shows no real row."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail import data
from handrail.kernel import Instance, Invalid
from tests.conftest import Acting
from tests.data import shop


def test_the_newest_twin_answers_and_its_rows_are_the_sample(
    acting: Acting, instance: Instance, tmp_path: Path
) -> None:
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(shop.make(tmp_path / "shop.sqlite")))
        assert data.rendition(ctx, "customers") is None
        assert data.sample(ctx, "customers") is None
    for number in (1, 2):
        path = instance.settings.home / "twins" / "customers" / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": list(range(50)), "email": [f"twin{number}@x.example"] * 50}), path)
        with acting("steward.sales") as ctx:
            data.set_rendition(ctx, "customers", path, {"seed": number})
    with acting("viewer.emea") as ctx:
        twin = data.rendition(ctx, "customers")
        assert twin is not None
        assert (twin.facts, twin.path.name) == ({"seed": 2}, "2.parquet")
        assert twin.contract_digest == data.contract(ctx, "customers").digest
        sample = data.sample(ctx, "customers")
        assert sample is not None
        assert sample.num_rows == 20
        assert set(sample["email"].to_pylist()) == {"twin2@x.example"}


def test_a_file_outside_of_the_instance_is_no_twin(acting: Acting, tmp_path: Path) -> None:
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(shop.make(tmp_path / "shop.sqlite")))
    outside = tmp_path / "outside.parquet"
    outside.write_bytes(b"x")
    with pytest.raises(Invalid), acting("steward.sales") as ctx:
        data.set_rendition(ctx, "customers", outside, {})

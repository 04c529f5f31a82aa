"""A credential is kept where the operator allows, and read from nowhere else."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from handrail.connectors import credential
from handrail.kernel import Instance, NotReady
from tests.conftest import Acting
from tests.connectors.conftest import SECRET, define
from tests.connectors.upstream import Upstream


def found(acting: Acting, upstream: Upstream, kept: str) -> str:
    made = define(acting, upstream.host, ("env:CONNECTOR_CRM", kept))
    with acting("steward.sales") as ctx:
        return credential.read_credential(ctx, made)


def test_it_may_be_a_file_of_its_folder_and_no_other(
    instance: Instance, acting: Acting, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = instance.settings.home / "secrets"
    folder.mkdir()
    (folder / "crm").write_text(f"{SECRET}\n")
    assert found(acting, upstream, "file:crm") == SECRET
    (instance.settings.home / "keys" / "stolen.key").write_text("a key of the server")
    (folder / "link").symlink_to(instance.settings.home / "keys" / "stolen.key")
    monkeypatch.setenv("PGPASSWORD", "the password of the database")
    for kept in (
        "file:../keys/stolen.key",
        "file:link",
        "file:/etc/hostname",
        "file:nothing",
        "env:PGPASSWORD",
    ):
        with pytest.raises(NotReady, match="cannot be read"):
            found(acting, upstream, kept)


def vault(key: str) -> str:
    if key == "broken":
        raise RuntimeError(f"cannot decrypt {SECRET}")
    return SECRET if key == "crm/token" else ""


def test_it_may_be_kept_by_a_secrets_manager_whose_errors_nobody_reads(
    acting: Acting, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def points(group: str, name: str) -> list[Any]:
        known = EntryPoint("vault", "tests.connectors.test_credential:vault", "handrail.secrets")
        return [known] if (group, name) == ("handrail.secrets", "vault") else []

    monkeypatch.setattr(credential, "entry_points", points)
    assert found(acting, upstream, "vault:crm/token") == SECRET
    for kept in ("vault:broken", "vault:other", "keeper:crm/token"):
        with pytest.raises(NotReady, match="cannot be read") as refused:
            found(acting, upstream, kept)
        assert SECRET not in str(refused.value.answer())
        assert refused.value.__cause__ is None

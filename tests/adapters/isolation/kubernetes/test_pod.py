"""A pod is a function of a run, the settings and nothing else: no app can say anything that lets it out."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.resources.batch_v1 import Job

from handrail.adapters.isolation.kubernetes import belongings, pod
from handrail.kernel import Invalid, NotReady
from handrail.kernel.manifest import Manifest
from handrail.kernel.sandbox import Layer, Limits, Sandbox
from tests.adapters.isolation.kubernetes.api_server import STORIES, _whole
from tests.adapters.isolation.kubernetes.conftest import LIMITS, layer_in, settings_for

HERE = Path("/srv/handrail")
SCHEMA = json.loads(Path(__file__).with_name("schema.json").read_text())
UID = "5d1f0c0e-0000-4000-8000-0000000000aa"


def place(uid: int = 64_321, uids: int = 1000) -> pod.Place:
    """The place of an operator who has done what the documentation says."""
    settings = settings_for(HERE, HERE / "kubeconfig", Path("/usr/local/bin/python3"))
    labels = {
        "handrail.dev/instance": "0" * 16,
        "handrail.dev/host": "1" * 16,
        "handrail.dev/process": "7-1234",
    }
    return pod.Place(
        settings.kubernetes, HERE / "layers", uid, uids, labels, "a certificate", ("10.0.0.7", 8446)
    )


def sandbox(**changed: Any) -> Sandbox:
    """A run."""
    layer = layer_in(HERE)
    usual: dict[str, Any] = {
        "command": (layer.python, "-P", "-m", "handrail_sdk.run", "app.py"), "files": {"app.py": b"1"},
        "layer": layer, "limits": LIMITS, "app": "sales", "run": "run-1",
    }  # fmt: skip
    return Sandbox(**{**usual, **changed})


def valid(thing: dict[str, Any]) -> None:
    """Refuse what Kubernetes' published schema has not, down to a field that is written otherwise."""
    for error in _validator(thing["kind"]).iter_errors(thing):
        raise error


@cache
def _validator(kind: str) -> Any:
    return jsonschema.Draft7Validator(
        {"$ref": f"#/definitions/{SCHEMA['kinds'][kind]}", "definitions": SCHEMA["definitions"]}
    )


def test_job_secret_and_policies_are_as_kubernetes_publishes_them() -> None:
    run = sandbox()
    valid(pod.job("handrail-1", run, place()))
    valid(belongings.secret("handrail-1", UID, run, place(), "token"))
    valid(belongings.way_back("handrail-1", UID, run, place()))
    valid(belongings.deny_all("handrail-runs"))


def test_a_field_that_is_written_otherwise_is_not_as_kubernetes_publishes_it() -> None:
    made = pod.job("handrail-1", sandbox(), place())
    made["spec"]["template"]["spec"]["hostNetworks"] = False
    with pytest.raises(jsonschema.ValidationError, match="hostNetworks"):
        valid(made)


def test_the_client_drops_nothing_of_a_job() -> None:
    made = pod.job("handrail-1", sandbox(), place())
    assert Job.from_dict(made).to_dict() == made


def stories() -> Iterator[Any]:
    """What API servers say in all stories, and what is sent to them."""
    for file in sorted(STORIES.glob("*.json")):
        for one in json.loads(file.read_text())["exchanges"]:
            whole = _whole(one)
            for line in whole["response"].get("watch", ()):
                if "object" in line:
                    yield line["object"]
            for thing in (whole["response"].get("body"), whole["request"].get("body")):
                if thing:
                    yield thing


def test_every_story_is_told_in_words_that_kubernetes_has() -> None:
    told = 0
    for thing in stories():
        if "<any>" not in json.dumps(thing):  # what is sent was looked at above, and has places that vary
            valid(thing)
            told += 1
    assert told > 100


_texts = st.text(max_size=60) | st.sampled_from(
    [
        "hostPID: true",
        "privileged",
        "../../etc",
        "\0",
        "<job>",
        '"}, "hostNetwork": true, "x": {"',
        "root",
        "0",
        "kube-system",
    ]
)
_names = st.dictionaries(_texts, st.binary(max_size=20), max_size=4)
# Of a pod, what may be another in another run: its name and ids, how long, how much, and how large the code is.
_FREE = {
    "name",
    "secretName",
    "labels",
    "activeDeadlineSeconds",
    "runAsUser",
    "runAsGroup",
    "memory",
    "sizeLimit",
}


def fixed(thing: Any) -> Any:
    """A manifest without what may differ between two runs."""
    if isinstance(thing, dict):
        return {key: fixed(value) for key, value in thing.items() if key not in _FREE}
    return [fixed(one) for one in thing] if isinstance(thing, list) else thing


@given(
    app=_texts,
    run=_texts,
    words=st.lists(_texts, max_size=4),
    files=_names,
    name=st.from_regex(r"handrail-[0-9a-f]{16}", fullmatch=True),
)
def test_nothing_that_an_app_says_changes_what_keeps_it_in(
    app: str, run: str, words: list[str], files: dict[str, bytes], name: str
) -> None:
    usual, other = sandbox(), sandbox(app=app, run=run, command=("python", *words), files=files)
    made = pod.job(name, other, place())
    assert fixed(made) == fixed(pod.job("handrail-1", usual, place()))
    both = made["spec"]["template"]["spec"]
    users = [
        both["securityContext"],
        *(one["securityContext"] for one in (*both["containers"], *both["initContainers"])),
    ]
    assert all(64_321 <= user["runAsUser"] <= 65_321 for user in users)
    for key, value in made["metadata"]["labels"].items():
        assert pod._LABEL.fullmatch(value) or value == "", key
    whole = json.dumps([made, belongings.way_back(name, UID, other, place())])
    assert json.dumps(app)[1:-1] not in whole or len(app) < 10 or app in ("privileged", "kube-system")


@pytest.mark.parametrize(
    "asked", ["privileged = true", 'host_path = "/"', "host_network = true", 'service_account = "x"']
)
@pytest.mark.parametrize("where", ["app", "pod", "kubernetes"])
def test_an_apps_manifest_has_no_word_for_a_pod(where: str, asked: str) -> None:
    usual = '[app]\nname = "a"\nkind = "job"\npurpose = "operations"\nentrypoint = "app.py"\n'
    Manifest.parse(usual)
    wanted = f"{usual}{asked}\n" if where == "app" else f"{usual}[{where}]\n{asked}\n"
    with pytest.raises(Invalid):
        Manifest.parse(wanted)


def test_a_pod_is_as_closed_as_its_fields_can_make_it() -> None:
    spec = pod.job("handrail-1", sandbox(), place())["spec"]
    inside = spec["template"]["spec"]
    assert (spec["backoffLimit"], spec["completions"], spec["ttlSecondsAfterFinished"]) == (0, 1, 300)
    assert inside["runtimeClassName"] == "gvisor"
    assert inside["automountServiceAccountToken"] is False
    for shared in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "enableServiceLinks"):
        assert inside[shared] is False
    for container in (*inside["containers"], *inside["initContainers"]):
        assert container["securityContext"] == {
            "privileged": False, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
            "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
            "runAsUser": container["securityContext"]["runAsUser"],
            "runAsGroup": container["securityContext"]["runAsGroup"],
        }  # fmt: skip
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert set(container["resources"]["limits"]) == {"cpu", "memory", "ephemeral-storage"}
        assert "env" not in container
    assert {next(iter(set(one) - {"name"})) for one in inside["volumes"]} == {
        "secret",
        "emptyDir",
        "persistentVolumeClaim",
    }


def test_the_token_is_on_no_volume_of_the_app() -> None:
    inside = pod.job("handrail-1", sandbox(), place())["spec"]["template"]["spec"]
    with_token = {
        one["name"]
        for one in inside["volumes"]
        if any(item["key"] == "token" for item in one.get("secret", {}).get("items", ()))
    }
    (app,), (relay,) = inside["containers"], inside["initContainers"]
    assert with_token == {"told"}
    assert "told" in {one["name"] for one in relay["volumeMounts"]}
    assert not with_token & {one["name"] for one in app["volumeMounts"]}


def test_an_app_writes_to_its_own_folders_alone() -> None:
    (app,) = pod.job("handrail-1", sandbox(), place())["spec"]["template"]["spec"]["containers"]
    assert {one["mountPath"] for one in app["volumeMounts"] if not one["readOnly"]} == {
        "/work",
        "/tmp",
        "/dev/shm",
    }


def test_the_relay_is_another_user_than_the_app() -> None:
    for number in range(50):
        inside = pod.job(f"handrail-{number}", sandbox(), place(uids=3))["spec"]["template"]["spec"]
        users = [inside[kind][0]["securityContext"]["runAsUser"] for kind in ("containers", "initContainers")]
        assert users[0] in range(64_321, 64_324)
        assert users[1] == 64_324


def test_a_pod_may_reach_its_own_server_and_nothing_else() -> None:
    policy = belongings.way_back("handrail-1", UID, sandbox(), place())["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    assert policy["egress"] == [
        {"to": [{"ipBlock": {"cidr": "10.0.0.7/32"}}], "ports": [{"protocol": "TCP", "port": 8446}]}
    ]
    assert policy["podSelector"]["matchLabels"] == {"handrail.dev/job": "handrail-1"}
    closed = belongings.deny_all("handrail-runs")["spec"]
    assert closed == {"podSelector": {"matchLabels": pod.MANAGED}, "policyTypes": ["Ingress", "Egress"]}


def test_all_that_a_job_owns_goes_with_it() -> None:
    for owned in (
        belongings.secret("handrail-1", UID, sandbox(), place(), "token"),
        belongings.way_back("handrail-1", UID, sandbox(), place()),
    ):
        (owner,) = owned["metadata"]["ownerReferences"]
        assert owner == {"apiVersion": "batch/v1", "kind": "Job", "name": "handrail-1", "uid": UID}


def test_a_layer_beside_the_volume_is_refused() -> None:
    layer = Layer(
        "sha256:1",
        "/usr/bin/python3",
        {"/usr/bin/python3": Path("/usr/bin/python3.11"), "/layer": Path("/var/layer")},
    )
    with pytest.raises(NotReady, match="no pod can see it"):
        pod.job("handrail-1", sandbox(layer=layer), place())


def test_a_run_without_a_limit_of_time_has_one_there() -> None:
    made = pod.job("handrail-1", sandbox(limits=Limits(seconds=None)), place())
    assert made["spec"]["activeDeadlineSeconds"] == 120 + 86_400


@pytest.mark.parametrize(("uid", "uids"), [(0, 1000), (64_321, 0)])
def test_no_pod_is_written_for_root(uid: int, uids: int) -> None:
    with pytest.raises(NotReady, match="as root"):
        pod.job("handrail-1", sandbox(), place(uid, uids))

"""Whatever comes from outside becomes plain files with safe names, or is refused before it is unpacked."""

import io
import os
import stat
import struct
import unicodedata
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.apps import paths, unpack
from handrail.kernel import Invalid, LimitReached, Refusal
from tests.cases import cases

LIMITS = unpack.Limits(files=50, size=2 * 1024 * 1024)
MANIFEST = b'[app]\nname = "x"\n'


def zipped(entries, **options):
    """A zip with these entries in this order: (name or ZipInfo, content)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out


def entry(name, mode=0, **attributes):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def test_a_plain_zip_is_its_files_in_order():
    made = zipped([("lib/", b""), ("lib/x.py", b"x"), ("app.py", b"a" * 5000), ("handrail.toml", MANIFEST)])
    assert unpack.unzip(made, LIMITS) == {
        "app.py": b"a" * 5000,
        "handrail.toml": MANIFEST,
        "lib/x.py": b"x",
    }


def test_the_folder_that_zips_put_around_an_app_is_taken_away():
    made = zipped([("velocity-main/handrail.toml", MANIFEST), ("velocity-main/lib/app.py", b"1")])
    assert set(unpack.unzip(made, LIMITS)) == {"handrail.toml", "lib/app.py"}


def test_what_a_mac_or_python_leaves_in_a_zip_is_left_out():
    made = zipped(
        [("handrail.toml", MANIFEST), ("__MACOSX/._a", b""), (".DS_Store", b""), ("__pycache__/a.pyc", b"")]
    )
    assert set(unpack.unzip(made, LIMITS)) == {"handrail.toml"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../../etc/passwd", "climbs out"),
        ("a/../../b", "climbs out"),
        ("/etc/passwd", "absolute"),
        ("C:/windows/x", "absolute"),
        ("..\\..\\x.py", "backslash"),
        ("a//b", "empty step"),
        ("./a", "empty step"),
        ("x/.git/hooks/post-checkout", ".git folder"),
        (".GIT/config", ".git folder"),
        ("git~1/config", ".git folder"),
        (".g\u200cit/config", ".git folder"),
        ("trailing ", "space or a dot"),
        ("dir./x", "space or a dot"),
        ("a\nb", "control characters"),
        ("report\u202etxt.py", "nobody sees"),
        ("data/aux.txt", "device on Windows"),
        ("NUL", "device on Windows"),
        ("a/" * 130 + "b", "longer than"),
    ],
)
def test_a_name_that_is_not_a_plain_path_inside_the_app_is_refused(name, says):
    with pytest.raises(Invalid) as refused:
        unpack.unzip(zipped([("handrail.toml", MANIFEST), (entry(name), b"x")]), LIMITS)
    assert says in refused.value.message and refused.value.next_step


def test_a_folder_entry_with_a_climbing_name_is_refused_too():
    with pytest.raises(Invalid, match="climbs out"):
        unpack.unzip(zipped([(entry("../x/"), b"")]), LIMITS)


def test_a_name_with_a_hidden_end_is_refused():
    # Some readers stop at a NUL byte: what is shown as app.py would be kept as something else.
    content = bytearray(zipped([("app.pyXevil", b"x")]).getvalue()).replace(b"app.pyXevil", b"app.py\0evil")
    with pytest.raises(Invalid, match="control characters"):
        unpack.unzip(io.BytesIO(content), LIMITS)


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        (stat.S_IFLNK | 0o777, "link"),
        (stat.S_IFCHR | 0o666, "device"),
        (stat.S_IFBLK, "device"),
        (stat.S_IFIFO, "pipe"),
        (stat.S_IFSOCK, "pipe"),
    ],
)
def test_links_and_devices_are_refused(mode, says):
    with pytest.raises(Invalid, match=says):
        unpack.unzip(zipped([(entry("data", mode), b"/etc/passwd")]), LIMITS)


@pytest.mark.parametrize(
    "names",
    [
        ("app.py", "app.py"),
        ("app.py", "App.py"),
        ("straße.py", "STRASSE.py"),
        (unicodedata.normalize("NFC", "ü.py"), unicodedata.normalize("NFD", "ü.py")),
        ("lib", "lib/x.py"),
        ("lib/x.py", "LIB"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_names_that_are_one_somewhere_are_refused(names):
    with pytest.raises(Invalid, match="same name"):
        unpack.unzip(zipped([(entry(name), b"x") for name in names]), LIMITS)


def test_an_encrypted_entry_is_refused():
    content = bytearray(zipped([("app.py", b"secret")]).getvalue())
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    with pytest.raises(Invalid, match="encrypted"):
        unpack.unzip(io.BytesIO(content), LIMITS)


def test_a_bomb_is_refused_by_its_ratio_and_by_its_size():
    with pytest.raises(Invalid, match="times its size"):
        unpack.unzip(zipped([("zeros", bytes(1_900_000))]), LIMITS)
    with pytest.raises(LimitReached, match="larger than 2 MB"):
        unpack.unzip(zipped([("a", os.urandom(1_200_000)), ("b", os.urandom(1_200_000))]), LIMITS)


def declared(content, size, crc):
    """The same zip, with another size and checksum in its directory."""
    at = content.index(b"PK\x01\x02")
    return io.BytesIO(
        content[: at + 16]
        + struct.pack("<I", crc)
        + content[at + 20 : at + 24]
        + struct.pack("<I", size)
        + content[at + 28 :]
    )


def test_an_entry_that_holds_more_than_it_declares_is_refused():
    content = zipped([("app.py", b"print(1)\n" + b"#" * 5_000_000)]).getvalue()
    lying = declared(content, 9, zlib.crc32(b"print(1)\n"))
    # The standard library believes the directory and reads the innocent beginning.
    with zipfile.ZipFile(lying) as archive:
        assert archive.read("app.py") == b"print(1)\n"
    with pytest.raises(Invalid, match="damaged"):
        unpack.unzip(lying, LIMITS)


def test_an_entry_that_holds_less_than_it_declares_is_refused():
    content = zipped([("app.py", b"print(1)\n")]).getvalue()
    with pytest.raises(Invalid, match="damaged"):
        unpack.unzip(declared(content, 90, zlib.crc32(b"print(1)\n")), LIMITS)


def test_an_entry_with_two_names_is_refused():
    content = zipped([("app.py", b"1")]).getvalue()
    with pytest.raises(Invalid, match="damaged"):
        unpack.unzip(io.BytesIO(content.replace(b"app.py", b"bad.py", 1)), LIMITS)


def test_a_hundred_thousand_files_are_refused_from_the_count_alone(monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("the directory was read")

    made = io.BytesIO(
        b"PK\x01\x02" * 1000 + unpack.END.pack(b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 4_600_000, 0, 0)
    )
    monkeypatch.setattr(zipfile, "ZipFile", never)
    with pytest.raises(LimitReached, match="at most 50"):
        unpack.unzip(made, LIMITS)


def test_a_real_zip_of_a_hundred_thousand_files_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(f"f{number}"), b"")
    with pytest.raises(LimitReached):
        unpack.unzip(out, LIMITS)
    # A count that lies does not help: the directory is too long for so few.
    content = bytearray(out.getvalue())
    at = content.rindex(b"PK\x05\x06")
    content[at + 8 : at + 12] = struct.pack("<HH", 3, 3)
    with pytest.raises((LimitReached, Invalid)):
        unpack.unzip(io.BytesIO(content), LIMITS)


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"not a zip" * 100, b"PK\x05\x06" + bytes(17), b"PK\x05\x06" * 9]
)
def test_what_is_no_zip_is_refused(content):
    with pytest.raises(Invalid, match="not a zip file"):
        unpack.unzip(io.BytesIO(content), LIMITS)


names = st.one_of(
    st.text(st.sampled_from("ab./\\: \u200cgitGIT~1"), max_size=12),
    st.text(max_size=8),
    st.sampled_from(["handrail.toml", "app.py", "APP.PY", "../x", "/x", ".git/config", "a/b/c.py"]),
)
modes = st.sampled_from([0, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFIFO, stat.S_IFDIR | 0o755])


@st.composite
def hostile_zips(draw):
    """A zip of odd names and kinds, with some of its bytes changed afterwards."""
    out = io.BytesIO()
    with zipfile.ZipFile(
        out, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    ) as archive:
        for name in draw(st.lists(names, max_size=5)):
            try:
                archive.writestr(entry(name, draw(modes)), draw(st.binary(max_size=60)))
            except (UnicodeEncodeError, ValueError):
                continue
    content = bytearray(out.getvalue())
    for at, value in draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=3)
    ):
        content[at] = value
    return bytes(content)


@settings(max_examples=cases(400), deadline=None)
@given(hostile_zips())
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_whatever_the_zip_it_is_refused_or_gives_only_safe_names(content):
    try:
        files = unpack.unzip(io.BytesIO(content), LIMITS)
    except Refusal as refusal:
        assert refusal.message and refusal.next_step
        return
    assert not any(map(paths.wrong_with_path, files))
    assert len({unicodedata.normalize("NFC", path).casefold() for path in files}) == len(files)
    assert all({"", ".", "..", ".git"}.isdisjoint(path.lower().split("/")) for path in files)


def test_a_folder_gives_its_files_without_git_and_caches(tmp_path):
    for path in ("handrail.toml", "lib/x.py", ".git/config", ".venv/bin/python", "__pycache__/x.pyc"):
        (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / path).write_bytes(path.encode())
    assert unpack.folder(tmp_path, LIMITS) == {"handrail.toml": b"handrail.toml", "lib/x.py": b"lib/x.py"}


def test_a_link_in_a_folder_is_refused_and_never_followed(tmp_path):
    (tmp_path / "data").symlink_to("/etc/passwd")
    with pytest.raises(Invalid, match="is a link"):
        unpack.folder(tmp_path, LIMITS)
    (tmp_path / "data").unlink()
    (tmp_path / "loop").symlink_to(tmp_path)
    with pytest.raises(Invalid, match="is a link"):
        unpack.folder(tmp_path, LIMITS)


def test_a_pipe_in_a_folder_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Invalid, match="not a plain file"):
        unpack.folder(tmp_path, LIMITS)


def test_a_folder_that_is_too_much_or_not_there_is_refused(tmp_path):
    for number in range(51):
        (tmp_path / f"f{number}").write_bytes(b"")
    with pytest.raises(LimitReached, match="at most 50"):
        unpack.folder(tmp_path, LIMITS)
    (tmp_path / "big").mkdir()
    (tmp_path / "big/one").write_bytes(bytes(3_000_000))
    with pytest.raises(LimitReached, match="larger than"):
        unpack.folder(tmp_path / "big", LIMITS)
    for wrong in ("nowhere", "f1"):
        with pytest.raises(Invalid):
            unpack.folder(tmp_path / wrong, LIMITS)


def test_a_folder_from_a_browser_loses_its_own_name_and_its_git():
    parts = [("velocity/handrail.toml", io.BytesIO(MANIFEST)), ("velocity/a/b.py", io.BytesIO(b"1"))]
    parts.append(("velocity/.git/config", io.BytesIO(b"x")))
    assert set(unpack.uploaded(parts, LIMITS)) == {"handrail.toml", "a/b.py"}
    with pytest.raises(Invalid, match="climbs out"):
        unpack.uploaded([("v/../../x", io.BytesIO(b""))], LIMITS)
    with pytest.raises(LimitReached):
        unpack.uploaded([(f"v/{n}", io.BytesIO(b"")) for n in range(51)], LIMITS)

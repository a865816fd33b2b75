from __future__ import annotations

import io
import json
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from converters import archive
from converters.archive import is_archive, open_for_editing, unpack, working_folder
from converters.errors import ArchiveError, NotADatasetError, UsageError, WriteError

FILES = {"images/a.png": b"not really", "annotations/a.xml": b"<annotation/>", "empty.txt": b""}


def make_zip(path: Path, entries: dict[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items() if isinstance(entries, dict) else entries:
            file.writestr(name, data)
    return path


def make_tar(path: Path, mode: str, members: list[tuple[tarfile.TarInfo, bytes]] | None = None) -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for info, data in members if members is not None else [member(n, d) for n, d in FILES.items()]:
            file.addfile(info, io.BytesIO(data))
    return path


def member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(path: Path) -> ArchiveError:
    """The error of opening an archive, which must leave nothing behind."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(ArchiveError) as raised:
        open_for_editing(path)
    assert sorted(path.parent.iterdir()) == before
    assert raised.value.path == path
    return raised.value


@pytest.mark.parametrize(
    "name", ["set.zip", "set.tar", "set.tar.gz", "set.tgz", "set.tar.bz2", "set.tar.xz", "set"]
)
def test_unpacks_every_kind(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name in ("set.zip", "set"):
        make_zip(path, FILES)
    else:
        make_tar(
            path,
            {"tar": "w", "gz": "w:gz", "tgz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}[name.rpartition(".")[2]],
        )
    raw = path.read_bytes()
    assert is_archive(path)
    seen: list[tuple[int, int]] = []
    unpack(path, tmp_path / "out", on_progress=lambda done, total: seen.append((done, total)))
    assert content(tmp_path / "out") == dict(sorted(FILES.items()))
    assert seen[0] == (0, 23) and seen[-1] == (23, 23)
    assert path.read_bytes() == raw
    mode = stat.S_IMODE((tmp_path / "out").stat().st_mode)
    (tmp_path / "plain").mkdir()
    assert mode == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_what_is_an_archive(tmp_path: Path) -> None:
    for name, data, expected in (
        ("a.png", b"\x89PNG", False),
        ("a.txt", b"", False),
        ("a.zip", b"", True),
        ("b.bin", b"PK\x03\x04rest", True),
        ("c.rar", b"Rar!\x1a\x07\x01", True),
        ("d.tar", b"", True),
    ):
        (tmp_path / name).write_bytes(data)
        assert is_archive(tmp_path / name) is expected
    assert not is_archive(tmp_path)
    assert not is_archive(tmp_path / "nothing.zip")


def test_working_folder_is_made_once_and_kept_with_the_edits(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "my set.zip", FILES)
    assert working_folder(path) == tmp_path / "my set"
    folder = open_for_editing(path)
    assert folder == tmp_path / "my set"
    info = path.stat()
    marker = json.loads((folder / ".annotator" / "source.json").read_text())
    assert marker == {"name": "my set.zip", "size": info.st_size, "mtime_ns": info.st_mtime_ns}
    (folder / "annotations/a.xml").write_text("edited")
    assert open_for_editing(path) == folder
    assert (folder / "annotations/a.xml").read_text() == "edited"
    assert open_for_editing(folder) == folder


def test_working_folder_does_not_take_what_is_something_else(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "set.zip", FILES)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").touch()
    assert open_for_editing(path) == tmp_path / "set-2"
    os.utime(path, ns=(1, 1))
    assert open_for_editing(path) == tmp_path / "set-3"
    (tmp_path / "set-3/.annotator/source.json").write_text("rubbish")
    assert working_folder(path) == tmp_path / "set-4"
    bare = make_zip(tmp_path / "bare", FILES)
    assert open_for_editing(bare) == tmp_path / "bare-2"
    (tmp_path / "dangling").symlink_to("nowhere")
    assert working_folder(make_zip(tmp_path / "dangling.zip", FILES)) == tmp_path / "dangling-2"


def test_rubbish_of_systems_is_left_out(tmp_path: Path) -> None:
    extra = {"__MACOSX/images/._a.png": b"x", "images/.DS_Store": b"x", "images/Thumbs.db": b"x"}
    unpack(make_zip(tmp_path / "a.zip", FILES | extra), tmp_path / "out")
    assert content(tmp_path / "out") == dict(sorted(FILES.items()))


def test_names_in_many_encodings(tmp_path: Path) -> None:
    utf8 = make_zip(tmp_path / "utf8.zip", {"маска.png": b"1"})
    unpack(utf8, tmp_path / "1")
    assert list(content(tmp_path / "1")) == ["маска.png"]
    # As many packers write it: UTF-8 without the flag that says so.
    raw = bytearray(utf8.read_bytes())
    for place in _places(raw, b"PK\x03\x04", 6) + _places(raw, b"PK\x01\x02", 8):
        struct.pack_into("<H", raw, place, 0)
    (tmp_path / "unflagged.zip").write_bytes(raw)
    unpack(tmp_path / "unflagged.zip", tmp_path / "2")
    assert list(content(tmp_path / "2")) == ["маска.png"]
    # Code page 437, and the same with Info-ZIP's extra field.
    name = "é".encode("cp437")
    for number, extra in ((3, b""), (4, _unicode_path(name, "маска")), (5, _unicode_path(b"other", "маска"))):
        data = bytearray(make_zip(tmp_path / f"{number}.zip", [(_with_extra("X", extra), b"1")]).read_bytes())
        for place in _places(data, b"PK\x03\x04", 30) + _places(data, b"PK\x01\x02", 46):
            data[place : place + 1] = name
        (tmp_path / f"{number}.zip").write_bytes(data)
        unpack(tmp_path / f"{number}.zip", tmp_path / str(number))
        assert list(content(tmp_path / str(number))) == ["маска" if number == 4 else "é"]


def _places(data: bytes, signature: bytes, offset: int) -> list[int]:
    places, start = [], 0
    while (found := data.find(signature, start)) >= 0:
        places.append(found + offset)
        start = found + 4
    return places


def _unicode_path(raw: bytes, name: str) -> bytes:
    body = struct.pack("<BI", 1, zlib.crc32(raw)) + name.encode()
    return struct.pack("<HH", 0x7075, len(body)) + body


def _with_extra(name: str, extra: bytes) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.extra = extra
    return info


@pytest.mark.parametrize(
    "name",
    [
        "/etc/x",
        "../x",
        "a/../../x",
        "a\\b",
        "..\\x",
        "C:x",
        "c:/x",
        "a\x01b",
        "a\nb",
        "x" * 300,
        "a\x7f",
        "a\u0085",
        "a\u2028b",
        "a\u202egnp.exe",
        "a\u2066b",
        "CON",
        "nul.png",
        "sub/Com1.txt",
        "LPT³",
        "a.",
        "a ",
        "b /c",
        "...",
        "a?b",
        "a:b",
        'a"b',
        "d/" * 70 + "x",
        ("a" * 200 + "/") * 6 + "x",
    ],
)
def test_refused_names(tmp_path: Path, name: str) -> None:
    error = refused(make_zip(tmp_path / "a.zip", [("ok.txt", b""), (name, b"x")]))
    assert error.code == "refused-entry"
    assert repr(name)[1:20] in error.message
    if "\x00" not in name:
        assert refused(make_tar(tmp_path / "b.tar", "w", [member(name, b"x")])).code == "refused-entry"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.xml", "a.xml"),
        ("a.xml", "A.XML"),
        ("Images/a", "images/b"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("é", "e\u0301"),
        ("a", "./a"),
    ],
)
def test_names_that_meet(tmp_path: Path, first: str, second: str) -> None:
    with pytest.warns(UserWarning, match="Duplicate") if first == second else _nothing():
        path = make_zip(tmp_path / "a.zip", [(first, b"1"), (second, b"2")])
    error = refused(path)
    assert error.code == "same-name"


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def test_folders_may_stand_there_often(tmp_path: Path) -> None:
    path = make_zip(
        tmp_path / "a.zip", [("a/", b""), ("a/b/", b""), ("a/b/c", b"1"), ("./a/d", b"2"), ("e/", b"")]
    )
    unpack(path, tmp_path / "out")
    assert content(tmp_path / "out") == {"a/b/c": b"1", "a/d": b"2"}
    assert (tmp_path / "out/e").is_dir()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc"}, "symbolic link"),
        ({"type": tarfile.LNKTYPE, "linkname": "ok"}, "hard link"),
        ({"type": tarfile.CHRTYPE}, "device"),
        ({"type": tarfile.FIFOTYPE}, "special"),
        ({"pax_headers": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}}, ""),
    ],
)
def test_refused_kinds_of_tar_entries(tmp_path: Path, fields: dict[str, object], word: str) -> None:
    data = b"0\n" + bytes(510) if not word else b""
    path = make_tar(tmp_path / "a.tar", "w", [member("ok", b"1"), member("bad", data, **fields)])
    assert word in refused(path).message


def test_special_files_in_a_zip(tmp_path: Path) -> None:
    for kind in (0o120777, 0o020666, 0o010666):
        info = zipfile.ZipInfo("odd")
        info.external_attr = kind << 16
        assert "odd" in refused(make_zip(tmp_path / "a.zip", [(info, b"x")])).message


def test_encrypted(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a.zip", {"a": b"1"}).read_bytes())
    for place in _places(data, b"PK\x03\x04", 6) + _places(data, b"PK\x01\x02", 8):
        data[place] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert "encrypted" in refused(tmp_path / "a.zip").message


def test_bombs_are_refused_by_what_they_declare(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("zeros", "w") as entry:
        for _ in range(110):
            entry.write(bytes(1_000_000))
    assert refused(path).code == "bomb"
    huge = member("zeros")
    huge[0].size = 30 << 30
    path = tmp_path / "bomb.tar"
    path.write_bytes(huge[0].tobuf() + bytes(1024))
    assert refused(path).code == "too-large"


def test_a_lie_about_the_size_is_noticed(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a.zip", {"a": b"x" * 1000}).read_bytes())
    for size in (10, 2000):
        for place in _places(data, b"PK\x01\x02", 24):
            struct.pack_into("<I", data, place, size)
        (tmp_path / "a.zip").write_bytes(data)
        assert refused(tmp_path / "a.zip").code == "damaged"


def test_tar_header_that_asks_for_gigabytes(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    assert "absurd" in refused(tmp_path / "a.tar").message


def test_every_cut_and_damage_is_noticed(tmp_path: Path) -> None:
    for name, mode in (
        ("a.zip", ""),
        ("a.tar", "w"),
        ("a.tar.gz", "w:gz"),
        ("a.tar.xz", "w:xz"),
        ("a.tar.bz2", "w:bz2"),
    ):
        path = tmp_path / name
        whole = (make_tar(path, mode) if mode else make_zip(path, FILES)).read_bytes()
        end = len(whole) if mode != "w" else 3 * 1024 - 512
        for cut in range(0, end, max(end // 25, 1)):
            path.write_bytes(whole[:cut])
            assert refused(path).code == "damaged"
        for place in range(0, end, max(end // 25, 1)):
            data = bytearray(whole)
            data[place] ^= 0x55
            path.write_bytes(data)
            try:
                unpack(path, tmp_path / "out")
            except ArchiveError:
                pass
            else:
                if mode != "w":  # tar has no checksum over contents; the others do
                    assert sorted(content(tmp_path / "out").values()) == sorted(FILES.values())
                shutil.rmtree(tmp_path / "out")
        path.unlink()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_what_its_name_says(tmp_path: Path) -> None:
    for name, data, word in (
        ("a.zip", b"<html>404</html>", "no zip"),
        ("b.tar", b"<html>404</html>" * 100, "no tar"),
        ("c.7z", b"7z\xbc\xaf\x27\x1c" + bytes(100), "not supported"),
    ):
        (tmp_path / name).write_bytes(data)
        assert word in refused(tmp_path / name).message
    import gzip

    (tmp_path / "d.gz").write_bytes(gzip.compress(b"just a text" * 200))
    assert "holds no tar" in refused(tmp_path / "d.gz").message
    (tmp_path / "e.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(NotADatasetError):
        open_for_editing(tmp_path / "e.jpg")
    with pytest.raises(UsageError):
        open_for_editing(tmp_path / "nothing")


def test_too_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 2)
    assert refused(make_zip(tmp_path / "a.zip", FILES)).code == "too-many-entries"


@pytest.mark.parametrize(
    "name",
    ["-rf.png", "$(id).png", "~x", " x", "console.png", "a\u200db.png", "#1.png", "маска 1.png", "a..b"],
)
def test_names_that_are_fine(tmp_path: Path, name: str) -> None:
    unpack(make_zip(tmp_path / "a.zip", {name: b"1"}), tmp_path / "out")
    assert list(content(tmp_path / "out")) == [name]


def test_an_archive_without_files(tmp_path: Path) -> None:
    assert refused(make_zip(tmp_path / "a.zip", [])).code == "empty"
    assert (
        refused(make_zip(tmp_path / "a.zip", {"__MACOSX/._a": b"1", "Icon\r": b"", "b/": b""})).code
        == "empty"
    )
    (tmp_path / "a.zip").unlink()
    (tmp_path / "b.tar").write_bytes(bytes(10240))
    assert refused(tmp_path / "b.tar").code == "empty"


def stored_zip(path: Path, size: int, count: int) -> Path:
    """A zip of files that are not there (holes): nothing may read, let alone write them."""
    contents = b""
    with path.open("wb") as file:
        for number in range(count):
            name = f"{number}.png".encode()
            place = file.tell()
            file.write(
                struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, 0, size, size, len(name), 0) + name
            )
            file.seek(size, 1)
            fields = (20, 20, 0, 0, 0, 33, 0, size, size, len(name), 0, 0, 0, 0, 0, place)
            contents += struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields) + name
        start = file.tell()
        file.write(contents)
        file.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(contents), start, 0))
    return path


@pytest.mark.parametrize(("size", "count"), [(3 << 30, 1), (1 << 30, 3)])
def test_three_gigabytes_are_refused_before_they_are_read(tmp_path: Path, size: int, count: int) -> None:
    assert refused(stored_zip(tmp_path / "a.zip", size, count)).code == "too-large"
    with (tmp_path / "a.tar").open("wb") as file:
        for number in range(count):
            file.write(member(f"{number}.png", size=size)[0].tobuf())
            file.seek(size, 1)
        file.write(bytes(1024))
    assert refused(tmp_path / "a.tar").code == "too-large"


def test_a_huge_table_of_contents_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        file.write(b"PK\3\4")
        file.seek(70 << 20)
        file.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 9, 9, 66 << 20, 4, 0))
    assert refused(path).code == "too-many-entries"


def test_headers_of_headers(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 10
    block = info.tobuf(tarfile.GNU_FORMAT) + b"abc".ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(block * 5000 + bytes(1024))
    assert refused(tmp_path / "a.tar").code == "damaged"


def test_what_it_is_counts_and_not_its_name(tmp_path: Path) -> None:
    make_tar(tmp_path / "a.zip", "w:gz")
    make_zip(tmp_path / "b.tar", FILES)
    for name in ("a.zip", "b.tar"):
        unpack(tmp_path / name, tmp_path / f"out-{name}")
        assert content(tmp_path / f"out-{name}") == dict(sorted(FILES.items()))


def test_an_archive_in_an_archive_stays_one(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", FILES).read_bytes()
    unpack(make_zip(tmp_path / "a.zip", {"inner.zip": inner}), tmp_path / "out")
    assert content(tmp_path / "out") == {"inner.zip": inner}


def test_not_enough_space_says_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 5 << 20))
    error = refused(make_zip(tmp_path / "a.zip", FILES))
    assert error.code == "disk-full"
    assert "64 MiB" in error.message and "5 MiB" in error.message


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", FILES)

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_for_editing(path, on_progress=stop)
    assert list(tmp_path.iterdir()) == [path]


def test_the_target_is_new(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", FILES)
    (tmp_path / "out").mkdir()
    unpack(path, tmp_path / "out")
    before = content(tmp_path / "out")
    with pytest.raises(WriteError):
        unpack(path, tmp_path / "out")
    assert content(tmp_path / "out") == before
    with pytest.raises(WriteError):
        unpack(path, tmp_path / "nowhere" / "out")

import errno
import os
from pathlib import Path

import pytest

from converters.errors import WriteError
from converters.files import link_or_copy, write_atomic, write_if_changed, write_new


def test_writes_whole_and_leaves_nothing_behind(tmp_path: Path):
    path = tmp_path / "a.txt"
    write_atomic(path, "één\n")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_longest_names(tmp_path: Path):
    path = tmp_path / ("面" * 83 + ".xml")
    write_atomic(path, "x")
    assert path.read_text() == "x"


def test_a_link_is_replaced_not_written_through(tmp_path: Path):
    original = tmp_path / "original"
    original.write_text("keep")
    for make in (os.link, os.symlink):
        link = tmp_path / make.__name__
        make(original, link)
        write_atomic(link, "new")
        assert original.read_text() == "keep" and link.read_text() == "new" and not link.is_symlink()


def test_permissions_stay(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("x")
    path.chmod(0o640)
    write_atomic(path, "y")
    assert path.stat().st_mode & 0o777 == 0o640


def test_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="disk is full") as caught:
        write_atomic(path, "new")
    assert caught.value.path == path
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_read_only_is_said(tmp_path: Path):
    with pytest.raises(WriteError, match="read-only|cannot be written"):
        write_atomic(Path("/proc/self/nothing.txt"), "x")


def test_unchanged_content_is_not_written_again(tmp_path: Path):
    path = tmp_path / "a"
    assert write_if_changed(path, "x")
    os.utime(path, ns=(1, 1))
    assert not write_if_changed(path, b"x")
    assert path.stat().st_mtime_ns == 1
    assert write_if_changed(path, "y")


def test_link_or_copy_of_a_symlink_is_the_file(tmp_path: Path):
    (tmp_path / "real").write_text("x")
    (tmp_path / "sym").symlink_to("real")
    link_or_copy(tmp_path / "sym", tmp_path / "out")
    assert not (tmp_path / "out").is_symlink() and (tmp_path / "out").read_text() == "x"
    with pytest.raises(WriteError):
        link_or_copy(tmp_path / "missing", tmp_path / "out2")


@pytest.mark.parametrize("can_link", [True, False])
@pytest.mark.parametrize("other_name", [os.link, os.symlink])
def test_link_or_copy_never_writes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_link: bool, other_name
):
    source, kept, target = tmp_path / "source", tmp_path / "kept", tmp_path / "target"
    source.write_text("new")
    kept.write_text("old")
    other_name(kept, target)

    def no_links(real: Path, name: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not can_link:
        monkeypatch.setattr(os, "link", no_links)
    link_or_copy(source, target)
    assert (kept.read_text(), target.read_text()) == ("old", "new")
    assert not target.is_symlink() and target.samefile(source) is can_link
    assert sorted(os.listdir(tmp_path)) == ["kept", "source", "target"]


def test_link_or_copy_onto_a_link_of_the_same_file(tmp_path: Path):
    (tmp_path / "source").write_text("x")
    for _ in range(2):
        link_or_copy(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").samefile(tmp_path / "source")
    assert sorted(os.listdir(tmp_path)) == ["source", "target"]


def test_link_or_copy_that_fails_leaves_everything(tmp_path: Path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "folder").mkdir()
    for source, target in (("missing", "target"), ("target", "folder"), ("target", "nowhere/target")):
        with pytest.raises(WriteError) as caught:
            link_or_copy(tmp_path / source, tmp_path / target)
        assert caught.value.path == tmp_path / target
    assert (tmp_path / "target").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["folder", "target"]
    assert os.listdir(tmp_path / "folder") == []


def test_a_new_file_is_whole_and_never_replaces_one(tmp_path: Path):
    path = tmp_path / "a.txt"
    write_new(path, "één\n" * 300_000)
    assert path.read_text("utf-8") == "één\n" * 300_000
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask
    with pytest.raises(WriteError, match=r"a\.txt"):
        write_new(path, b"other")
    assert path.read_text("utf-8").startswith("één")
    write_new(tmp_path / "empty", b"")
    assert (tmp_path / "empty").read_bytes() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_new_file_on_a_full_disk_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = os.open

    def full(path, *arguments):
        os.close(real(path, *arguments))
        return real("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(WriteError, match="full|space"):
        write_new(tmp_path / "a.txt", b"data")
    assert os.listdir(tmp_path) == []

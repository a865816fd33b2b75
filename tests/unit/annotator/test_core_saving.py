"""Saving: what is written first, who is asked, and disks that refuse."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from annotator.core import edits
from annotator.core.session import Session
from converters import registry
from converters.errors import DataError
from converters.model import Box
from converters.report import Report

BOX = Box((3.0, 4.0, 20.0, 21.0), "with_mask")


def add(session: Session, key: str) -> None:
    session.apply(edits.add_box(key, session.image(key).boxes, BOX))


def test_what_was_edited_last_need_not_wait_for_a_large_edit(small_demo: Path):
    for number in range(60):
        for folder, suffix in (("images", ".png"), ("annotations", ".xml")):
            source = small_demo / folder / f"maksssksksss1{suffix}"
            shutil.copyfile(source, small_demo / folder / f"more{number}{suffix}")
    session = Session.open(small_demo)
    parts = [edits.delete_boxes(k, session.image(k).boxes, frozenset({0})) for k in session.keys]
    session.apply(edits.together(parts, "delete {boxes}"))
    key = session.keys[-1]
    add(session, key)
    assert session.save(seconds=0.0) == []
    assert not session.is_dirty(key)
    assert session.dirty_keys
    assert BOX in {image.key: image for image in registry.load(small_demo, Report())}[key].boxes
    while session.dirty_keys:
        assert session.save(seconds=0.0) == []
    session.close()


def test_a_file_that_another_program_put_back_to_its_old_time_is_noticed(small_demo: Path):
    session = Session.open(small_demo)
    key = session.keys[0]
    path = session.image(key).annotation
    info = path.stat()
    path.write_bytes(path.read_bytes().replace(b"with_mask", b"no_mask__", 1))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    with pytest.raises(DataError, match="another program"):
        add(session, key)
    session.close()


def test_a_file_that_was_put_in_place_of_another_is_noticed(small_demo: Path, tmp_path: Path):
    session = Session.open(small_demo)
    key = session.keys[0]
    path = session.image(key).annotation
    other = tmp_path / "other.xml"
    other.write_bytes(path.read_bytes().replace(b"with_mask", b"no_mask__", 1))
    os.utime(other, (1, 1))
    other.replace(path)
    with pytest.raises(DataError, match="another program"):
        add(session, key)
    session.close()


def test_a_clock_that_was_set_back_does_not_hide_another_program(small_demo: Path, monkeypatch):
    from annotator.core import file_times

    session = Session.open(small_demo)
    key = session.keys[0]
    path = session.image(key).annotation
    real = file_times._offset
    monkeypatch.setattr(file_times, "_offset", lambda: real() - 3600)
    monkeypatch.setattr(file_times, "read_with_time", lambda file: (file.read_bytes(), 0))
    path.write_bytes(path.read_bytes().replace(b"with_mask", b"no_mask__", 1))
    with pytest.raises(DataError, match="another program"):
        add(session, key)
    session.close()


REFUSALS = [errno.ENOSPC, errno.EIO, errno.EROFS]


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("name", ["voc", "coco"])
def test_a_disk_that_refuses_loses_nothing(small_demo, tmp_path, monkeypatch, name, step, code):
    root = small_demo
    if name != "voc":
        root = tmp_path / "set"
        root.mkdir()
        registry.codec_to_write(name).save(registry.load(small_demo, Report()), root, Report())
    session = Session.open(root)
    keys = session.keys[:3]
    before = {key: session.image(key).annotation.read_bytes() for key in keys}
    for key in keys:
        add(session, key)

    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    real_open = os.open
    with monkeypatch.context() as broken:
        if step == "open":
            broken.setattr(
                os, "open", lambda p, *a, **k: refuse() if ".writing-" in str(p) else real_open(p, *a, **k)
            )
        elif step == "write":
            real = os.fdopen
            broken.setattr(os, "fdopen", lambda h, *a, **k: Refusing(real(h, *a, **k), refuse))
        elif step == "fsync":
            broken.setattr(os, "fsync", refuse)
        else:
            broken.setattr(Path, "replace", refuse)
        errors = session.save()
    assert len(errors) == len({session.image(key).annotation for key in keys})
    assert all(error.hint and error.path for error in errors), [str(error) for error in errors]
    assert set(session.dirty_keys) == set(keys)
    for key in keys:
        assert session.image(key).boxes[-1] == BOX
        assert session.image(key).annotation.read_bytes() == before[key]
    assert not list(root.rglob(".writing-*"))
    assert session.save() == []
    session.close()
    files = {image.key: image for image in registry.load(root, Report())}
    assert all(BOX in files[key].boxes for key in keys)
    again = Session.open(root)
    assert all(again.undo() is not None for _ in keys) and again.save() == []
    assert all(again.image(key).annotation.read_bytes() == before[key] for key in keys)
    again.close()


class Refusing:
    """A file that opens and does not take a byte."""

    def __init__(self, file, refuse):
        self._file = file
        self.write = refuse

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of eight megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("a disk can be mounted by an administrator only")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_loses_nothing(small_demo: Path, small_disk: Path):
    root = small_disk / "set"
    for folder, suffix in (("images", ".png"), ("annotations", ".xml")):
        (root / folder).mkdir(parents=True)
        for number in range(3):
            name = f"maksssksksss{number}{suffix}"
            shutil.copyfile(small_demo / folder / name, root / folder / name)
    session = Session.open(root)
    key, other = session.keys[:2]
    add(session, key)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while file.write(b"x" * 4096):
            pass
    for _ in range(30):
        add(session, other)
    errors = session.save()
    assert errors
    assert all(error.hint for error in errors)
    assert len(session.image(other).boxes) == len(session.image(key).boxes) + 29 or session.dirty_keys
    boxes = {k: session.image(k).boxes for k in session.keys}
    assert [image.key for image in registry.load(root, Report())] == list(session.keys)
    filler.unlink()
    assert session.save() == []
    assert session.history.undo_count == 31
    session.close()
    again = Session.open(root)
    assert {k: again.image(k).boxes for k in again.keys} == boxes
    assert again.history.undo_count == 31
    again.close()

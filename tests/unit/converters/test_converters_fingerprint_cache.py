import os
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from converters import baking, fingerprint_cache
from converters.baking import Bake, Job, run_jobs, suffix_for, take_fingerprints
from converters.fingerprint import Fingerprint, fingerprint
from converters.fingerprint_cache import Entry, FileState, FingerprintCache, default_path, digest_of
from converters.images import encode_png, load_rgb, read_header

MARK = Fingerprint("ab" * 32, bytes(range(32)))
LONG_AGO = 1_600_000_000


def write_picture(path: Path, seed: int = 1) -> Path:
    path.write_bytes(encode_png(np.random.default_rng(seed).integers(0, 256, (24, 30, 3), np.uint8)))
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[FingerprintCache]:
    with fingerprint_cache.writing_cache(tmp_path / "deep" / "cache.db") as opened:
        yield opened


def remember(cache: FingerprintCache, path: Path, mark: Fingerprint = MARK) -> None:
    cache.add([Entry(FileState.of(path), digest_of(path.read_bytes()), mark)])


def test_an_unchanged_file_is_known_without_being_read(tmp_path: Path, cache: FingerprintCache):
    path = write_picture(tmp_path / "a.png")
    remember(cache, path)
    known = cache.look_up(path)
    assert known.fingerprint == MARK and not known.digest  # its content was not looked at
    assert known.entries(path, MARK) == []


@pytest.mark.parametrize("how", ["moved", "copied", "touched"])
def test_the_same_content_is_known_elsewhere(tmp_path: Path, cache: FingerprintCache, how: str):
    path = write_picture(tmp_path / "a.png")
    remember(cache, path)
    other = tmp_path / "b.png"
    if how == "moved":
        path = path.rename(other)
    elif how == "copied":
        other.write_bytes(path.read_bytes())
        path = other
    else:
        os.utime(path, (LONG_AGO + 9, LONG_AGO + 9))
    known = cache.look_up(path)
    assert known.fingerprint == MARK and known.digest == digest_of(path.read_bytes())


def test_other_content_of_the_same_size_and_time_is_not_taken_for_it(tmp_path: Path, cache: FingerprintCache):
    path = tmp_path / "a.png"
    path.write_bytes(b"first content")
    os.utime(path, (LONG_AGO, LONG_AGO))
    remember(cache, path)
    new = tmp_path / "new"
    new.write_bytes(b"other content")
    os.utime(new, (LONG_AGO, LONG_AGO))
    new.replace(path)  # as an archive that is unpacked over it does
    assert cache.look_up(path).fingerprint is None


def test_a_file_changed_just_now_is_known_by_its_content_only(tmp_path: Path, cache: FingerprintCache):
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    remember(cache, path)
    assert cache.by_state(FileState.of(path)) is None
    assert cache.look_up(path).fingerprint == MARK


def test_what_changes_while_it_is_decoded_is_not_remembered(tmp_path: Path, cache: FingerprintCache):
    path = write_picture(tmp_path / "a.png")
    known = cache.look_up(path)
    write_picture(path, seed=2)
    os.utime(path, (LONG_AGO + 5, LONG_AGO + 5))
    assert known.digest and known.entries(path, MARK) == []


def test_a_missing_file_is_not_known(tmp_path: Path, cache: FingerprintCache):
    known = cache.look_up(tmp_path / "none.png")
    assert known.fingerprint is None and known.entries(tmp_path / "none.png", MARK) == []


def test_it_goes_to_another_process_by_its_name(tmp_path: Path, cache: FingerprintCache):
    path = write_picture(tmp_path / "a.png")
    remember(cache, path)
    code = (
        "import pickle, sys, pathlib; cache = pickle.load(sys.stdin.buffer);"
        f"print(cache.look_up(pathlib.Path({str(path)!r})).fingerprint.pixels)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(cache), capture_output=True, check=True
    )
    assert run.stdout.decode().strip() == MARK.pixels


@pytest.mark.parametrize("content", [b"no database at all, but longer than a page's head" * 9, b""])
def test_a_damaged_cache_is_begun_anew(tmp_path: Path, content: bytes):
    file, path = tmp_path / "cache.db", write_picture(tmp_path / "a.png")
    file.write_bytes(content)
    with fingerprint_cache.writing_cache(file) as cache:
        remember(cache, path)
        assert cache.look_up(path).fingerprint == MARK


def test_another_version_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file, path = tmp_path / "cache.db", write_picture(tmp_path / "a.png")
    with fingerprint_cache.writing_cache(file) as cache:
        remember(cache, path)
    monkeypatch.setattr(fingerprint_cache, "VERSION", fingerprint_cache.VERSION + 1)
    reader = FingerprintCache(file)
    assert reader.look_up(path).fingerprint is None
    with fingerprint_cache.writing_cache(file) as cache:
        assert cache.look_up(path).fingerprint is None


def test_where_it_cannot_be_written_all_goes_on_without(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    path = write_picture(tmp_path / "a.png")
    with fingerprint_cache.writing_cache(tmp_path / "file" / "cache.db") as cache:
        remember(cache, path)
        assert cache.look_up(path).fingerprint is None


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fingerprint_cache, "MAX_FILES", 10)
    file = tmp_path / "cache.db"
    pictures = [write_picture(tmp_path / f"{number}.png", number) for number in range(13)]
    for path in pictures:
        with fingerprint_cache.writing_cache(file) as cache:
            remember(cache, path)
    reader = FingerprintCache(file)
    known = [reader.look_up(path).fingerprint is not None for path in pictures]
    reader.close()
    assert known[-1] and not known[0] and sum(known) <= 10


def test_a_second_conversion_decodes_nothing(tmp_path: Path):
    pictures = [(str(number), write_picture(tmp_path / f"{number}.png", number)) for number in range(3)]
    first, _ = take_fingerprints(pictures, workers=1)
    assert first == {key: fingerprint(load_rgb(path)) for key, path in pictures}
    state = os.stat(pictures[0][1])
    # Other content behind the same state: decoded, it would be found out.
    with pictures[0][1].open("r+b") as file:
        file.write(b"\0" * 40)
    os.utime(pictures[0][1], ns=(state.st_atime_ns, state.st_mtime_ns))
    again, errors = take_fingerprints(pictures, workers=2)
    assert again == first and not errors
    assert default_path().is_file()


def test_baked_files_are_known_and_linked_ones_are_not_decoded_without_marks(tmp_path: Path):
    source, out = write_picture(tmp_path / "a.png"), tmp_path / "out"
    out.mkdir()
    [done] = run_jobs([Job("a", source, out / "a.png", bake=True)], workers=1)
    assert done.fingerprint == fingerprint(load_rgb(source))
    reader = FingerprintCache(default_path())
    assert reader.by_digest(digest_of((out / "a.png").read_bytes())) == done.fingerprint
    reader.close()
    broken = tmp_path / "broken.png"
    broken.write_bytes(source.read_bytes()[:200])
    [linked] = run_jobs([Job("b", broken, out / "b.png", mark=False)], workers=1)
    assert linked == baking.Done("b", None) and (out / "b.png").samefile(broken)


def test_only_what_a_darknet_cannot_open_is_baked_when_needed(tmp_path: Path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    wanted = {"a.png": ".png", "b.jpg": ".jpg", "c.webp": None, "d.tif": None, "turned.jpg": None}
    for name, suffix in wanted.items():
        picture = Image.new("RGBA" if name == "a.png" else "RGB", (8, 6))
        picture.save(tmp_path / name, **({"exif": exif} if name == "turned.jpg" else {}))
        expected = (suffix, False) if suffix else (".png", True)
        assert suffix_for(read_header(tmp_path / name), Bake.NEEDED) == expected
    assert suffix_for(read_header(tmp_path / "a.png")) == (".png", True)


def test_a_locked_cache_costs_only_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file, path = tmp_path / "cache.db", write_picture(tmp_path / "a.png")
    with fingerprint_cache.writing_cache(file) as cache:
        monkeypatch.setattr(fingerprint_cache, "_MAX_WAIT_S", 0.01)
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with fingerprint_cache.writing_cache(file) as blocked:
            remember(blocked, path)
        other.execute("ROLLBACK")
        other.close()
        assert cache.look_up(path).fingerprint is None


def test_a_conversion_without_looking_for_similar_ones_decodes_nothing(small_demo: Path, tmp_path: Path):
    from converters.convert import ConvertOptions, convert_to_work
    from converters.report import Report

    damaged = sorted((small_demo / "images").iterdir())[0]
    data = damaged.read_bytes()
    damaged.write_bytes(data[: len(data) // 2])
    options = ConvertOptions(similar=False, bake=Bake.NEEDED)
    result = convert_to_work(small_demo, tmp_path / "work", Report(), options)
    assert result.linked == 9 and not result.unreadable and not result.groups
    assert not default_path().exists()
    looked = convert_to_work(small_demo, tmp_path / "other", Report(), ConvertOptions(bake=Bake.NEEDED))
    assert looked.linked == 8 and len(looked.unreadable) == 1

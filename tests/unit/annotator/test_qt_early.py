import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from annotator.core.first_look import first_look
from annotator.qt.early import picture_of, show_early
from annotator.settings import Settings


def test_it_is_the_picture_with_which_the_window_will_begin(small_demo: Path, tmp_path: Path, make_picture):
    for number in (10, 9, 100):
        make_picture(tmp_path / "flat" / f"a{number}.PNG")
    (tmp_path / "flat" / "notes.txt").write_text("no picture")
    for root in (small_demo, tmp_path / "flat"):
        look = first_look(root)
        assert look is not None and picture_of(root) == look.image.path
    key = "images/maksssksksss3"
    assert picture_of(small_demo, key) == small_demo / f"{key}.png"
    assert first_look(small_demo, key).image.path == picture_of(small_demo, key)


def test_where_it_is_not_plain_the_window_finds_it(small_demo: Path, tmp_path: Path):
    shutil.copytree(small_demo / "images", small_demo / "more")
    assert picture_of(small_demo) is None
    assert picture_of(tmp_path / "nothing") is None
    assert picture_of(small_demo, "images/gone") is None
    (tmp_path / "empty").mkdir()
    assert picture_of(tmp_path / "empty") is None


def test_it_is_painted_and_goes(qtbot, small_demo: Path, tmp_path: Path):
    settings = Settings(tmp_path / "settings.json")
    early = show_early(small_demo, settings)
    assert early is not None and early.isVisible()
    qtbot.waitUntil(lambda: early.is_painted, timeout=5000)
    middle = early.grab().toImage().pixelColor(early.width() // 2, early.height() // 2)
    assert middle.getRgb()[:3] != (45, 45, 48)
    early.leave()
    qtbot.waitUntil(lambda: not early.isVisible(), timeout=10_000)
    (small_demo / "images" / "maksssksksss0.png").write_bytes(b"no picture")
    assert show_early(small_demo, settings) is None


@pytest.mark.parametrize("module", ["numpy", "lxml", "cv2", "pandas"])
def test_nothing_heavy_is_imported_for_it(module: str):
    code = f"import annotator.app, annotator.qt.early, sys; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""What all tests share: real pictures, a small real data set, a home of their own."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings

from assets import demo_path

# OpenCV's full build (imgaug brings it) points Qt at plugins with which PyQt5 aborts; see annotator.app.
for _name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
    if "cv2" in os.environ.get(_name, ""):
        del os.environ[_name]

# The same examples in every run, so that a red run says something about the change and not about the dice;
# HYPOTHESIS_PROFILE=random looks for new ones.
settings.register_profile("fixed", derandomize=True)
settings.register_profile("random", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def kaggle_archive() -> Path:
    """The real pictures, where they are at hand."""
    path = SHARED / "kaggle" / "archive"
    if not path.is_dir():
        pytest.skip("the Kaggle pictures are not beside the checkout (../shared/kaggle)")
    return path


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the person's settings."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _garbage_in_the_windows_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """As in the window, no other thread takes widgets apart; see annotator.qt.collecting."""
    if "qapp" not in request.fixturenames:
        yield
        return
    gc.disable()
    yield
    gc.collect(1)
    gc.enable()


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A copy of the demo set that may be written."""
    target = tmp_path / "demo"
    shutil.copytree(demo_path(), target)
    return target


@pytest.fixture
def small_demo(tmp_path: Path) -> Path:
    """Nine pictures of the demo set."""
    target = tmp_path / "small"
    for folder, suffix in (("images", ".png"), ("annotations", ".xml")):
        (target / folder).mkdir(parents=True)
        for number in range(9):
            name = f"maksssksksss{number}{suffix}"
            shutil.copyfile(demo_path() / folder / name, target / folder / name)
    return target


MakePicture = Callable[..., Path]


@pytest.fixture
def make_picture() -> MakePicture:
    """Write a picture whose left half is red and whose right half is blue."""

    def make(path: Path, width: int = 60, height: int = 40) -> Path:
        bgr = np.zeros((height, width, 3), np.uint8)
        bgr[:, : width // 2] = (0, 0, 255)
        bgr[:, width // 2 :] = (255, 0, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        ok, data = cv2.imencode(path.suffix.lower(), bgr)
        assert ok
        path.write_bytes(data.tobytes())
        return path

    return make

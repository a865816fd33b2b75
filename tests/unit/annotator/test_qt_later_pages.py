import sys

import pytest

from annotator.qt.main_window import MainWindow
from annotator.settings import Settings

LATER = ("balance", "split", "augment", "train", "predict")


@pytest.fixture
def window(qtbot, tmp_path):
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    widget.close_without_asking()


def test_a_page_is_built_when_its_tab_is_shown(qtbot, window, small_demo):
    titles = [window.tabs.tabText(index) for index in range(window.tabs.count())]
    assert all(name in window.later for name in LATER)
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: window.project is not None, timeout=20_000)
    assert all(name in window.later for name in LATER)
    window.show_page("balance")
    assert "balance" not in window.later and "train" in window.later
    assert window.tabs.currentWidget() is window.balance is window.page_names["balance"]
    assert window.balance.project is window.project and window.balance in window.pages
    assert [window.tabs.tabText(index) for index in range(window.tabs.count())] == titles
    assert window.page_name == "balance"


def test_a_page_is_built_when_it_is_asked_for_and_connected_once(window):
    shown = window.tabs.currentIndex()
    seen = []
    window.later.when_built("train", seen.append)
    window.later.when_there("train", lambda page: seen.append("there"))
    assert not seen
    page = window.train
    assert seen == [page] and window.train is page
    window.later.when_built("train", seen.append)
    window.later.when_there("train", lambda page: seen.append("there"))
    assert seen == [page, page, "there"]
    assert window.tabs.currentIndex() == shown
    with pytest.raises(AttributeError):
        _ = window.no_such_page


def test_the_window_starts_without_charts_and_tables():
    import subprocess

    code = (
        "import sys, annotator.qt.main_window;"
        "print([m for m in ('pyqtgraph', 'pandas', 'scipy', 'cv2', 'augment') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Garbage made in a thread is taken apart in the window's thread."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from PyQt5.QtCore import QObject

from annotator.qt.collecting import Collector


class _Knot:
    def __init__(self) -> None:
        self.own = self


@pytest.fixture
def collector(qapp):
    was_on = gc.isenabled()
    owner = QObject()
    yield Collector(owner)
    gc.enable() if was_on else gc.disable()


def _tie(count: int) -> list[int]:
    """Make knots in a thread; the threads that they are taken apart in."""
    ended: list[int] = []

    def work() -> None:
        for _ in range(count):
            weakref.finalize(_Knot(), lambda: ended.append(threading.get_ident())).atexit = False

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return ended


def test_knots_of_a_thread_are_undone_in_the_windows_thread(collector: Collector, qtbot):
    ended = _tie(20_000)
    assert ended == [], "the thread itself takes nothing apart"
    qtbot.waitUntil(lambda: len(ended) == 20_000)
    assert set(ended) == {threading.get_ident()}


def test_without_it_the_thread_takes_them_apart(qapp):
    was_on = gc.isenabled()
    gc.enable()
    try:
        ended = _tie(20_000)
    finally:
        gc.enable() if was_on else gc.disable()
    assert ended and threading.get_ident() not in ended


def test_old_knots_go_as_well_and_python_takes_over_again(collector: Collector):
    gc.collect()
    ended: list[int] = []
    kept = _Knot()
    weakref.finalize(kept, lambda: ended.append(1)).atexit = False
    gc.collect()
    del kept
    ballast = []
    for _ in range(200):
        ballast += [[] for _ in range(1000)]
        collector.look()
    assert ended == [1]
    collector.leave()
    assert gc.isenabled()

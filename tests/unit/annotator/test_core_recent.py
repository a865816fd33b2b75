import datetime
from pathlib import Path

from annotator.core.recent import days_ago, facts_of, forget, recent_sets, remember
from annotator.core.session import Session
from annotator.settings import Settings


def test_what_is_told_of_a_set_and_forgotten(small_demo: Path, tmp_path: Path):
    settings = Settings(tmp_path / "settings.json")
    session = Session.open(small_demo)
    facts = facts_of(session)
    boxes = sum(len(session.image(key).boxes) for key in session.keys)
    session.close()
    settings.add_recent(small_demo)
    remember(settings, small_demo, facts)
    gone = tmp_path / "gone"
    settings.add_recent(gone)
    first, second = recent_sets(Settings(settings.path))
    assert first.path == gone and first.pictures is None and first.opened is None
    assert (second.path, second.pictures, second.boxes) == (small_demo, 9, boxes)
    assert second.picture.exists() and days_ago(second.opened, datetime.datetime.now()) <= 1
    forget(settings, gone)
    forget(settings, small_demo)
    assert recent_sets(settings) == [] and settings.get("recent_facts") == {}


def test_settings_edited_by_hand_cost_the_memory_only(tmp_path: Path):
    settings = Settings(tmp_path / "settings.json")
    settings.set("recent", ["/a", 7, ""])
    settings.set("recent_facts", {"/a": {"pictures": "many", "opened": 3, "picture": []}})
    assert [one.pictures for one in recent_sets(settings)] == [None]
    settings.set("recent", "nonsense")
    settings.set("recent_facts", [])
    assert recent_sets(settings) == []


def test_days_are_midnights():
    late, early = datetime.datetime(2026, 3, 1, 23, 59), datetime.datetime(2026, 3, 2, 0, 1)
    assert days_ago(late, early) == 1 and days_ago(early, late) == 0

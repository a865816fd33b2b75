from pathlib import Path

import pytest

from annotator.core.amounts import Forecast, seconds_text, size_text
from annotator.core.session import Session
from annotator.core.trash_listing import by_folder, erase, list_trash
from converters.errors import DataError

KEYS = [f"images/maksssksksss{number}" for number in range(4)]


@pytest.fixture
def session(small_demo: Path):
    opened = Session.open(small_demo)
    yield opened
    opened.close()


def test_what_lies_in_the_trash(session: Session):
    boxes = len(session.image(KEYS[0]).boxes)
    session.remove_images(KEYS[:1])
    session.remove_images(KEYS[1:3])
    rows = list_trash(session.trash)
    assert {row.item.key for row in rows} == set(KEYS[:3])
    first = next(row for row in rows if row.item.key == KEYS[0])
    assert first.boxes == boxes and first.removed is not None and first.picture.is_file()
    assert first.size == sum(
        path.stat().st_size for path in first.picture.parents[1].rglob("*maksssksksss0.*")
    )
    assert sorted(map(len, by_folder(rows).values())) == [1, 2]


def test_deleting_some_for_good_keeps_the_others(session: Session):
    session.remove_images(KEYS[:3])
    rows = list_trash(session.trash)
    told = []
    freed = erase(session.trash, rows[:1], lambda done, total: told.append((done, total)))
    assert freed == rows[0].size and told == [(0, 1)]
    left = list_trash(session.trash)
    assert [row.item.key for row in left] == [row.item.key for row in rows[1:]]
    assert not rows[0].picture.exists()
    with pytest.raises(DataError, match="not in the trash any more"):
        session.undo()
    session.restore_images(left[0].item.folder, [left[0].item.key])
    assert left[0].item.key in session
    erase(session.trash, list_trash(session.trash), lambda done, total: None)
    assert list_trash(session.trash) == [] and not any(session.trash.folder.iterdir())


def test_a_folder_that_is_no_time_is_listed_all_the_same(session: Session):
    session.remove_images(KEYS[:1])
    (folder,) = session.trash.folder.iterdir()
    folder.rename(folder.with_name("by hand"))
    (row,) = list_trash(session.trash)
    assert row.removed is None and row.picture.is_file()


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (999_499, "999 kB"),
     (1_400_000, "1.4 MB"), (245_000_000, "245 MB"), (3_200_000_000_000_000, "3200 TB")],
)  # fmt: skip
def test_sizes(size: int, text: str):
    assert size_text(size) == text


def test_how_long_it_will_take():
    forecast = Forecast(now=0.0)
    assert forecast.left(0, 100, now=0.0) is None and forecast.left(1, 100, now=0.5) is None
    assert forecast.left(10, 100, now=2.0) == pytest.approx(18.0)
    assert forecast.left(1, 50, now=3.0) is None  # another stage
    assert [seconds_text(value) for value in (0.2, 40, 90, 7800)] == ["1 s", "40 s", "2 min", "2 h 10 min"]

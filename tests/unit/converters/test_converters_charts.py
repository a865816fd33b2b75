import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from converters.balance_facts import class_frame, crowds_of, csv_bytes, facts_of
from converters.balance_plan import PlanOptions, parse_target, solve
from converters.chart_drawing import WIDTH, Anchor, Rectangle, Text, draw, elided, nice_ticks, text_width
from converters.chart_png import as_png, charts_png
from converters.charts import (
    MOST_ROWS,
    BarChart,
    Matrix,
    Subject,
    boxes_chart,
    charts_of,
    crowds_chart,
    images_chart,
    plan_chart,
    sizes_chart,
    together_chart,
    toned,
)
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.stats import CopyCounts, boxes_frame


def picture(key: str, labels: str, split: Split | None = None, side: float = 20) -> AnnotatedImage:
    boxes = tuple(Box((10.0 * i, 0, 10.0 * i + side, side), label) for i, label in enumerate(labels.split()))
    return AnnotatedImage(key, Path(f"{key}.png"), (208, 104), boxes, split)


def dataset(*images: AnnotatedImage, names: tuple[str, ...] = ("mask", "chin")) -> Dataset:
    return Dataset(Path("set"), "yolo", images, names)


@pytest.fixture
def small() -> Dataset:
    return dataset(
        picture("a", "mask mask chin", Split.TRAIN),
        picture("b", "mask", Split.TRAIN),
        picture("c", "mask mask", Split.VAL),
        picture("d", "chin", Split.TEST, side=100),
        picture("e", "", Split.TRAIN),
    )


def test_bars_hold_boxes_and_pictures_by_split_with_copies_apart(small: Dataset):
    copies = CopyCounts(2)
    copies.boxes.update({"chin": 3})
    copies.images.update({"chin": 2})
    facts = facts_of(small, copies)
    boxes = boxes_chart(facts)
    assert [part.key for part in boxes.parts] == ["train", "val", "test", "copies"]
    assert [row.values for row in boxes.rows] == [(3, 2, 0, 0), (1, 0, 1, 3)]
    assert [row.values for row in images_chart(facts).rows] == [(2, 1, 0, 0), (1, 0, 1, 2)]
    assert boxes.sum_of(boxes.rows[1]) == "5 = 1 + 1 + 3"
    assert boxes.describe(boxes.rows[1], 3) == "chin, in copies of train: 3 (60%)"
    assert facts.trained_on == {"mask": 3, "chin": 4}
    assert facts.copies_sentence() == (
        "Largest to smallest class in training: 3 : 1 without the copies, 1.3 : 1 with them."
    )


def test_a_set_without_split_has_one_part_and_one_with_leftovers_says_so(small: Dataset):
    plain = dataset(picture("a", "mask"))
    assert [part.key for part in boxes_chart(facts_of(plain)).parts] == ["none"]
    mixed = dataset(*small, picture("z", "mask mask"))
    chart = boxes_chart(facts_of(mixed))
    assert chart.parts[-1].key == "none" and chart.rows[0].values[-1] == 2
    assert crowds_chart(facts_of(mixed)).parts[-1].key == "none"


def test_sizes_are_shares_of_each_class(small: Dataset):
    facts = facts_of(small, network_size=(416, 416))
    chart = sizes_chart(facts)
    assert chart.extent == 100 and chart.rows[1].values == (1, 0, 1)
    assert chart.segments(chart.rows[1]) == [(0, 0, 50), (2, 50, 100)]
    # 20 px squares become 40 x 80: medium; stretched as Darknet does.
    assert [c.medium for c in facts.network_sizes] == [5, 1]


def test_pictures_by_their_number_of_boxes(small: Dataset):
    crowds = crowds_of(dataset(*small, picture("many", "mask " * 60, Split.TRAIN)))
    assert [crowd.name for crowd in crowds] == ["0", "1", "2", "3", "4", "5–9", "10–19", "20–49", "50+"]
    assert [crowd.images[Split.TRAIN] for crowd in crowds] == [1, 1, 0, 1, 0, 0, 0, 0, 1]
    assert crowds[-1].holds(10_000) and not crowds[-1].holds(49)
    assert crowds_of(dataset()) == ()


def test_classes_that_share_pictures_as_matrix_or_pairs(small: Dataset):
    found = together_chart(facts_of(small))
    assert isinstance(found, Matrix)
    assert found.together == ((0, 1), (1, 0)) and found.alone == (2, 1) and found.images == (3, 2)
    assert together_chart(facts_of(dataset(picture("a", "mask")))) is None
    names = tuple(f"c{i}" for i in range(20))
    many = together_chart(
        facts_of(dataset(picture("a", " ".join(names)), picture("b", "c3 c7"), names=names))
    )
    assert isinstance(many, BarChart) and many.rows[0].about == ("c3", "c7") and many.rows[0].values == (2,)
    assert len(many.rows) == 15


def test_a_plan_shows_what_copies_and_pastes_add(small: Dataset):
    plan = solve(small, parse_target("equal"), PlanOptions())
    chart = plan_chart(plan, small.class_names)
    assert [row.total for row in chart.rows] == list(plan.after.values())
    assert [row.mark for row in chart.rows] == [plan.target.get(label) for label in plan.before]
    assert charts_of(facts_of(small, plan=plan))[-1].title == chart.title


def test_of_very_many_classes_the_largest_are_drawn():
    names = tuple(f"c{i}" for i in range(150))
    images = [picture(f"p{i}", " ".join([names[i]] * (1 + i % 7))) for i in range(150)]
    chart = boxes_chart(facts_of(dataset(*images, names=names)))
    assert len(chart.rows) == MOST_ROWS and "150 classes" in chart.note
    left_out = sum(1 + i % 7 for i in range(150)) - sum(row.total for row in chart.rows)
    assert f"have {left_out} together" in chart.note
    assert [row.name for row in chart.rows] == sorted((row.name for row in chart.rows), key=names.index)


def test_the_table_of_classes_can_be_read_again(small: Dataset):
    plan = solve(small, parse_target("chin=4"), PlanOptions())
    frame = class_frame(facts_of(small, network_size=(416, 416), plan=plan))
    again = pd.read_csv(io.BytesIO(csv_bytes(frame)))
    assert list(again["class"]) == ["mask", "chin"] and list(again["train_boxes"]) == [3, 1]
    assert list(again["medium_at_416x416"]) == [5, 1]
    assert again["target_boxes"].isna().tolist() == [True, False] and again["target_boxes"][1] == 4
    empty = class_frame(facts_of(dataset(picture("a", ""), names=("none",))))
    assert empty["ratio"].isna().all() and empty["boxes"].tolist() == [0]
    assert len(class_frame(facts_of(dataset(names=())))) == 0


def test_names_that_are_not_utf8_keep_their_bytes():
    frame = boxes_frame(dataset(picture("caf\udce9", 'mask, "x"\n'.replace("\n", ""))))
    assert b"caf\xe9," in csv_bytes(frame)


def test_drawn_bars_have_their_lengths_and_nothing_leaves_the_drawing(small: Dataset):
    copies = CopyCounts(1)
    copies.boxes.update({"chin": 4})
    plan = solve(small, parse_target("equal"), PlanOptions())
    long = dataset(
        *(picture(f"i{n}", name, Split.TRAIN) for n, name in enumerate(("mask", "W" * 300, "例" * 80))),
        names=("mask", "W" * 300, "例" * 80),
    )
    for facts in (facts_of(small, copies, network_size=(608, 608), plan=plan), facts_of(long)):
        for chart in charts_of(facts):
            drawing = draw(chart)
            for item in drawing.items:
                if isinstance(item, Rectangle):
                    assert (
                        item.x >= 0
                        and item.x + item.width <= WIDTH
                        and item.y + item.height <= drawing.height
                    )
                elif isinstance(item, Text):
                    width = text_width(item.text, item.size)
                    left = (
                        item.x - {Anchor.START: 0, Anchor.MIDDLE: width / 2, Anchor.END: width}[item.anchor]
                    )
                    assert left >= -1 and left + width <= WIDTH + 1 and 0 <= item.y <= drawing.height, item
    boxes = boxes_chart(facts_of(small))
    bars = [item for item in draw(boxes).items if isinstance(item, Rectangle) and item.tooltip]
    assert [bar.tooltip.split(":")[0] for bar in bars] == [
        "mask, train",
        "mask, val",
        "chin, train",
        "chin, test",
    ]
    assert bars[0].width == pytest.approx(3 * bars[2].width) and bars[1].x == pytest.approx(
        bars[0].x + bars[0].width
    )


@pytest.mark.parametrize("extent", [1, 3, 9.5, 26, 100, 3232, 98_765_432])
def test_ticks_are_round_and_few(extent: float):
    ticks = nice_ticks(extent)
    assert ticks[0] == 0 and ticks[-1] <= extent and 2 <= len(ticks) <= 7
    assert all(tick == int(tick) for tick in ticks)


def test_long_names_are_shortened_in_their_middle():
    assert elided("mask", 12, 100) == "mask"
    short = elided("a very long class name indeed", 12, 100)
    assert short.startswith("a v") and short.endswith("eed") and "…" in short
    assert text_width(short, 12) <= 100
    assert elided("例え", 12, 3) == "…"


def test_png_has_the_bars_in_the_colours_of_the_classes(small: Dataset):
    facts = facts_of(small)
    image = np.asarray(Image.open(io.BytesIO(charts_png(facts))))
    assert image.ndim == 3 and image.shape[1] > 1200
    for row in boxes_chart(facts).rows:
        assert (image == np.array(toned(row.colour, 0))).all(axis=2).any()
    nothing = Image.open(io.BytesIO(charts_png(facts_of(dataset(names=())))))
    assert np.asarray(nothing).min() < 100  # the sentence that there is nothing
    one = Image.open(io.BytesIO(as_png([draw(boxes_chart(facts))])))
    assert one.width < image.shape[1]


def test_subjects_are_told_apart(small: Dataset):
    facts = facts_of(small, network_size=(416, 416))
    subjects = [chart.subject for chart in charts_of(facts) if isinstance(chart, BarChart)]
    assert subjects == [
        Subject.BOXES, Subject.IMAGES, Subject.SIZES, Subject.NETWORK_SIZES, Subject.CROWDS,
    ]  # fmt: skip

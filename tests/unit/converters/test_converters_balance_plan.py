import csv
import itertools
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from converters import balance_program
from converters.balance_goal import SPARE
from converters.balance_plan import (
    BalancePlan,
    PlanOptions,
    Target,
    parse_target,
    planned_counts,
    ratio_of,
    solve,
    training_counts,
)
from converters.errors import DataError, UsageError
from converters.fingerprint import Fingerprint, groups, pairs
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.split import SplitRequest, split_dataset

KAGGLE = Path(__file__).resolve().parents[3] / ".." / "shared" / "kaggle"
NAMES = ("mask", "no_mask", "chin")


def image(key: str, *counts: int, split: Split | None = Split.TRAIN, labelled: bool = True) -> AnnotatedImage:
    boxes = faces(name for name, count in zip(NAMES, counts, strict=False) for _ in range(count))
    return AnnotatedImage(key, Path(f"/set/{key}.png"), (400, 300), boxes, split, labelled=labelled)


def faces(labels: Iterable[str]) -> tuple[Box, ...]:
    """Boxes in rows, all of which can be cut out."""
    boxes = []
    for place, label in enumerate(labels):
        x, y = 4.0 + 18 * (place % 21), 4.0 + 20 * (place // 21)
        boxes.append(Box((x, y, x + 13, y + 13), label))
    return tuple(boxes)


def dataset(*images: AnnotatedImage, names: tuple[str, ...] = NAMES) -> Dataset:
    return Dataset(Path("/set"), "yolo", images, names)


def of(rows: list[tuple[int, ...]]) -> Dataset:
    return dataset(*(image(f"obj/p{number}", *row) for number, row in enumerate(rows)))


# -- the target's text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("equal", Target(Fraction(1))),
        (" EQUAL ", Target(Fraction(1))),
        ("5:1", Target(Fraction(5))),
        ("2.5 : 1", Target(Fraction(5, 2))),
        ("10:4", Target(Fraction(5, 2))),
        ("1:1", Target(Fraction(1))),
        ("mask=3000, no mask = 1500", Target(counts={"mask": 3000, "no mask": 1500})),
        (r"a\=b=3,c\,d=4", Target(counts={"a=b": 3, "c,d": 4})),
    ],
)
def test_targets(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no target"),
        ("5", "no target"),
        ("five:one", "no target"),
        ("-5:1", "no target"),
        ("٥:1", "no target"),
        ("1:5", "largest class comes first"),
        ("5:0", "not 1:1 or more"),
        ("0:0", "not 1:1 or more"),
        ("mask=0", "'0' boxes of mask"),
        ("mask=-3", "'-3' boxes"),
        ("mask=1e3", "'1e3' boxes"),
        ("mask=3,mask=4", "twice"),
        ("=3", "names no class"),
        ("mask=3,", "not CLASS=NUMBER"),
        ("mask=99999999999", "whole number"),
    ],
)
def test_bad_targets(text: str, says: str) -> None:
    with pytest.raises(UsageError, match="(?s)" + says) as caught:
        parse_target(text)
    assert "equal" in str(caught.value)


def test_targets_are_said_as_they_are_written() -> None:
    for text in ("equal", "mask=3000,no mask=1500", r"a\=b=3"):
        assert str(parse_target(text)) == text
    assert str(parse_target("10:2")) == "5 : 1"


# -- what is asked for is found ------------------------------------------------------------------------------


def test_copies_of_the_pictures_that_have_little_else() -> None:
    plan = solve(of([(6, 0), (6, 0), (4, 1), (0, 1)]), parse_target("4:1"))
    assert plan.before == {"mask": 16, "no_mask": 2, "chin": 0}
    assert plan.copies == {"obj/p3": 2}
    assert plan.after == {"mask": 16, "no_mask": 4, "chin": 0}
    assert plan.reached
    assert plan.target == {"mask": 4, "no_mask": 4}
    assert plan.notes == ("No training box of chin: copies cannot add any.",)


def test_nothing_to_do() -> None:
    for text in ("2:1", "mask=3", "mask=2,no_mask=2"):
        plan = solve(of([(3, 0), (0, 2)]), parse_target(text))
        assert plan.reached
        assert not plan.copies
        assert plan.after == plan.before
    assert any("nothing is taken away" in note for note in plan.notes)


def test_copies_are_spread_and_fewest_are_fewest() -> None:
    data = of([(40, 0), *[(0, 1)] * 8, (0, 2)])
    spread, fewest = (
        solve(data, parse_target("no_mask=22"), PlanOptions(fewest=fewest)) for fewest in (False, True)
    )
    assert spread.reached and fewest.reached
    assert fewest.copy_count < spread.copy_count
    assert len(fewest.copies) < len(spread.copies)
    assert max(spread.copies.values()) < max(fewest.copies.values())


def test_val_test_and_unlabelled_pictures_are_never_in_it() -> None:
    images = [image(f"obj/a{i}", 9) for i in range(3)]
    images += [image(f"obj/v{split}", 0, 5, split=split) for split in (Split.VAL, Split.TEST, None)]
    images += [image("obj/unlabelled", labelled=False), image("obj/b", 1, 1)]
    plan = solve(dataset(*images), parse_target("equal"), PlanOptions(paste=True))
    assert plan.before == {"mask": 28, "no_mask": 1, "chin": 0}
    assert set(plan.copies) <= {"obj/a0", "obj/a1", "obj/a2", "obj/b"}
    assert set(plan.pastes) <= set(plan.copies)


def test_what_cannot_be_reached_is_said_and_pasting_offered() -> None:
    data = of([(10, 0), (10, 0), (4, 1)])
    plan = solve(data, parse_target("equal"), PlanOptions(max_copies=3))
    assert not plan.reached
    assert plan.copies == {"obj/p2": 3}
    assert ratio_of(plan.after) == 9
    (short,) = plan.short
    assert (short.label, short.boxes, short.target, short.best) == ("no_mask", 4, 36, pytest.approx(9))
    assert short.best_with_pastes is not None and short.best_with_pastes < 9
    text = " ".join(plan.notes)
    assert "no_mask comes to 9 : 1 (4 of 36 boxes)" in text
    assert "4.0 mask boxes for each of its own" in text
    assert "All 1 training picture with no_mask has 3 copies" in text
    assert "--paste" in text

    pasted = solve(data, parse_target("equal"), PlanOptions(max_copies=3, paste=True))
    assert ratio_of(pasted.after) == pytest.approx(min(short.best_with_pastes, 9), rel=0.1)
    assert pasted.pasted["no_mask"] == 5  # one face, five times
    assert "--paste" not in " ".join(pasted.notes)
    assert "pasted 5 times already" in " ".join(pasted.notes)


def test_pasted_boxes_lie_on_copies_with_room() -> None:
    full = AnnotatedImage(
        "obj/full", Path("/set/obj/full.png"), (100, 100), (Box((5, 5, 85, 85), "chin"),), Split.TRAIN
    )
    data = dataset(full, image("obj/none"), names=("chin",))
    plan = solve(data, parse_target("chin=5"), PlanOptions(max_copies=2, paste=True))
    assert plan.copies == {"obj/full": 2, "obj/none": 1}  # an empty picture brings nothing but room
    assert plan.pastes == {"obj/none": {"chin": 2}}
    assert plan.after == {"chin": 5} and plan.reached


def test_a_reached_target_needs_no_pastes() -> None:
    data = of([(10, 0), (0, 1), (0, 1)])
    for text in ("2:1", "mask=10,no_mask=5"):
        assert not solve(data, parse_target(text), PlanOptions(paste=True)).pastes


def test_no_time_is_said_and_harms_nothing() -> None:
    plan = solve(of([(9, 0), (0, 1)]), parse_target("2:1"), PlanOptions(time_limit=1e-9))
    assert not plan.copies
    assert not plan.reached
    assert any("--time-limit" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("data", "text", "options", "says"),
    [
        (of([(1, 1)]), "dog=3", PlanOptions(), "'dog', which is no class"),
        (dataset(image("a", 1, split=None)), "equal", PlanOptions(), "not split"),
        (of([(1, 1)]), "equal", PlanOptions(max_copies=0), "1 to 100"),
        (of([(1, 1)]), "equal", PlanOptions(max_copies=101), "1 to 100"),
        (of([(1, 1)]), "equal", PlanOptions(max_pastes_per_copy=21), "1 to 20"),
        (of([(1, 1)]), "equal", PlanOptions(max_uses=0), "uses"),
        (of([(1, 1)]), "equal", PlanOptions(time_limit=0), "above 0"),
        (of([(1, 1)]), "equal", PlanOptions(time_limit=float("nan")), "above 0"),
    ],
)
def test_wrong_use(data: Dataset, text: str, options: PlanOptions, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        solve(data, parse_target(text), options)


def test_no_box_at_all() -> None:
    with pytest.raises(DataError, match="nothing to balance"):
        solve(of([(), ()]), parse_target("equal"))


# -- against every possible plan -----------------------------------------------------------------------------

tiny = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=4).filter(
    lambda rows: any(map(any, rows))
)


def away(counts: list[int], base: list[int], target: Target) -> tuple[float, float]:
    """Distance of some counts from the target, the worst class and all together."""
    if target.ratio is not None:
        present = [count for count, before in zip(counts, base, strict=True) if before]
        shares = [max(0.0, 1 - float(target.ratio) * count / max(present)) for count in present]
    else:
        shares = []
        for name, count, before in zip(NAMES, counts, base, strict=True):
            if before and (wanted := target.counts.get(name, 0)):
                over = count - max(wanted, before) * (1 + SPARE)
                shares.append(max(wanted - count, over, 0.0) / wanted)
    return max(shares, default=0.0), sum(shares)


def every_plan(
    rows: list[tuple[int, ...]], options: PlanOptions
) -> list[tuple[tuple[int, ...], tuple[int, ...], list[int]]]:
    """Copies, pastes and counts of every plan there is."""
    base = [sum(column) for column in zip(*rows, strict=True)]
    can = [row for row in rows if any(row) or options.paste]
    uses = options.max_uses if options.paste else 0
    found = []
    for copies in itertools.product(range(options.max_copies + 1), repeat=len(can)):
        for pastes in itertools.product(*(range(count * uses + 1) for count in base)):
            if sum(pastes) <= options.max_pastes_per_copy * sum(copies):
                counts = [
                    base[k] + sum(c * row[k] for c, row in zip(copies, can, strict=True)) + pastes[k]
                    for k in range(3)
                ]
                found.append((copies, pastes, counts))
    return found


def cost(copies: tuple[int, ...]) -> int:
    return sum(c * (c + 1) // 2 for c in copies)


ratios = st.sampled_from(["equal", "3:2", "2:1", "5:1"]).map(parse_target)
numbers = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 20), min_size=1).map(
    lambda counts: Target(counts=counts)
)


@settings(max_examples=60, deadline=None)
@given(tiny, st.one_of(ratios, numbers), st.integers(1, 3), st.booleans())
def test_no_plan_is_nearer_to_the_target(
    rows: list[tuple[int, ...]], target: Target, cap: int, fewest: bool
) -> None:
    options = PlanOptions(max_copies=cap, fewest=fewest)
    plan = solve(of(rows), target, options)
    base = list(plan.before.values())
    plans = [(away(counts, base, target), copies) for copies, _, counts in every_plan(rows, options)]
    worst, total = away(list(plan.after.values()), base, target)
    assert worst == pytest.approx(min(share for (share, _), _ in plans), abs=1e-9)
    if target.ratio is None:
        assert total == pytest.approx(min(t for (w, t), _ in plans if w < worst + 1e-9), abs=1e-9)
    if worst == 0:
        price = sum if fewest else cost
        cheapest = min(price(copies) for (share, _), copies in plans if share == 0)
        assert price(tuple(plan.copies.values())) == cheapest
    present = [name for name in NAMES if plan.before[name]]
    if target.ratio is not None:
        assert plan.reached == (worst == 0)
    elif all(name in present for name in target.counts):
        assert plan.reached == all(plan.after[name] >= count for name, count in target.counts.items())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=3).filter(
        lambda rows: 0 < sum(map(sum, rows)) < 6
    ),
    st.one_of(ratios, numbers),
)
def test_no_plan_with_pastes_is_nearer_to_the_target(rows: list[tuple[int, ...]], target: Target) -> None:
    options = PlanOptions(max_copies=2, paste=True, max_pastes_per_copy=2, max_uses=2)
    plan = solve(of(rows), target, options)
    base = list(plan.before.values())
    plans = [(away(counts, base, target)[0], pastes) for _, pastes, counts in every_plan(rows, options)]
    worst, _ = away(list(plan.after.values()), base, target)
    assert worst == pytest.approx(min(share for share, _ in plans), abs=1e-9)
    if worst == 0:
        assert sum(plan.pasted.values()) == min(sum(pastes) for share, pastes in plans if share == 0)


# -- what holds of every plan --------------------------------------------------------------------------------


def check(data: Dataset, target: Target, options: PlanOptions, plan: BalancePlan) -> None:
    """No limit is broken, the counts are right, and nothing is worse than it was."""
    images = {image.key: image for image in data}
    assert all(images[key].split is Split.TRAIN for key in plan.copies)
    assert all(1 <= count <= options.max_copies for count in plan.copies.values())
    assert plan.before == training_counts(data)
    assert plan.after == planned_counts(data, plan.copies, plan.pastes)
    for key, pastes in plan.pastes.items():
        assert 1 <= sum(pastes.values()) <= options.max_pastes_per_copy * plan.copies[key]
    if not options.paste:
        assert not plan.pastes
    for label, count in plan.pasted.items():
        assert count <= plan.before[label] * options.max_uses
    base, after = list(plan.before.values()), list(plan.after.values())
    if len(base) == 3:
        assert away(after, base, target) <= away(base, base, target)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=25).filter(
        lambda rows: any(map(any, rows))
    ),
    st.one_of(ratios, numbers),
    st.integers(1, 12),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_limits_hold_and_the_order_of_the_pictures_does_not_matter(
    rows: list[tuple[int, ...]], target: Target, cap: int, paste: bool, shuffle: random.Random
) -> None:
    options = PlanOptions(max_copies=cap, paste=paste)
    data = of(rows)
    plan = solve(data, target, options)
    check(data, target, options, plan)
    images = list(data.images)
    shuffle.shuffle(images)
    assert solve(replace(data, images=tuple(images)), target, options) == plan


@pytest.mark.parametrize("paste", [False, True])
@pytest.mark.parametrize("text", ["equal", "3:1", "c0=5000,c5=900,c7=900"])
def test_many_kinds_of_pictures(text: str, paste: bool) -> None:
    """So many that the programme is relaxed first; the plan is as near as the bound for each class says."""
    rng = np.random.default_rng(5)
    names = tuple(f"c{k}" for k in range(8))
    images = []
    for number in range(2000):
        counts = rng.poisson(1.8 / np.arange(1, 9) ** 0.9)
        boxes = faces(name for name, n in zip(names, counts, strict=True) for _ in range(int(n)))
        images.append(
            AnnotatedImage(f"obj/{number}", Path(f"/set/{number}.png"), (400, 300), boxes, Split.TRAIN)
        )
    data = dataset(*images, names=names)
    assert len({tuple(sorted(Counter(box.label for box in i.boxes).items())) for i in images}) > 500
    options = PlanOptions(max_copies=4, paste=paste)
    plan = solve(data, parse_target(text), options)
    check(data, parse_target(text), options, plan)
    before, after = ratio_of(plan.before), ratio_of(plan.after)
    assert before is not None and after is not None
    if text == "equal" and not plan.reached:
        assert after < before / 2
        assert after >= max(short.best for short in plan.short) * 0.999
    else:
        assert plan.reached
    shuffled = list(images)
    random.Random(1).shuffle(shuffled)
    assert solve(dataset(*shuffled, names=names), parse_target(text), options) == plan


@settings(max_examples=30, deadline=None)
@given(tiny, ratios, st.integers(1, 3))
def test_relaxed_first_is_hardly_worse(rows: list[tuple[int, ...]], target: Target, cap: int) -> None:
    """The way for many kinds, taken for few: what it reaches is whole, within the limits, and no worse."""
    options = PlanOptions(max_copies=cap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(balance_program, "_EXACT_KINDS", 0)
        plan = solve(of(rows), target, options)
    check(of(rows), target, options, plan)
    base = list(plan.before.values())
    best = min(away(counts, base, target)[0] for _, _, counts in every_plan(rows, options))
    if best == 0:
        assert plan.reached


def test_scipy_comes_with_the_search_only() -> None:
    script = (
        "import sys, converters.cli.balance, converters.plan_csv\n"
        "print(sorted({'scipy', 'pandas', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_solver_s_own_talk_stays_off_stdout() -> None:
    script = (
        "import ctypes\n"
        "from converters.balance_program import _talk_to_stderr\n"
        "libc = ctypes.CDLL(None)\n"
        "print('before')\n"
        "with _talk_to_stderr():\n"
        "    libc.puts(b'noise')\n"
        "print('after')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "before\nafter\n"
    assert done.stderr == "noise\n"


# -- the Kaggle set ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kaggle() -> Dataset:
    """The study's division of the whole Kaggle set, 608/120/120."""
    if not (KAGGLE / "all-annotations").is_dir():
        pytest.skip("the Kaggle labels are not there")
    new = {"with_mask": "mask", "without_mask": "no_mask", "mask_weared_incorrect": "chin"}
    images, marks = [], {}
    with (KAGGLE / "hashes.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            root = etree.parse(KAGGLE / "all-annotations" / f"{row['stem']}.xml").getroot()
            key = f"obj/{row['stem']}"
            count = Counter(new[str(e.findtext("name"))] for e in root.iterfind("object"))
            images.append(image(key, *(count[name] for name in NAMES), split=None))
            marks[key] = Fingerprint(row["pixel_sha256_16"], bytes.fromhex(row["dhash_16x16"]))
    same = [(p.first, p.second) for p in pairs(marks) if p.identical]
    found = dataset(*images)
    request = SplitRequest((608, 120, 120), True)
    splits = split_dataset(found, request, groups=groups(marks), identical=same).splits
    return replace(found, images=tuple(replace(i, split=splits.get(i.key)) for i in found.images))


@pytest.mark.parametrize(
    ("text", "paste", "least", "most"),
    [
        ("5:1", False, 4.9, 5.0),
        ("10:1", False, 9.8, 10.0),
        ("equal", False, 4.3, 4.8),  # the rare faces stand beside five common ones each
        ("equal", True, 2.4, 2.9),
        ("3:1", True, 2.9, 3.0),
    ],
)
def test_the_kaggle_set(kaggle: Dataset, text: str, paste: bool, least: float, most: float) -> None:
    options = PlanOptions(paste=paste)
    plan = solve(kaggle, parse_target(text), options)
    check(kaggle, parse_target(text), options, plan)
    after = ratio_of(plan.after)
    assert after is not None and least <= after <= most
    assert plan.reached == (text != "equal")
    assert bool(plan.pastes) == paste
    assert plan.gap <= 1e-3


def test_only_faces_that_can_be_cut_out_are_pasted() -> None:
    """One at the edge, one of a few pixels, one that is truncated, and one that is good."""
    chins = (
        Box((0.0, 10.0, 40.0, 60.0), "chin"),
        Box((60.0, 10.0, 66.0, 18.0), "chin"),
        Box((100.0, 10.0, 140.0, 60.0), "chin", flags=frozenset({"truncated"})),
        Box((200.0, 10.0, 240.0, 60.0), "chin"),
    )
    first = AnnotatedImage("obj/a", Path("/set/obj/a.png"), (400, 300), chins, Split.TRAIN)
    data = dataset(first, image("obj/b", 60))
    options = PlanOptions(max_copies=9, paste=True, max_pastes_per_copy=5, max_uses=3)
    assert solve(data, parse_target("chin=500"), options).pasted["chin"] == 3

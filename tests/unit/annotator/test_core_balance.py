import threading
from fractions import Fraction
from pathlib import Path

import pytest

from annotator.core import balance as core
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.settings import Settings
from augment.plan import load
from converters.balance_facts import facts_of
from converters.balance_plan import PlanOptions, parse_target, solve
from converters.charts import (
    BarChart,
    boxes_chart,
    charts_of,
    crowds_chart,
    images_chart,
    network_sizes_chart,
    sizes_chart,
)
from converters.convert import ConvertOptions, convert_to_work
from converters.errors import DataError, UsageError
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.registry import load as load_set
from converters.remap import Rename
from converters.report import Report
from converters.split import SplitRequest
from converters.work import WorkFolder


@pytest.fixture
def work(small_demo: Path, tmp_path: Path) -> Path:
    options = ConvertOptions(rename=[Rename("with_mask", "mask")], split=SplitRequest((60.0, 20.0, 20.0)))
    convert_to_work(small_demo, tmp_path / "small-work", Report(), options)
    return tmp_path / "small-work"


def project_of(root: Path, tmp_path: Path) -> Project:
    return Project(Session.open(root), Settings(tmp_path / "settings.json"))


def test_every_part_of_every_bar_stands_for_its_pictures(work: Path):
    facts = facts_of(load_set(work, Report()), network_size=(416, 416))
    images = {image.key: image for image in facts.dataset}
    for chart in (images_chart(facts), crowds_chart(facts)):
        for row in chart.rows:
            for part, value in enumerate(row.values):
                assert len(core.choice_of(facts, chart, row, part).keys) == value
            assert len(core.choice_of(facts, chart, row, None).keys) == row.total
    for chart in (boxes_chart(facts), sizes_chart(facts), network_sizes_chart(facts)):
        at = facts.network_size if chart.subject == "network-sizes" else None
        for row in chart.rows:
            for part, value in enumerate(row.values):
                keys = core.choice_of(facts, chart, row, part).keys
                name = chart.parts[part].key
                found = [
                    box
                    for key in keys
                    for box in images[key].boxes
                    if box.label == row.name
                    and name in (str(images[key].split), core.size_of(box, images[key], at))
                ]
                assert len(found) == value and bool(keys) == bool(value)


def test_pairs_and_classes_by_themselves():
    def picture(key: str, *labels: str) -> AnnotatedImage:
        return AnnotatedImage(key, Path(key), (9, 9), tuple(Box((0, 0, 5, 5), label) for label in labels))

    names = tuple(f"c{i}" for i in range(14))
    images = (picture("all", *names), picture("two", "c2", "c5"), picture("one", "c2", "c2"), picture("none"))
    facts = facts_of(Dataset(Path("x"), "voc", images, names))
    chart = charts_of(facts)[-1]
    assert isinstance(chart, BarChart)
    choice = core.choice_of(facts, chart, chart.rows[0], None)
    assert choice == core.Choice(("all", "two"), ("c2", "c5"))
    assert core.with_only(facts, "c2").keys == ("one",)
    assert core.with_class(facts, "c2").keys == ("all", "two", "one")
    assert core.choice_of(facts, crowds_chart(facts), crowds_chart(facts).rows[0], 0).keys == ("none",)


def test_what_is_counted(small_demo: Path, work: Path, tmp_path: Path):
    project = project_of(small_demo, tmp_path)
    project.use_work(work)
    own = core.source_of(project, with_copies=False, network_size=(416, 416))
    assert own.is_quick and core.count(own).balance.classes[0].label == "with_mask"
    copies = core.source_of(project, with_copies=True, network_size=(416, 416))
    assert not copies.is_quick
    facts = core.count(copies)
    assert facts.dataset.root == work and "mask" in facts.dataset.class_names
    chart = images_chart(facts)
    choice = core.choice_of(facts, chart, chart.rows[0], None)
    keys = project.keys_of(choice.keys)
    assert len(keys) == len(choice.keys) and all(key in project.session for key in keys)
    assert project.keys_of(["obj/nothing"]) == ()
    project.session.close()
    itself = project_of(work, tmp_path)
    assert core.source_of(itself, with_copies=False, network_size=(416, 416)).is_quick
    assert itself.keys_of(["obj/nothing", itself.session.keys[0]]) == (itself.session.keys[0],)
    itself.session.close()


def test_a_plan_is_found_in_a_process_of_its_own_and_is_the_same(work: Path):
    dataset = load_set(work, Report())
    options, told = PlanOptions(paste=True), []
    task = core.PlanTask(None, WorkFolder(work), parse_target("3:1"), options)
    planned = core.find_plan(task, lambda done, total: told.append((done, total)))
    assert planned.plan == solve(dataset, parse_target("3:1"), options)
    assert set(told) <= {(0, 0)}
    core.check_plan(planned.plan, load(work))


def test_a_search_ends_when_it_is_cancelled(work: Path):
    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StopError

    before = threading.active_count()
    with pytest.raises(StopError):
        core.find_plan(core.PlanTask(None, WorkFolder(work), parse_target("equal"), PlanOptions()), stop)
    assert threading.active_count() == before


def test_errors_of_the_search_come_as_they_are(work: Path):
    task = core.PlanTask(None, WorkFolder(work), parse_target("cat=5"), PlanOptions())
    with pytest.raises(UsageError, match="'cat', which is no class") as caught:
        core.find_plan(task, lambda done, total: None)
    assert caught.value.hint.startswith("Its classes are")
    for label in (work / "obj").glob("*.txt"):
        label.write_text("")
    with pytest.raises(DataError, match="no labelled training picture has a box"):
        core.find_plan(
            core.PlanTask(None, WorkFolder(work), parse_target("5:1"), PlanOptions()),
            lambda done, total: None,
        )


def test_a_plan_of_other_pictures_is_refused(work: Path):
    loaded = load(work)
    plan = solve(loaded.dataset, parse_target("equal"), PlanOptions())
    train = loaded.dataset.in_split(Split.TRAIN)
    path = next(image.annotation for image in train if image.boxes)
    assert path is not None
    path.write_text("")
    with pytest.raises(UsageError, match="not those that the plan was made for"):
        core.check_plan(plan, load(work))


def test_targets():
    assert core.target_of(2.5, {}).ratio == Fraction(5, 2)
    assert core.target_of(None, {"a": 0, "b": 3}).counts == {"b": 3}
    with pytest.raises(UsageError, match="no class has a number"):
        core.target_of(None, {"a": 0})
    with pytest.raises(UsageError, match="must be 1"):
        core.target_of(0.5, {})


def test_notes_name_no_options_of_commands(work: Path):
    dataset = load_set(work, Report())
    plan = solve(dataset, parse_target("equal"), PlanOptions(max_copies=1))
    assert not plan.reached
    assert any("--" in note for note in plan.notes)
    assert not any("--" in core.for_window(note) for note in plan.notes)

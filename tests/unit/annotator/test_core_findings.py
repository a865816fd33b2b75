"""The findings of the open set: the same as check-cli's, up to date, mended by edits, dismissed."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from annotator.core import edits
from annotator.core.finding_files import (
    FileWay,
    bring_back,
    carry_out,
    file_ways,
    plan_files,
    read_text_file,
    replace_text,
)
from annotator.core.finding_fixes import Way, copy_boxes, cut_to_picture, keep_which, mend, ways_for
from annotator.core.findings import Findings, check_all, compare_all
from annotator.core.session import Session
from converters.checks import CheckOptions
from converters.cli.check import main as check_cli
from converters.errors import DataError
from converters.model import Box

SHARED = Path(__file__).resolve().parents[4] / "shared"
BAD = sorted(p for p in (SHARED / "bad").iterdir() if p.name not in ("zips",) and p.is_dir()) if (
    SHARED / "bad"
).is_dir() else []  # fmt: skip


def looked_at(session: Session, options: CheckOptions | None = None, *, compare: bool = True) -> Findings:
    findings = Findings(session, options or CheckOptions())
    assert findings.adopt(check_all(findings.snapshot())) == []
    if compare:
        findings.adopt_comparison(compare_all(session.dataset()))
    return findings


def by_command(path: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> Counter[tuple[str, str]]:
    check_cli([str(path), "--json", "--jobs", "1", *flags])
    issues = json.loads(capsys.readouterr().out)["issues"]
    return Counter((one["code"], one["severity"]) for one in issues)


def counts(findings: Findings) -> Counter[tuple[str, str]]:
    return Counter((one.code, str(one.issue.severity)) for one in findings.all())


def codes(findings: Findings) -> list[str]:
    return [one.code for one in findings.all()]


def of_kind(findings: Findings, code: str) -> list:
    return [one for one in findings.all() if one.code == code]


@pytest.fixture
def session(small_demo: Path):
    session = Session.open(small_demo)
    yield session
    session.close()


def put(session: Session, key: str, *boxes: Box) -> None:
    before = session.image(key).boxes
    session.apply(edits.SetBoxes(key, before, boxes, "put"))


@pytest.mark.skipif(not BAD, reason="the bad samples are not beside the checkout (../shared/bad)")
@pytest.mark.parametrize("source", BAD, ids=lambda path: path.name)
def test_bad_samples_give_what_check_cli_says(source: Path, tmp_path: Path, capsys):
    shutil.copytree(source, tmp_path / "set")
    wanted = by_command(tmp_path / "set", capsys)
    session = Session.open(tmp_path / "set")
    assert counts(looked_at(session)) == wanted
    session.close()


def test_kaggle_gives_what_check_cli_says(kaggle_archive: Path, tmp_path: Path, capsys):
    for folder in ("images", "annotations"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for path in sorted((kaggle_archive / "annotations").iterdir())[:60]:
        shutil.copyfile(path, tmp_path / "set" / "annotations" / path.name)
        picture = (kaggle_archive / "images" / path.name).with_suffix(".png")
        shutil.copyfile(picture, tmp_path / "set" / "images" / picture.name)
    wanted = by_command(tmp_path / "set", capsys, "--network-size", "416")
    session = Session.open(tmp_path / "set")
    assert counts(looked_at(session, CheckOptions((416, 416)))) == wanted
    session.close()


def test_an_edit_is_looked_at_alone(session: Session):
    findings = looked_at(session)
    key = session.keys[0]
    width, height = session.image(key).size
    assert "box-outside" not in codes(findings)
    put(session, key, Box((10, 10, width + 1, height), session.class_names[0]))
    assert findings.look_at(key) and codes(findings).count("box-outside") == 1
    assert key in findings.image_keys() and [one.code for one in findings.of(key)] == ["box-outside"]
    assert not findings.look_at(key)
    session.undo()
    assert findings.look_at(key) and "box-outside" not in codes(findings)


def test_pictures_that_changed_while_they_were_looked_at(session: Session):
    findings = Findings(session)
    found = check_all(findings.snapshot())
    key = session.keys[2]
    put(session, key, Box((5, 5, 7, 7), session.class_names[0]))
    stale = findings.adopt(found)
    assert stale == [key] and "box-tiny" not in codes(findings)
    findings.look_at(key)
    assert codes(findings).count("box-tiny") == 1


def test_a_look_can_be_cancelled(session: Session):
    class EnoughError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        check_all(Findings(session).snapshot(), stop)


def test_classes_follow_the_boxes(session: Session):
    findings = looked_at(session, compare=False)
    session.add_class("Nobody")
    assert [one.issue.names for one in of_kind(findings, "class-unused")][-1] == ("Nobody",)
    key = session.keys[0]
    put(session, key, Box((5, 5, 30, 30), "Nobody"))
    findings.look_at(key)
    assert ("Nobody",) not in [one.issue.names for one in of_kind(findings, "class-unused")]


def test_cut_many_is_one_named_edit(session: Session):
    for key in session.keys[:3]:
        width, height = session.image(key).size
        put(session, key, Box((10, 10, width + 1, height), session.class_names[0]))
    findings = looked_at(session, compare=False)
    outside = of_kind(findings, "box-outside")
    mending = mend(session, outside, Way.CUT)
    assert (mending.boxes, mending.deleted, mending.pictures, mending.left) == (3, 0, 3, ())
    session.apply(mending.edits[0])
    assert session.history.undo_text == "cut 3 boxes to their pictures"
    for key in session.keys[:3]:
        findings.look_at(key)
        assert session.image(key).boxes[0].xyxy[2] == session.image(key).size[0]
    assert "box-outside" not in codes(findings)
    session.undo()
    assert session.image(session.keys[0]).boxes[0].xyxy[2] == session.image(session.keys[0]).size[0] + 1


def test_a_finding_that_is_no_longer_so_is_left_alone(session: Session):
    key, label = session.keys[0], session.class_names[0]
    put(session, key, Box((10, 10, 40, 40), label), Box((10, 10, 40, 40), label), Box((1, 1, 3, 3), label))
    findings = looked_at(session, compare=False)
    old = findings.of(key)
    put(session, key, Box((50, 50, 90, 90), label))
    mending = mend(session, old, Way.DELETE)
    assert not mending.does_something and set(mending.left) == set(old)


def test_repeated_and_near_boxes(session: Session):
    key, label = session.keys[0], session.class_names[0]
    one, near = Box((10, 10, 50, 50), label), Box((10, 10, 50, 45), label)
    put(session, key, one, one, near)
    findings = looked_at(session, compare=False)
    assert ways_for(of_kind(findings, "box-duplicate")) == (Way.DELETE,)
    session.apply(mend(session, of_kind(findings, "box-duplicate"), None).edits[0])
    assert session.image(key).boxes == (one, near) and session.history.undo_text == "delete box"
    findings.look_at(key)
    (pair,) = of_kind(findings, "box-near-duplicate")
    for way, stays in ((Way.DELETE, one), (Way.DELETE_OTHER, near), (Way.DELETE_SMALLER, one)):
        session.apply(mend(session, [pair], way).edits[0])
        assert session.image(key).boxes == (stays,)
        session.undo()


def test_swapped_and_empty_boxes(session: Session):
    key, label = session.keys[0], session.class_names[0]
    put(session, key, Box((40, 10, 10, 50), label), Box((5, 5, 5, 20), label))
    findings = looked_at(session, compare=False)
    mending = mend(session, findings.of(key))
    session.apply(mending.edits[0])
    assert [box.xyxy for box in session.image(key).boxes] == [(10, 10, 40, 50)]
    assert session.history.undo_text == "mend 2 boxes" and mending.deleted == 1


def test_cut_to_picture():
    assert cut_to_picture((390, 10, 401, 20), (400, 300)) == (390, 10, 400, 20)
    assert cut_to_picture((398, 10, 402, 20), (400, 300)) == (398, 10, 400, 20)
    assert cut_to_picture((398, 10, 800, 20), (400, 300)) is None
    assert cut_to_picture((200, 10, 9999, 200), (400, 300)) == (200, 10, 400, 200)
    assert cut_to_picture((500, 10, 600, 200), (400, 300)) is None


def test_twins(small_demo: Path):
    shutil.copyfile(small_demo / "images/maksssksksss1.png", small_demo / "images/twin.png")
    session = Session.open(small_demo)
    findings = looked_at(session)
    (twin,) = of_kind(findings, "image-identical")
    first, second = twin.issue.other_key, twin.key
    assert keep_which(session, (first, second)) == "images/maksssksksss1"
    take = copy_boxes(session, first, second, twin)
    session.apply(take.edits[0])
    assert session.image(second).boxes == session.image(first).boxes
    session.undo()
    mending = mend(session, [twin], Way.REMOVE_PICTURE)
    assert mending.removed == ("images/twin",)
    session.apply(mending.edits[0])
    for key in findings.missing():
        findings.look_at(key)
    assert "image-identical" not in codes(findings) and "images/twin" not in session
    session.undo()
    for key in findings.missing():
        findings.look_at(key)
    assert "image-identical" in codes(findings) and "images/twin" in session
    session.close()


def test_alike_classes_are_merged_into_the_larger(session: Session):
    name = session.class_names[0]
    key = session.keys[0]
    before = session.class_names
    session.apply(edits.SetClasses(before, (*before, name.upper()), (), "add"))
    put(session, key, *session.image(key).boxes, Box((5, 5, 30, 30), name.upper()))
    findings = looked_at(session, compare=False)
    (alike,) = of_kind(findings, "class-names-alike")
    session.apply(mend(session, [alike], Way.MERGE_CLASSES).edits[0])
    assert session.class_names == before and session.image(key).boxes[-1].label == name


def test_dismissed_stays_so_after_a_restart_and_comes_back_when_it_changes(small_demo: Path):
    session = Session.open(small_demo)
    key = session.keys[0]
    put(session, key, Box((5, 5, 8, 8), session.class_names[0]))
    findings = looked_at(session, compare=False)
    findings.dismissed.add(findings.of(key))
    assert findings.of(key) == [] and key not in findings.image_keys()
    session.save()
    session.close()
    session = Session.open(small_demo)
    findings = looked_at(session, compare=False)
    assert findings.of(key) == [] and len(findings.dismissed) == 1
    put(session, key, Box((5, 5, 8, 9), session.class_names[0]))
    findings.look_at(key)
    assert [one.code for one in findings.of(key)] == ["box-tiny"]
    session.undo()
    findings.look_at(key)
    findings.dismissed.bring_back(of_kind(findings, "box-tiny"))
    assert [one.code for one in findings.of(key)] == ["box-tiny"]
    session.close()


def test_nothing_labelled_is_said_once(tmp_path: Path, make_picture, capsys):
    for number in range(25):
        make_picture(tmp_path / "set" / f"{number}.png", 60 + number)
    wanted = by_command(tmp_path / "set", capsys)
    session = Session.open(tmp_path / "set")
    findings = looked_at(session)
    assert counts(findings) == wanted and "image-without-label" not in codes(findings)
    key = session.keys[0]
    session.set_empty_on_purpose([key])
    findings.look_at(key)
    assert "nothing-labelled" not in codes(findings) and codes(findings).count("image-without-label") == 24
    mending = mend(session, of_kind(findings, "image-without-label"), Way.EMPTY)
    assert len(mending.empty) == 24
    session.close()


def broken(root: Path, change) -> Path:
    path = root / "annotations/maksssksksss1.xml"
    path.write_text(change(path.read_text()))
    return path


def test_the_good_boxes_of_a_refused_file(small_demo: Path):
    path = broken(small_demo, lambda text: text.replace("<xmin>", "<xmin>x", 1))
    before = path.read_bytes()
    session = Session.open(small_demo)
    key, count = "images/maksssksksss1", path.read_text().count("<object>")
    assert key not in session and count > 1
    (bad,) = of_kind(looked_at(session, compare=False), "bad-number")
    assert file_ways(session, bad)[0] is FileWay.GOOD_BOXES
    plan = plan_files(session.root, session.codec.name, [bad], FileWay.GOOD_BOXES)
    assert plan.boxes == count - 1 and plan.keys == (key,)
    carry_out(plan)
    session.close()
    session = Session.open(small_demo)
    assert len(session.image(key).boxes) == count - 1
    assert len(path.read_bytes()) < len(before)
    assert bring_back(session.root) == ["annotations/maksssksksss1.xml"]
    assert path.read_bytes() == before
    session.close()


@pytest.mark.parametrize("way", [FileWay.TRUST_IMAGE, FileWay.TRUST_LABEL])
def test_labels_of_another_size(small_demo: Path, way: FileWay):
    image_width = 0

    def double(text: str) -> str:
        nonlocal image_width
        image_width = int(text.split("<width>")[1].split("<")[0])
        height = int(text.split("<height>")[1].split("<")[0])
        text = text.replace(f"<width>{image_width}<", f"<width>{2 * image_width}<")
        return text.replace(f"<height>{height}<", f"<height>{2 * height}<")

    path = broken(small_demo, double)
    session = Session.open(small_demo)
    (bad,) = of_kind(looked_at(session, compare=False), "size-mismatch")
    assert way in file_ways(session, bad)
    carry_out(plan_files(session.root, "voc", [bad], way))
    session.close()
    session = Session.open(small_demo)
    assert "images/maksssksksss1" in session and f"<width>{image_width}<" in path.read_text()
    session.close()


def test_a_damaged_file_is_put_aside_or_corrected(small_demo: Path):
    path = broken(small_demo, lambda text: text[: len(text) // 2])
    data, text, encoding = read_text_file(path)
    session = Session.open(small_demo)
    (bad,) = of_kind(looked_at(session, compare=False), "bad-xml")
    assert FileWay.GOOD_BOXES not in file_ways(session, bad)
    with pytest.raises(DataError, match="cannot be mended so"):
        plan_files(session.root, "voc", [bad], FileWay.GOOD_BOXES)
    carry_out(plan_files(session.root, "voc", [bad], FileWay.ANEW))
    assert not path.exists()
    bring_back(session.root)
    assert path.read_bytes() == data
    replace_text(
        session.root, path, data, (text[: text.rindex("<object>")] + "</annotation>").encode(encoding)
    )
    with pytest.raises(DataError, match="changed by another program"):
        replace_text(session.root, path, data, b"<annotation/>")
    session.close()
    session = Session.open(small_demo)
    assert session.image("images/maksssksksss1").boxes
    session.close()

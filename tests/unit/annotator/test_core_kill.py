"""``kill -9`` at random moments of editing: nothing but the step in progress may be lost."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from annotator.core.session import Session
from converters import registry
from converters.registry import FORMATS
from converters.report import Report

sys.path.insert(0, str(Path(__file__).parent))
from journal_storm import digest

STORM = Path(__file__).with_name("journal_storm.py")


def snapshot(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".annotator" not in path.parts and not path.name.startswith(".writing-")
    }


def storm(root: Path, seed: int, steps: int) -> list[str]:
    """Let a child edit and kill it after some steps, at no moment in particular; what it said."""
    child = subprocess.Popen(
        [sys.executable, str(STORM), str(root), str(seed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        said = []
        assert child.stdout is not None and child.stderr is not None
        for line in child.stdout:
            said.append(line.split())
            if len(said) > steps:
                break
        child.kill()
        said += [line.split() for line in child.stdout if line.endswith("\n")]
        talk = child.stderr.read()
    assert not talk, talk
    assert [line[0] for line in said] == ["open"] + ["step"] * (len(said) - 1), said
    return [line[1] for line in said]


def reachable(session: Session, last: str) -> bool:
    """Whether the set is as the child said last, or one step (the one it was killed in) farther."""
    if digest(session) == last:
        return True
    if session.history.undo_text:
        session.undo()
        if digest(session) == last:
            session.redo()
            return True
        session.redo()
    if session.history.redo_text:
        session.redo()
        if digest(session) == last:
            session.undo()
            return True
        session.undo()
    return False


@pytest.mark.parametrize("name", ["voc", "yolo", "coco"])
def test_a_killed_process_loses_nothing_but_the_step_in_progress(small_demo: Path, tmp_path: Path, name: str):
    root = small_demo
    if name != "voc":
        root = tmp_path / "set"
        root.mkdir()
        FORMATS[name].save(registry.load(small_demo, Report()), root, Report())
    before = snapshot(root)
    rng = random.Random(4)
    for kill in range(17):
        last = storm(root, kill, rng.randrange(40))[-1]
        report = Report()
        registry.load(root, report)
        session = Session.open(root)
        assert not {issue.code for issue in session.report.errors} - {"image-missing"}, session.report.errors
        assert session.dirty_keys == ()
        assert reachable(session, last), (kill, session.history.latest(3))
        session.close()
        # The files alone say the same as the journal.
        files = {image.key: image for image in registry.load(root, Report())}
        assert files.keys() == set(session.keys)
        for key, image in files.items():
            boxes = session.image(key).boxes
            assert [box.label for box in image.boxes] == [box.label for box in boxes], (kill, key)
            for box, other in zip(image.boxes, boxes, strict=True):
                assert box.xyxy == pytest.approx(other.xyxy, abs=2e-3)
    session = Session.open(root)
    while session.undo() is not None:
        pass
    assert session.save() == []
    session.close()
    assert snapshot(root) == before

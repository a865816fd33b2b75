import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from converters.errors import DataError, WriteError
from converters.swap import alone_in, finish, replace_parts

OLD = {
    "obj/a.txt": "old a",
    "obj/b.txt": "old b",
    "augmented/c.txt": "copy",
    "split.csv": "old",
    "runs/w": "weights",
}
NEW = {"obj/a.txt": "new a", "split.csv": "new", "train.txt": "new list"}
AFTER = {**NEW, "runs/w": "weights"}
PARTS = ("obj", "augmented", "split.csv", "train.txt", "val.txt")


def fill(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def content(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def swap(work: Path, new: Path) -> None:
    with alone_in(work):
        replace_parts(work, new, sorted(p.name for p in new.iterdir()), retire=PARTS, room=work / ".new-x")


def test_parts_are_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    work, new = fill(tmp_path / "work", OLD), fill(tmp_path / "new", NEW)
    swap(work, new)
    assert content(work) == dict(sorted(AFTER.items()))
    assert sorted(p.name for p in work.iterdir()) == ["obj", "runs", "split.csv", "train.txt"]


def test_single_files_come_beside_what_is_there(tmp_path: Path) -> None:
    work, new = fill(tmp_path / "work", OLD), fill(tmp_path / "new", {"obj/z.txt": "z", "split.csv": "new"})
    with alone_in(work):
        replace_parts(work, new, ["obj/z.txt", "split.csv"], room=work / ".new-x")
    assert content(work) == dict(sorted({**OLD, "obj/z.txt": "z", "split.csv": "new"}.items()))


def test_a_failure_leaves_all_as_it_was(tmp_path: Path) -> None:
    work = fill(tmp_path / "work", OLD)
    new = fill(tmp_path / "new", {**NEW, "runs": "a file where a folder is"})
    with alone_in(work), pytest.raises(WriteError):
        replace_parts(
            work, new, ["obj", "split.csv", "train.txt", "runs"], retire=PARTS, room=work / ".new-x"
        )
    assert content(work) == dict(sorted(OLD.items()))
    assert [p.name for p in work.iterdir() if p.name.startswith(".")] == []


KILLED = """
import os, signal, sys
from pathlib import Path
import converters.swap as swap
work, new, after = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
calls = 0
def hook(event, args):
    global calls
    if event in ("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"):
        calls += 1
        if calls == after:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
with swap.alone_in(work):
    moves = sorted(p.name for p in new.iterdir())
    swap.replace_parts(work, new, moves, retire=sys.argv[4:], room=work / ".new-x")
print("done", calls)
"""


def test_killed_at_any_moment_it_is_the_old_or_the_new(tmp_path: Path) -> None:
    states = set()
    for after in range(1, 60):
        work, new = fill(tmp_path / f"work{after}", OLD), fill(tmp_path / f"new{after}", NEW)
        child = subprocess.run(
            [sys.executable, "-c", KILLED, work, new, str(after), *PARTS],
            capture_output=True,
            text=True,
            check=False,
        )
        finish(work)
        found = {name: text for name, text in content(work).items() if not name.startswith(".new-")}
        assert found in (dict(sorted(OLD.items())), dict(sorted(AFTER.items()))), after
        states.add(found["split.csv"])
        assert not (work / ".incoming").exists()
        if child.returncode == 0:
            assert child.stdout.startswith("done")
            break
        assert child.returncode == -signal.SIGKILL
    else:
        pytest.fail("it never came to its end")
    assert states == {"old", "new"}


def test_two_at_a_time(tmp_path: Path) -> None:
    work = fill(tmp_path / "work", OLD)
    with alone_in(work):
        other = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from converters.swap import alone_in\n"
                "from converters.errors import DataError\n"
                "try:\n    with alone_in(Path(sys.argv[1])): pass\n"
                "except DataError as error: print(error.code)",
                str(work),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    assert other.stdout == "busy\n"


@pytest.mark.parametrize(
    "text", ["rubbish", "[]", '{"retire": ["/etc"], "moves": []}', '{"retire": [], "moves": ["../x"]}']
)
def test_a_list_that_leads_elsewhere_is_not_followed(tmp_path: Path, text: str) -> None:
    work = fill(tmp_path / "work", {**OLD, ".incoming/moves.json": text, ".incoming/new/x": "x"})
    before = content(tmp_path)
    with pytest.raises(DataError, match="interrupted"):
        finish(work)
    assert content(tmp_path) == before


def test_nothing_to_finish(tmp_path: Path) -> None:
    finish(tmp_path)
    finish(tmp_path / "nothing")
    assert os.listdir(tmp_path) == []

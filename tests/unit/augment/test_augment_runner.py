import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from augment import runner
from augment.operations.colour import Blur
from augment.operations.geometry import Rotation
from augment.plan import make_plan
from augment.policy import STUDY, Policy
from augment.runner import augment, remove
from converters import registry
from converters.errors import DataError, NotADatasetError, UsageError, WriteError
from converters.images import load_rgb
from converters.model import Split
from converters.report import Report
from converters.work import WorkFolder, read_split, write_split


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


def lines(work: WorkFolder, split: Split) -> list[str]:
    return work.list_of(split).read_text().splitlines()


def is_at_work(pid: int) -> bool:
    """Whether a process is there and has not ended (one that waits to be reaped has no command line)."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def test_copies_lists_and_counts(make_work):
    work = make_work(train=4)
    originals = content(work.obj)
    result = augment(work.root, copies=2, seed=1)
    assert (result.images, result.copies, result.made) == (4, 8, 8)
    assert len(lines(work, Split.TRAIN)) == 12
    assert lines(work, Split.TRAIN)[4:6] == ["augmented/p0_c1.png", "augmented/p0_c2.png"]
    assert len(lines(work, Split.VAL)) == 2
    assert len(lines(work, Split.TEST)) == 1
    assert {path.name for path in work.augmented.iterdir()} == {"manifest.json"} | {
        f"p{n}_c{i}.{suffix}" for n in range(4) for i in (1, 2) for suffix in ("png", "txt")
    }
    assert content(work.obj) == originals
    assert result.boxes_before == {"mask": 4, "no_mask": 4, "chin_diaper": 0}
    assert result.boxes_after == {"mask": 12, "no_mask": 12, "chin_diaper": 0}
    assert result.dropped == ()
    assert len(result.report) == 0
    assert not list(work.root.glob(".augmented*"))


def test_copies_are_pictures_with_boxes_inside(make_work):
    work = make_work(train=3)
    augment(work.root, copies=3, seed=4)
    for picture in work.augmented.glob("*.png"):
        rgb = load_rgb(picture)
        assert rgb.ndim == 3
        for line in picture.with_suffix(".txt").read_text().splitlines():
            number, cx, cy, w, h = (float(token) for token in line.split())
            assert number in (0, 1, 2)
            assert -1e-5 <= cx - w / 2 < cx + w / 2 <= 1 + 1e-5
            assert -1e-5 <= cy - h / 2 < cy + h / 2 <= 1 + 1e-5


def test_planned_boxes_are_those_of_the_written_labels(make_work):
    work = make_work(train=3)
    augment(work.root, copies=2, seed=9)
    for copy in make_plan(work.root, copies=2, seed=9).copies:
        assert (work.augmented / copy.label_name).read_bytes() == copy.label
        rgb = load_rgb(work.augmented / copy.picture_name)
        assert (rgb.shape[1], rgb.shape[0]) == copy.size
        assert np.array_equal(rgb, copy.recipe.apply(load_rgb(copy.image.path)))


def test_same_bytes_with_one_and_two_workers_and_elsewhere(make_work):
    one, two = make_work(train=6, folder="one"), make_work(train=6, folder="a second one")
    augment(one.root, copies=2, seed=7, jobs=1)
    augment(two.root, copies=2, seed=7, jobs=2)
    assert content(one.augmented) == content(two.augmented)
    assert (one.root / "train.txt").read_bytes() == (two.root / "train.txt").read_bytes()


def test_a_picture_more_does_not_change_the_copies_of_the_others(make_work):
    few, many = make_work(train=3, folder="few"), make_work(train=5, folder="many")
    augment(few.root, copies=1, seed=1)
    augment(many.root, copies=1, seed=1)
    ours, theirs = content(few.augmented), content(many.augmented)
    assert all(theirs[name] == data for name, data in ours.items() if name != "manifest.json")


def test_another_seed_gives_other_copies(make_work):
    work = make_work()
    augment(work.root, copies=1, seed=1)
    before = content(work.augmented)
    result = augment(work.root, copies=1, seed=2)
    after = content(work.augmented)
    assert result.made == 4
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before if name.endswith(".png"))


def test_second_run_touches_nothing(make_work):
    work = make_work()
    first = augment(work.root, copies=2, seed=1)
    before = marks(work.augmented), marks(work.root)["train.txt"]
    calls: list[tuple[int, int]] = []
    second = augment(work.root, copies=2, seed=1, on_progress=lambda *call: calls.append(call))
    assert (marks(work.augmented), marks(work.root)["train.txt"]) == before
    assert (second.copies, second.made, calls) == (8, 0, [])
    assert (second.boxes_after, second.dropped) == (first.boxes_after, first.dropped)


def test_only_what_is_not_intact_is_made_again(make_work):
    work = make_work()
    augment(work.root, copies=2, seed=1)
    before, untouched = content(work.augmented), marks(work.augmented)
    (work.augmented / "p0_c1.png").unlink()
    (work.augmented / "p1_c1.png").write_bytes(b"broken")
    (work.augmented / "p2_c2.txt").write_text("")
    result = augment(work.root, copies=2, seed=1)
    assert result.made == 2
    assert content(work.augmented) == before
    after = marks(work.augmented)
    changed = {name for name in after if after[name] != untouched[name]}
    assert changed == {"p0_c1.png", "p1_c1.png", "p2_c2.txt", "manifest.json"}


def test_more_copies_keep_the_first_and_fewer_take_away(make_work):
    work = make_work()
    augment(work.root, copies=1, seed=1)
    first = marks(work.augmented)
    assert augment(work.root, copies=3, seed=1).made == 8
    assert all(marks(work.augmented)[name] == first[name] for name in first if name != "manifest.json")
    assert augment(work.root, copies=2, seed=1).made == 0
    assert len(list(work.augmented.glob("*.png"))) == 8
    assert len(lines(work, Split.TRAIN)) == 12


def test_a_corrected_label_reaches_the_copies_without_new_pictures(make_work):
    work = make_work()
    augment(work.root, copies=1, seed=1)
    pictures = {name: mark for name, mark in marks(work.augmented).items() if name.endswith(".png")}
    (work.obj / "p0.txt").write_text("2 0.5 0.5 0.25 0.5\n")
    result = augment(work.root, copies=1, seed=1)
    assert result.made == 0
    assert result.boxes_after == {"mask": 6, "no_mask": 6, "chin_diaper": 2}
    assert (work.augmented / "p0_c1.txt").read_text().startswith("2 ")
    assert {name: m for name, m in marks(work.augmented).items() if name.endswith(".png")} == pictures


def test_another_policy_and_a_moved_picture_replace_the_copies(make_work):
    work = make_work()
    augment(work.root, copies=1, seed=1)
    turned = Policy(operations=(Rotation(), Blur()), operations_per_copy=1)
    assert augment(work.root, copies=1, seed=1, policy=turned).made == 4
    rows = read_split(work)
    moved = [row if row.image != "obj/p0.png" else row.__class__(row.image, Split.TEST) for row in rows]
    write_split(work, moved)
    result = augment(work.root, copies=1, seed=1, policy=turned)
    assert (result.made, result.copies) == (0, 3)
    assert not (work.augmented / "p0_c1.png").exists()
    assert "augmented/p0_c1.png" not in lines(work, Split.TRAIN)


def test_manifest_says_what_was_done(make_work):
    work = make_work()
    augment(work.root, copies=2, seed=3)
    said = json.loads((work.augmented / "manifest.json").read_text())
    assert said["seed"] == 3
    assert Policy.from_dict(said["policy"]) == STUDY
    assert [line["copy"] for line in said["copies"]][:3] == ["p0_c1.png", "p0_c2.png", "p1_c1.png"]
    for line in said["copies"]:
        assert line["source"].startswith("obj/p")
        assert len({step["operation"] for step in line["operations"]}) == 2
        assert line["boxes"] == 2


def test_dropped_boxes_are_counted(make_work):
    work = make_work(train=12, label="0 0.05 0.05 0.1 0.1\n1 0.5 0.5 0.2 0.2\n")
    turned = Policy(operations=(Rotation(),), operations_per_copy=1, canvas="same")
    result = augment(work.root, copies=1, seed=1, policy=turned)
    assert 0 < len(result.dropped) <= 12
    assert {box.label for box in result.dropped} == {"mask"}
    assert result.boxes_after == {"mask": 24 - len(result.dropped), "no_mask": 24, "chin_diaper": 0}
    said = json.loads((work.augmented / "manifest.json").read_text())
    assert sum(len(line["dropped"]) for line in said["copies"]) == len(result.dropped)


def test_unreadable_picture_is_named_and_the_others_go_on(make_work):
    work = make_work()
    whole = (work.obj / "p1.png").read_bytes()
    (work.obj / "p1.png").write_bytes(whole[: len(whole) // 2])
    result = augment(work.root, copies=2, seed=1)
    assert [issue.path.name for issue in result.report.errors] == ["p1.png"]
    assert result.report.exit_code() == 1
    assert (result.copies, result.made) == (6, 6)
    assert not list(work.augmented.glob("p1_*"))
    assert result.boxes_after["mask"] - result.boxes_before["mask"] == 6
    again = augment(work.root, copies=2, seed=1)
    assert (again.copies, again.made, len(again.report.errors)) == (6, 0, 1)
    (work.obj / "p1.png").write_bytes(whole)
    assert augment(work.root, copies=2, seed=1).made == 2


def test_unlabelled_picture_gets_no_copies(make_work):
    work = make_work()
    (work.obj / "p2.txt").unlink()
    result = augment(work.root, copies=1, seed=1)
    assert result.copies == 3
    assert any(issue.key == "obj/p2" for issue in result.report)
    assert not list(work.augmented.glob("p2_*"))


def test_empty_label_file_gives_copies_with_empty_labels(make_work):
    work = make_work()
    (work.obj / "p2.txt").write_text("")
    result = augment(work.root, copies=1, seed=1)
    assert result.copies == 4
    assert (work.augmented / "p2_c1.txt").read_bytes() == b""


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize("jobs", [1, 2])
def test_cancelling_leaves_the_copies_as_they_were(make_work, after, jobs):
    work = make_work(train=10)
    augment(work.root, copies=1, seed=1)
    before, marked = content(work.root), marks(work.augmented)

    def stop(done: int, total: int) -> None:
        assert total == 20
        if done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment(work.root, copies=2, seed=2, jobs=jobs, on_progress=stop)
    part = work.root / ".augmented.part"
    assert part.exists() == bool(after)
    assert {name: data for name, data in content(work.root).items() if part.name not in name} == before
    assert marks(work.augmented) == marked


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_run_goes_on_where_it_was(make_work, jobs):
    work, other = make_work(train=12), make_work(train=12, folder="other")
    augment(other.root, copies=2, seed=2)

    def stop(done: int, total: int) -> None:
        if done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment(work.root, copies=2, seed=2, jobs=jobs, on_progress=stop)
    part = work.root / ".augmented.part"
    with (part / "journal.jsonl").open("a") as file:
        file.write('{"copy": "cut')  # killed while it wrote
    (part / ".writing-x.part").write_bytes(b"half a picture")
    (part / "p1_c1.png").write_bytes(b"not what the journal says")
    result = augment(work.root, copies=2, seed=2, jobs=jobs)
    assert result.copies == 24
    assert 8 < result.made <= 24 - 9  # 9 of the 10 were intact
    assert content(work.augmented) == content(other.augmented)
    assert not list(work.root.glob(".augmented*"))


@pytest.mark.parametrize(
    "other", [{"seed": 3}, {"policy": Policy(operations=(Blur(),), operations_per_copy=1)}]
)
def test_what_an_interrupted_run_with_other_settings_left_is_removed(make_work, other):
    work, fresh = make_work(train=6), make_work(train=6, folder="fresh")

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment(work.root, copies=2, seed=2, jobs=1, on_progress=stop)
    assert augment(work.root, **({"copies": 2, "seed": 2} | other)).made == 12
    augment(fresh.root, **({"copies": 2, "seed": 2} | other))
    assert content(work.augmented) == content(fresh.augmented)
    assert not list(work.root.glob(".augmented*"))


def test_remove_takes_the_unfinished_too(make_work):
    work = make_work(train=6)
    before = content(work.root)

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment(work.root, copies=2, seed=2, jobs=1, on_progress=stop)
    assert list(work.root.glob(".augmented*"))
    assert remove(work.root) == 0
    assert content(work.root) == before


def test_killed_between_the_last_copy_and_the_swap(make_work):
    work = make_work(train=3)
    augment(work.root, copies=2, seed=1)
    whole = content(work.augmented)
    work.augmented.rename(work.root / ".augmented.part")
    result = augment(work.root, copies=2, seed=1)
    assert (result.copies, result.made) == (6, 0)
    assert content(work.augmented) == whole
    assert not list(work.root.glob(".augmented*"))


def test_progress_counts_copies(make_work):
    work = make_work()
    calls: list[tuple[int, int]] = []
    augment(work.root, copies=3, seed=1, on_progress=lambda *call: calls.append(call))
    assert calls == [(0, 12), (3, 12), (6, 12), (9, 12), (12, 12)]


def test_run_in_a_thread_with_workers(make_work):
    work = make_work(train=4)
    results = []
    thread = threading.Thread(target=lambda: results.append(augment(work.root, copies=1, seed=1, jobs=2)))
    thread.start()
    thread.join(timeout=60)
    assert results[0].made == 4


def test_a_killed_worker_costs_a_retry_and_nothing_else(make_work):
    work, other = make_work(train=30), make_work(train=30, folder="other")
    augment(other.root, copies=2, seed=2)
    last = work.obj / "p29.png"
    picture = last.read_bytes()
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if not done:  # a pipe in the place of the last picture: who reads it waits for us
            last.unlink()
            os.mkfifo(last)
        elif not killed:
            gate = os.open(last, os.O_WRONLY)  # returns when a worker is there
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            for child in children:
                files = [os.readlink(entry) for entry in Path(f"/proc/{child}/fd").iterdir()]
                if str(last) in files:
                    os.kill(int(child), signal.SIGKILL)
                    killed.append(int(child))
            last.unlink()
            last.write_bytes(picture)
            os.close(gate)

    result = augment(work.root, copies=2, seed=2, jobs=2, on_progress=kill_one)
    assert len(killed) == 1
    assert (result.copies, len(result.report)) == (60, 0)
    assert content(work.augmented) == content(other.augmented)
    assert not list(work.root.glob(".augmented*"))


def test_killed_run_is_mended_by_the_next(make_work):
    work = make_work()
    augment(work.root, copies=1, seed=1)
    before = content(work.augmented)
    work.augmented.rename(work.root / ".augmented.old")  # killed between the two renames of a swap
    (work.root / ".augmented.part").mkdir()
    (work.root / ".augmented.part" / "p0_c1.png").write_bytes(b"half")
    result = augment(work.root, copies=1, seed=1)
    assert result.made == 0
    assert content(work.augmented) == before
    assert not list(work.root.glob(".augmented*"))


def test_workers_end_with_a_killed_parent(make_work):
    work = make_work(train=8)
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from augment.runner import augment\n"
        "def tell(done, total):\n"
        "    if done:\n"
        "        pids = Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read_text().split()\n"
        "        lines = {p: Path(f'/proc/{p}/cmdline').read_bytes() for p in pids}\n"
        "        print(*[p for p in pids if b'spawn_main' in lines[p]], flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "if __name__ == '__main__':\n"
        "    augment(Path(sys.argv[1]), copies=20, seed=1, jobs=2, on_progress=tell)\n"
    )
    script = work.root.parent / "killed.py"
    script.write_text(code)
    # The workers hold the pipe's other end: reading it to its end waits for the last of them.
    ended = subprocess.run([sys.executable, str(script), str(work.root)], stdout=subprocess.PIPE, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    pids = ended.stdout.split()
    assert pids
    assert not any(is_at_work(int(pid)) for pid in pids)
    result = augment(work.root, copies=20, seed=1)
    assert result.copies == 160 and 0 < result.made <= 140  # what was done before the kill is not lost
    assert not list(work.root.glob(".augmented*"))


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("os.killpg(0, signal.SIGINT)", 130, "interrupted"),
        ("os.killpg(0, signal.SIGTERM)", 143, "terminated"),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143, "terminated"),
    ],
)
def test_ctrl_c_and_sigterm_reach_all_processes_and_only_one_speaks(make_work, end, code, said):
    work = make_work(train=12)
    script_text = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from augment.runner import augment\n"
        "from converters.commands import run_command\n"
        "def tell(done, total):\n"
        "    if done:\n"
        f"        {end}\n"
        "def body(argv):\n"
        "    augment(Path(argv[0]), copies=50, seed=1, jobs=2, on_progress=tell)\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(run_command(body))\n"
    )
    script = work.root.parent / "interrupted.py"
    script.write_text(script_text)
    before = content(work.root)
    ended = subprocess.run(
        [sys.executable, str(script), str(work.root)],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    assert (ended.returncode, ended.stderr) == (code, f"{said}\n")
    part = ".augmented.part"
    assert {name: data for name, data in content(work.root).items() if part not in name} == before


def test_the_studys_numbers(make_work):
    work = make_work(train=608)
    result = augment(work.root, copies=2, seed=1)
    assert len(lines(work, Split.TRAIN)) == 1824
    assert result.boxes_after == {"mask": 1824, "no_mask": 1824, "chin_diaper": 0}


def test_foreign_files_are_never_deleted(make_work):
    work = make_work()
    work.augmented.mkdir()
    (work.augmented / "mine.png").write_bytes((work.obj / "p0.png").read_bytes())
    for action in (lambda: augment(work.root, copies=1, seed=1), lambda: remove(work.root)):
        with pytest.raises(DataError, match=r"1 files that are no copies.*mine\.png"):
            action()
    assert (work.augmented / "mine.png").exists()


def test_hidden_folders_of_other_programs_stay(make_work):
    work = make_work()
    augment(work.root, copies=1, seed=1)
    (work.augmented / ".annotator").mkdir()
    (work.augmented / ".annotator" / "annotator.db").write_bytes(b"journal")
    augment(work.root, copies=1, seed=2)
    assert (work.augmented / ".annotator" / "annotator.db").read_bytes() == b"journal"
    assert remove(work.root) == 4
    assert content(work.augmented) == {".annotator/annotator.db": b"journal"}


def test_remove_takes_everything_out_again(make_work):
    work = make_work()
    before = content(work.root)
    augment(work.root, copies=2, seed=1)
    assert remove(work.root) == 8
    assert content(work.root) == before
    assert not work.augmented.exists()
    assert remove(work.root) == 0


def test_linked_copies_are_not_written_through(make_work):
    work = make_work()
    augment(work.root, copies=1, seed=1)
    elsewhere = work.root.parent / "elsewhere"
    work.augmented.rename(elsewhere)
    work.augmented.symlink_to(elsewhere)
    before = content(elsewhere)
    augment(work.root, copies=1, seed=2)
    assert content(elsewhere) == before
    assert not work.augmented.is_symlink()
    assert not list(work.root.glob(".augmented*"))


def test_a_second_run_at_the_same_time_is_refused(make_work):
    work = make_work()
    handle = os.open(work.root, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(DataError, match="another run"):
            augment(work.root, copies=1, seed=1)
    finally:
        os.close(handle)
    assert augment(work.root, copies=1, seed=1).made == 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"copies": 0}, "0 copies"),
        ({"copies": 101}, "101 copies"),
        ({"seed": -1}, "seed -1"),
        ({"jobs": 0}, "0 jobs"),
    ],
)
def test_wrong_numbers_are_said(make_work, wrong, said):
    with pytest.raises(UsageError, match=said):
        augment(make_work().root, **({"copies": 1, "seed": 1} | wrong))


def test_no_data_set_and_no_training_picture(make_work, tmp_path):
    with pytest.raises(NotADatasetError):
        augment(tmp_path, copies=1, seed=1)
    work = make_work(train=0)
    with pytest.raises(DataError, match="no labelled training picture"):
        augment(work.root, copies=1, seed=1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_a_sentence(make_work):
    work = make_work()
    work.root.chmod(0o555)
    try:
        with pytest.raises(WriteError, match="read-only"):
            augment(work.root, copies=1, seed=1)
    finally:
        work.root.chmod(0o755)


def test_full_disk_is_a_sentence_and_the_old_copies_stay(make_work):
    work = make_work()
    augment(work.root, copies=1, seed=1)
    before = content(work.root)
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from augment.runner import augment\n"
        "from converters.errors import WriteError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"  # no file may grow beyond: write fails
        "try:\n"
        "    augment(Path(sys.argv[1]), copies=2, seed=2, jobs=1)\n"
        "except WriteError as error:\n"
        "    print(error)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(work.root)], capture_output=True, text=True, check=True
    )
    assert "cannot be written" in out.stdout
    assert content(work.root) == before
    assert not list(work.root.glob(".augmented*"))


def test_loading_the_augmented_set_leaves_the_copies_out(make_work):
    work = make_work()
    augment(work.root, copies=2, seed=1)
    assert len(registry.load(work.root, Report())) == 7


def test_digest_of_what_cannot_be_read():
    tell: Callable[[Path], str] = runner._digest_of
    assert tell(Path("/nowhere/at/all")) == ""

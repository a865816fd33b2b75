import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from converters.errors import DataError, ImageError
from converters.workers import SMALL, processors, run_tasks


def square(number: int) -> int:
    return number * number


def who(number: int) -> int:
    return os.getpid()


def touch(path: Path) -> Path:
    path.touch()
    return path


def die_at_nine(number: int) -> int:
    if number == 9:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse_nine(number: int) -> int:
    if number == 9:
        raise ImageError("is no picture.", path=Path("nine.png"), line=9, code="nine", hint="Take ten.")
    return number


def threads_of_opencv(number: int) -> int:
    import cv2

    return cv2.getNumThreads()


def signals(number: int) -> tuple[bool, bool]:
    return (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
    )


def workers_of_ours() -> list[bytes]:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    lines = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    return [line for line in lines if b"spawn_main" in line]


@pytest.mark.parametrize("jobs", [None, 1, 2, 3])
@pytest.mark.parametrize("tasks", [0, 1, 5, 60])
def test_results_come_in_order(jobs: int | None, tasks: int):
    calls: list[tuple[int, int]] = []
    results = run_tasks(square, range(tasks), jobs=jobs, on_progress=lambda *call: calls.append(call))
    assert list(results) == [number * number for number in range(tasks)]
    assert calls == [(done, tasks) for done in range(1, tasks + 1)]


def test_where_the_work_is_done():
    here = os.getpid()
    assert set(run_tasks(who, range(SMALL))) == {here}
    assert set(run_tasks(who, range(100), jobs=1)) == {here}
    assert here not in set(run_tasks(who, range(4), jobs=2))
    assert set(run_tasks(who, range(4), size=SMALL)) == {here}
    if processors() > 1:
        assert here not in set(run_tasks(who, range(4), size=SMALL + 1))


def test_workers_leave_signals_and_processors_to_others():
    assert set(run_tasks(threads_of_opencv, range(4), jobs=2)) == {1}
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a program started so hands it on
    try:
        assert set(run_tasks(signals, range(4), jobs=2)) == {(True, True)}
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_killed_worker_is_a_sentence():
    came: list[int] = []
    with pytest.raises(
        DataError, match=r"worker process ended .* tried again.* Nothing was changed\. .*--jobs 1"
    ) as caught:
        came.extend(run_tasks(die_at_nine, range(200), jobs=2))
    assert caught.value.code == "worker-died"
    assert came == list(range(len(came)))
    assert 9 not in came


def die_once(marker: Path) -> Path:
    """Kills its process the first time it is called with a marker that is not there yet."""
    if marker.name.startswith("die") and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker


def test_a_worker_that_dies_costs_its_task_a_retry_and_nothing_else(tmp_path: Path):
    names = [f"die{n}" if n in (3, 90, 198) else str(n) for n in range(200)]
    paths = [tmp_path / name for name in names]
    assert list(run_tasks(die_once, paths, jobs=2)) == paths
    assert not workers_of_ours()


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_the_function_comes_out_as_it_is(jobs: int):
    with pytest.raises(ImageError) as caught:
        list(run_tasks(refuse_nine, range(200), jobs=jobs))
    error = caught.value
    assert (error.message, error.path, error.line) == ("is no picture.", Path("nine.png"), 9)
    assert (error.code, error.hint) == ("nine", "Take ten.")
    assert str(error) == "nine.png:9: is no picture. Take ten."


@pytest.mark.parametrize("jobs", [1, 2])
def test_leaving_early_ends_the_work(tmp_path: Path, jobs: int):
    paths = [tmp_path / str(number) for number in range(20_000)]
    results = run_tasks(touch, paths, jobs=jobs)
    assert next(results) == paths[0]
    results.close()
    assert not paths[-1].exists()
    assert not workers_of_ours()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_callback_that_raises_ends_the_work(tmp_path: Path, jobs: int):
    paths = [tmp_path / str(number) for number in range(20_000)]

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    came: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        came.extend(run_tasks(touch, paths, jobs=jobs, on_progress=stop))
    assert came == paths[:2]
    assert not paths[-1].exists()
    assert not workers_of_ours()


def test_in_a_thread():
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.extend(run_tasks(square, range(9), jobs=2)))
    thread.start()
    thread.join(timeout=60)
    assert results == [number * number for number in range(9)]


def test_workers_end_with_a_killed_parent(tmp_path: Path):
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, signal\n"
        "from converters.workers import run_tasks\n"
        "def pid(number):\n"
        "    return os.getpid()\n"
        "if __name__ == '__main__':\n"
        "    for worker in run_tasks(pid, range(1000), jobs=2):\n"
        "        print(worker, flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # The workers hold the pipe's other end: reading it to its end waits for the last of them.
    ended = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.strip().isdigit()


def test_opencv_works_in_one_thread_here_too_and_then_as_before():
    import cv2

    cv2.setNumThreads(3)
    try:
        assert list(run_tasks(threads_of_opencv, [1, 2, 3], jobs=1)) == [1, 1, 1]
        assert cv2.getNumThreads() == 3
        for _ in (results := run_tasks(threads_of_opencv, [1, 2, 3], jobs=1)):
            break
        results.close()
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(-1)

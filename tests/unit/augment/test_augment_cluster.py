"""Real schedulers and workers; pictures of a real data set."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")
pytest.importorskip("fsspec", reason="the extra [cluster] is not installed")

import augment as augment_package
from augment import runner
from augment.cli import main
from augment.cluster import Cluster
from augment.places import Place, check_url, publish
from converters.errors import DataError, UsageError
from converters.work import WorkFolder

# Sockets and loops that distributed leaves to the garbage collector are not ours to close.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(distributed|tornado|dask|asyncio).*"),
]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def processes():
    """A cluster of two worker processes."""
    from distributed import LocalCluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=60
        ) as cluster:
            yield cluster


@pytest.fixture(scope="module")
def threads():
    """A cluster in this process: its workers see memory:// as we do."""
    from distributed import LocalCluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            protocol="tcp",
            dashboard_address=":0",
            silence_logs=60,
        ) as cluster:
            yield cluster


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def dask(*arguments: str, **environ: str):
    """A child process of the dask command; its log goes to nobody."""
    child = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environ,
        cwd=os.environ["HOME"],  # not the checkout, whose packages would come first
    )
    try:
        yield child
    finally:
        child.terminate()
        child.wait(30)


@contextlib.contextmanager
def scheduler(**environ: str):
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with dask("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", **environ) as child:
        while child.poll() is None:  # there is nothing to wait on but the port itself
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield address, child


def worker(address: str, *more: str, **environ: str):
    return dask("worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny", *more, **environ)


def make_local(make_work, train: int, folder: str = "local") -> WorkFolder:
    work = make_work(train=train, folder=folder)
    runner.augment(work.root, copies=2, seed=5, jobs=1)
    return work


def test_a_local_cluster_makes_the_same_bytes(make_work, processes, tmp_path, monkeypatch):
    expected = make_local(make_work, 40)
    work = make_work(train=40)
    seen: list[tuple[int, int]] = []
    monkeypatch.chdir(tmp_path)  # a relative path means another thing to a worker
    result = runner.augment(
        Path("work"),
        copies=2,
        seed=5,
        cluster=Cluster(processes.scheduler_address),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert (result.copies, result.made, len(result.report)) == (80, 80, 0)
    assert content(work.root) == content(expected.root)
    assert seen == [(done, 80) for done in range(0, 81, 2)]


def test_the_command_with_another_path(make_work, processes, tmp_path, capsys):
    expected, work = make_local(make_work, 6), make_work(train=6)
    (tmp_path / "mounted").symlink_to(work.root)
    arguments = [str(work.root), "--seed", "5", "--scheduler", processes.scheduler_address]
    assert main([*arguments, "--workers-see", str(tmp_path / "mounted")]) == 0
    assert "12 copies lie in" in capsys.readouterr().err
    assert content(work.root) == content(expected.root)
    assert main(arguments) == 0
    assert "12 copies (12 were there already)" in capsys.readouterr().err


def test_a_broken_picture_costs_its_own_copies_and_is_named_as_here(make_work, processes, tmp_path):
    work = make_work(train=4)
    (tmp_path / "mounted").symlink_to(work.root)
    broken = work.obj / "p1.png"
    broken.write_bytes(broken.read_bytes()[:60])
    cluster = Cluster(processes.scheduler_address, workers_see=str(tmp_path / "mounted"))
    result = runner.augment(work.root, copies=2, seed=5, cluster=cluster)
    assert result.copies == 6
    assert [issue.path for issue in result.report] == [broken]


def test_workers_must_see_the_data_set(make_work, processes, tmp_path):
    work = make_work(train=3)
    before = content(work.root)
    for url, said in (
        (str(tmp_path / "elsewhere"), "sees no data set"),
        (str(make_work(train=3, folder="copy").root), "sees a copy"),
        (str(make_work(train=4, folder="other").root), "sees another data set"),
    ):
        with pytest.raises(DataError, match=said):
            runner.augment(
                work.root, copies=1, seed=1, cluster=Cluster(processes.scheduler_address, workers_see=url)
            )
    assert {k: v for k, v in content(work.root).items() if not k.startswith(".")} == before


def test_wrong_use_is_said(make_work, capsys):
    work = str(make_work(train=2).root)
    for arguments, said in (
        (["--workers-see", "/mnt"], "goes with --scheduler"),
        (["--scheduler", "tcp://h:1", "--jobs", "2"], "--jobs"),
        (["--scheduler", "tcp://h:1", "--remove"], "making copies only"),
        (["--scheduler", "tcp://127.0.0.1:1", "--workers-see", "work"], "whole path"),
        (["--scheduler", "tcp://127.0.0.1:1", "--workers-see", "nowhere://x"], "fsspec knows no such"),
        (["--scheduler", "carrier-pigeon://127.0.0.1:1"], "unknown address scheme"),
    ):
        assert main([work, *arguments]) == 2
        told = capsys.readouterr().err
        assert said in told and "Traceback" not in told
    check_url("memory://x")


def test_a_scheduler_that_is_not_there(make_work, monkeypatch):
    monkeypatch.setattr("augment.cluster._CONNECT_S", 1.0)
    work = make_work(train=2)
    with pytest.raises(DataError, match="no scheduler answers") as caught:
        runner.augment(work.root, copies=1, seed=1, cluster=Cluster(f"tcp://127.0.0.1:{free_port()}"))
    assert caught.value.code == "no-scheduler"
    with socket.socket() as mute:  # something listens there that is no scheduler
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(DataError, match="no scheduler answers"):
            runner.augment(
                work.root, copies=1, seed=1, cluster=Cluster(f"tcp://127.0.0.1:{mute.getsockname()[1]}")
            )


def test_without_the_extra_it_says_what_to_install(make_work, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'mask-annotator\[cluster\]'"):
        Cluster("tcp://127.0.0.1:8786")


def test_a_store_that_is_not_mounted_here(make_work, threads):
    import fsspec

    expected, work = make_local(make_work, 20), make_work(train=20)
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.put(str(work.root), "/set", recursive=True)
    cluster = Cluster(threads.scheduler_address, workers_see="memory://set")
    runner.augment(work.root, copies=2, seed=5, cluster=cluster)
    stored = {name.removeprefix("/set/"): file.getvalue() for name, file in memory.store.items()}
    assert content(work.root) == content(expected.root) == stored
    # What another program took away over there, or an interrupted run left, is mended by the next run.
    memory.rm_file("/set/augmented/p3_c1.png")
    memory.mv("/set/augmented/manifest.json", "/set/augmented/.incomplete.json")
    memory.pipe_file("/set/augmented/.incomplete.json", b'["gone_c1.png", "gone_c1.txt"]')
    memory.pipe_file("/set/augmented/gone_c1.png", b"an old copy")
    runner.augment(work.root, copies=2, seed=5, cluster=cluster)
    assert {name.removeprefix("/set/"): file.getvalue() for name, file in memory.store.items()} == stored
    # Fewer copies here: fewer there.
    runner.remove(work.root)
    assert publish(Place(work.root, "memory://set"), work) > 0
    assert not any(name.startswith("/set/augmented") for name in memory.store)


def test_where_files_do_not_appear_whole_they_get_another_name_first(make_work, monkeypatch):
    import fsspec

    monkeypatch.setattr("augment.places._PUTS_WHOLE", frozenset())
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    work = make_work(train=1)
    place = Place(work.root, "memory://moved")
    for data in (b"first", b"second"):
        place.put(work.root / "augmented" / "a.png", data)
        assert list(memory.store) == ["/moved/augmented/a.png"]
        assert place.read(work.root / "augmented" / "a.png") == data
    assert place.read(work.root / "augmented" / "b.png") is None


def test_a_batch_that_is_given_up_is_tried_picture_by_picture(make_work):
    expected, work = make_local(make_work, 60), make_work(train=60)
    impatient = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with scheduler(**impatient) as (address, _), worker(address) as first, worker(address):
        killed = threading.Event()

        def kill(done: int, total: int) -> None:
            if done and not killed.is_set():
                first.send_signal(signal.SIGKILL)
                killed.set()

        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        result = runner.augment(work.root, copies=2, seed=5, cluster=Cluster(address), on_progress=kill)
    assert killed.is_set() and result.made == 120 and not len(result.report)
    assert content(work.root) == content(expected.root)


def test_a_copy_that_did_not_arrive_is_not_believed(make_work, processes, monkeypatch):
    work = make_work(train=3)
    cluster = Cluster(processes.scheduler_address)
    take = cluster._take

    def damaged(place, task, outcome):
        if task.image.key.endswith("p1"):
            task.copies[0].target.write_bytes(b"half of it")
        take(place, task, outcome)

    monkeypatch.setattr(cluster, "_take", damaged)
    with pytest.raises(DataError, match="not as the worker made it"):
        runner.augment(work.root, copies=1, seed=1, cluster=cluster)
    assert not work.augmented.exists()


def test_the_commands_of_dask_and_a_worker_that_is_killed(make_work):
    expected, work = make_local(make_work, 120), make_work(train=120)
    with scheduler() as (address, _), worker(address) as first, worker(address, "--name", "second"):
        killed = threading.Event()

        def kill(done: int, total: int) -> None:
            if done and not killed.is_set():
                first.send_signal(signal.SIGKILL)
                killed.set()

        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        result = runner.augment(work.root, copies=2, seed=5, cluster=Cluster(address), on_progress=kill)
    assert killed.is_set() and result.made == 240 and not len(result.report)
    assert content(work.root) == content(expected.root)


def test_a_scheduler_that_goes_away(make_work):
    work = make_work(train=200)
    with scheduler() as (address, process), worker(address):

        def kill(done: int, total: int) -> None:
            if done:
                process.kill()

        with pytest.raises(DataError, match="the scheduler went away") as caught:
            cluster = Cluster(address, patience_s=8)
            runner.augment(work.root, copies=3, seed=5, cluster=cluster, on_progress=kill)
    assert caught.value.code == "scheduler-gone"
    assert not work.augmented.exists()


def test_a_cluster_without_workers(make_work):
    work = make_work(train=2)
    with scheduler() as (address, _), pytest.raises(DataError, match="has no workers"):
        runner.augment(work.root, copies=1, seed=5, cluster=Cluster(address, patience_s=1))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ModuleNotFoundError('No module named augment')", "cannot run this program"),
        (None, "another version"),
    ],
)
def test_a_worker_without_this_program_or_with_another_version(make_work, tmp_path, body, said):
    work = make_work(train=2)
    package = tmp_path / "theirs" / "augment"
    if body is None:
        shutil.copytree(augment_package.__path__[0], package)
        with (package / "recipe.py").open("a") as file:
            file.write("# another line\n")
    else:
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(body)
    with (
        scheduler() as (address, _),
        worker(address, PYTHONPATH=str(package.parent)),
        pytest.raises(UsageError, match=said),
    ):
        runner.augment(work.root, copies=1, seed=5, cluster=Cluster(address))


def test_ctrl_c_cancels_and_nobody_writes_any_more(make_work, processes):
    from distributed import Client

    work = make_work(train=150)
    script = (
        "import sys, signal, os\n"
        "from augment import cluster\n"
        "from augment.cli import main\n"
        "take = cluster.Cluster._take\n"
        "def taken(*arguments):\n"
        "    take(*arguments)\n"
        "    print('took one', flush=True)\n"
        "cluster.Cluster._take = taken\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            script,
            str(work.root),
            "--copies",
            "4",
            "--scheduler",
            processes.scheduler_address,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "took one\n"
        child.send_signal(signal.SIGINT)
        _, talk = child.communicate(timeout=60)
    assert child.returncode == 130 and talk.strip().endswith("interrupted") and "Traceback" not in talk
    before = content(work.root)
    with Client(processes, set_as_default=False) as client:
        assert not any(client.processing().values())
    assert content(work.root) == before and not work.augmented.exists()

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from converters.commands import ExitStatus, run_command
from converters.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no.", hint="Do this."), 2),
        (DataError("bad.", path=Path("x"), line=4), 1),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "f.txt"), 1),
    ],
)
def test_errors_become_a_sentence_and_a_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
):
    def body(arguments):
        raise error

    assert run_command(body, []) == code
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err and err.strip()


def test_the_place_stands_in_front(capsys: pytest.CaptureFixture[str]):
    def body(arguments):
        raise DataError("is bad.", path="a.xml", line=4, hint="Mend it.")

    assert run_command(body, []) == ExitStatus.FINDINGS
    assert capsys.readouterr().err == "error: a.xml:4: is bad. Mend it.\n"


def test_a_closed_pipe_is_no_error():
    script = (
        "import sys; from converters.commands import run_command\n"
        "def body(a):\n    [print('x' * 100) for _ in range(10000)]\n    return 0\n"
        "sys.exit(run_command(body))"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stderr is not None
    child.stdout.read(10)
    child.stdout.close()
    errors = child.stderr.read()
    child.stderr.close()
    assert child.wait() == 0 and errors == b""


def test_sigterm_cleans_up(tmp_path: Path):
    script = (
        "import sys, tempfile; from converters.commands import run_command\n"
        "def body(arguments):\n"
        "    with tempfile.TemporaryDirectory(dir=arguments[0]):\n"
        "        print('going', flush=True)\n"
        "        sys.stdin.read()\n"
        "    return 0\n"
        "sys.exit(run_command(body))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stdout.readline() == "going\n"
    assert len(list(tmp_path.iterdir())) == 1
    child.send_signal(signal.SIGTERM)
    assert child.communicate(timeout=60)[1] == "terminated\n"
    assert child.returncode == ExitStatus.TERMINATED == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_sigterm_is_as_before_afterwards_and_elsewhere():
    seen = []

    def body(arguments):
        seen.append(signal.getsignal(signal.SIGTERM))
        return 0

    assert run_command(body, []) == 0
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    thread = threading.Thread(target=run_command, args=(body, []))
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert run_command(body, []) == 0
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    assert callable(seen[0]) and seen[1:] == [signal.SIG_DFL, signal.SIG_IGN]

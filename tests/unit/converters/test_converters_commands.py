import subprocess
import sys
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

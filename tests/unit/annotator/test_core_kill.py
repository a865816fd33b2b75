"""``kill -9`` at random moments of editing: nothing but the step in progress may be lost."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("more", [[], ["--faults", "--seed", "2"]], ids=["kills", "kills-and-a-full-disk"])
def test_a_killed_process_loses_nothing_but_the_step_in_progress(tmp_path: Path, more: list[str]):
    command = [sys.executable, "-m", "benchmarks.kill_storm", "--kills", "50", "--room", str(tmp_path), *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LOST" not in done.stdout and not list(tmp_path.iterdir()), done.stdout

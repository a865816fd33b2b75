"""What a check of a training found is mended with its button."""

from __future__ import annotations

import os
import stat

import pytest

from annotator.core.training_check import CheckFinding
from annotator.darknet.preflight.look import FIXES
from annotator.darknet.preflight.mending import allow_writing
from annotator.qt.pages.train.check_panel import fix_text
from converters.errors import WriteError


def test_a_missing_folder_is_made(tmp_path):
    finding = CheckFinding(True, "read-only", "is missing", path=tmp_path / "run/backup", fix="allow-writing")
    assert FIXES["read-only"] == finding.fix and fix_text(finding) == "Make the folder"
    allow_writing(tmp_path / "run/backup")
    assert (tmp_path / "run/backup").is_dir() and fix_text(finding) == "Allow writing"


def test_our_own_folder_is_made_writable(tmp_path, monkeypatch):
    folder = tmp_path / "backup"
    folder.mkdir()
    folder.chmod(0o555)
    # Root may write everywhere: what the others are told is taken from the mode.
    monkeypatch.setattr(os, "access", lambda path, how: bool(os.stat(path).st_mode & stat.S_IWUSR))
    allow_writing(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    (folder / "x").write_text("x")


def test_what_cannot_be_mended_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, how: False)
    with pytest.raises(WriteError, match="its disk is read-only"):
        allow_writing(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(WriteError, match="belongs to .*: only they"):
        allow_writing(tmp_path / "runs")
    (tmp_path / "file").write_text("")
    monkeypatch.undo()
    with pytest.raises(WriteError):
        allow_writing(tmp_path / "file")

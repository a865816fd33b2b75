from __future__ import annotations

from darknet_support import make_work
from PyQt5.QtWidgets import QInputDialog
from test_darknet_run_data import make_run

from annotator.darknet.cli import main
from annotator.darknet.run.notes import note_of, set_note
from annotator.qt.dialogs.runs import RunsDialog


def test_a_note_on_the_command_line(tmp_path, capsys):
    run = make_run(make_work(tmp_path / "work"))
    assert main(["note", str(run.path), "no\nmosaic,  larger"]) == 0
    assert main(["note", str(run.path)]) == 0
    assert capsys.readouterr().out == "no mosaic, larger\n" == (run.path / "note.txt").read_text()
    assert main(["note", str(run.path), ""]) == 0
    assert note_of(run) == "" and not (run.path / "note.txt").exists()


def test_a_note_in_the_window(qtbot, tmp_path, monkeypatch):
    run = make_run(make_work(tmp_path / "work"))
    set_note(run, "first")
    dialog = RunsDialog(run.work)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.note.isEnabled(), timeout=20_000)
    asked = []
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, text: (asked.append(text) or "second", True))
    with qtbot.waitSignal(dialog.changed):
        dialog.note.click()
    assert asked == ["first"] and note_of(run) == "second"
    assert dialog.model.index(0, 1).data() == "second"

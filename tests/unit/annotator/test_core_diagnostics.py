import json
import zipfile
from pathlib import Path

import pytest

from annotator import settings
from annotator.core.diagnostics import SetFacts, Sources, collect, packages, save, tail
from annotator.core.session import Session
from annotator.darknet.program.dialect import Darknet
from annotator.messages import Level, Message


@pytest.fixture
def sources(small_demo: Path, tmp_path: Path, monkeypatch):
    home = tmp_path / "anna.schmidt"
    secret = home / "my private pictures"
    secret.parent.mkdir()
    small_demo.rename(secret)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", "anna.schmidt")
    (secret / "images" / "maksssksksss0.png").rename(secret / "images" / "Birthday of Bob.png")
    (secret / "annotations" / "maksssksksss0.xml").rename(secret / "annotations" / "Birthday of Bob.xml")
    session = Session.open(secret)
    log = settings.log_folder() / "errors.log"
    log.parent.mkdir(parents=True)
    code = Path(settings.__file__).resolve()
    log.write_text(f'Traceback:\n  File "{code}", line 3, in x\nOSError: {home}/other set/Cäsar.JPG is bad\n')
    said = [
        Message(
            Level.ERROR, f"{secret}/images/Birthday of Bob.png: cannot be read.", f"{home}/x/y z.xml:3: bad"
        ),
        Message(Level.INFO, "add the class with_mask to /mnt/usb stick/Karin/a.png"),
    ]
    values = {"recent": [str(secret), str(home / "Wedding")], "geometry": "AAAA", "theme": "dark"}
    values |= {"darknet": f"{home}/bin/darknet", "last_export": f"{home}/Wedding/out"}
    opened = SetFacts(session.dataset(), session.codec.title, session.report, {"Undo": "none"})
    yield Sources(
        ("Screen 0: 1366x768",),
        values,
        said,
        opened,
        None,
        Darknet(home / "bin" / "darknet", "hank", gpu=True),
    )
    session.close()


def test_by_default_it_names_nobody_and_nothing(sources: Sources):
    text = "\n".join(collect(sources).values())
    for name in ("anna", "schmidt", "private", "Birthday", "Bob", "Cäsar", "Karin", "Wedding", "with_mask",
                 "y z.xml", str(Path.home()), "usb", "Karin"):  # fmt: skip
        assert name not in text, name
    assert "@tool/annotator/settings.py" in text and "Traceback" in text and "OSError" in text
    assert "Pascal VOC" in text and "class 0" in text and "hank-ai" in text and "for the GPU" in text
    shown = json.loads(collect(sources)["settings.json"])
    assert shown["recent"] == "2 of them" and shown["theme"] == "dark" and "geometry" not in shown


def test_with_names_the_home_folder_is_still_hidden(sources: Sources):
    text = "\n".join(collect(sources, with_names=True).values())
    assert "Birthday of Bob.png" in text and "with_mask" in text and "~/my private pictures" in text
    assert "anna.schmidt" not in text


def test_the_file_holds_the_parts(sources: Sources, tmp_path: Path):
    parts = collect(sources)
    save(tmp_path / "out.zip", parts)
    with zipfile.ZipFile(tmp_path / "out.zip") as file:
        assert {
            name.removeprefix("mask-annotator/"): file.read(name).decode() for name in file.namelist()
        } == parts
    assert set(parts) == {
        "versions.txt",
        "settings.json",
        "set.txt",
        "training.txt",
        "messages.txt",
        "errors.log",
    }


def test_without_a_set_or_a_log():
    parts = collect(Sources())
    assert (
        "No set" in parts["set.txt"]
        and "No error" in parts["errors.log"]
        and "Python" in parts["versions.txt"]
    )


def test_packages_have_versions_and_licences():
    found = {name: (version, licence) for name, version, licence in packages()}
    assert not found or (found["numpy"][0][0].isdigit() and "BSD" in found["numpy"][1])


def test_a_tail_begins_with_a_whole_line(tmp_path: Path):
    path = tmp_path / "log"
    path.write_text("".join(f"line {number}\n" for number in range(1000)))
    assert tail(path, 20) == "line 998\nline 999\n" and tail(tmp_path / "no") == ""

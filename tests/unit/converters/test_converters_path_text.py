import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from converters.model import AnnotatedImage
from converters.report import Issue, Severity

IMAGE = AnnotatedImage("a/b", Path("/set/a/b.png"), (4, 3), annotation=Path("/set/x/b.xml"))


def test_paths_of_an_image_are_paths_for_whoever_asks():
    assert IMAGE.path == Path("/set/a/b.png") and isinstance(IMAGE.path, Path)
    assert IMAGE.annotation == Path("/set/x/b.xml") and IMAGE.annotation_text == "/set/x/b.xml"
    assert IMAGE.name == "b.png"
    bare = replace(IMAGE, annotation=None)
    assert bare.annotation is None and bare.annotation_text is None
    assert "PosixPath('/set/a/b.png')" in repr(IMAGE)


def test_an_image_is_a_value_like_any_other():
    same = AnnotatedImage("a/b", Path("/set/a/b.png"), (4, 3), annotation=Path("/set/x/b.xml"))
    assert same == IMAGE and hash(same) == hash(IMAGE) and replace(IMAGE, path=Path("c.png")) != IMAGE
    assert pickle.loads(pickle.dumps(IMAGE)) == copy.deepcopy(IMAGE) == IMAGE
    with pytest.raises(FrozenInstanceError):
        IMAGE.path = Path("c.png")


def test_a_finding_keeps_its_path():
    issue = Issue(Severity.ERROR, "code", "text.", Path("/set/é.xml"), 3)
    assert issue.path == Path("/set/é.xml") and str(issue).startswith("/set/é.xml:3: ")
    assert Issue(Severity.ERROR, "code", "text.").path is None

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.darknet.network.cfg import Cfg, Section, parse_cfg, read_cfg, section, write_cfg
from converters.errors import FormatError

TEXT = """\
# a comment
[net]
batch=4
width = 96

[convolutional]
filters=16
[convolutional]
filters=32
; another
[yolo]
anchors = 10,14,  23,27
classes=3
"""


def test_repeated_sections_and_the_order_of_options_survive():
    cfg = parse_cfg(TEXT)
    assert [part.name for part in cfg.sections] == ["net", "convolutional", "convolutional", "yolo"]
    assert [part.get_int("filters") for part in cfg.layer_sections[:2]] == [16, 32]
    assert cfg.net.options == (("batch", "4"), ("width", "96"))
    assert cfg.sections[3].get_floats("anchors") == (10, 14, 23, 27)
    assert cfg.sections[3].line == 11


def test_what_is_written_reads_back(tmp_path):
    cfg = parse_cfg(TEXT)
    path = tmp_path / "net.cfg"
    write_cfg(path, cfg)
    again = read_cfg(path)
    assert again.render() == cfg.render() == path.read_text()


def test_options_change_in_place_and_new_ones_come_last():
    cfg = parse_cfg(TEXT).with_net(batch=8, max_batches=40).with_detectors(thresh=0.01)
    assert cfg.net.options == (("batch", "8"), ("width", "96"), ("max_batches", "40"))
    assert cfg.sections[3].get("thresh") == "0.01"
    assert "batch" not in cfg.net.without("batch")


def test_small_numbers_are_written_without_exponent():
    assert section("net", learning_rate=1e-05, decay=0.0005, hue=1.0).options == (
        ("learning_rate", "0.00001"),
        ("decay", "0.0005"),
        ("hue", "1"),
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "[net]"),
        ("[convolutional]\nfilters=1\n", 1, "[net]"),
        ("batch=4\n[net]\n", 1, "before the first section"),
        ("[net]\nbatch\n", 2, "key=value"),
        ("[net\n", 1, "heading"),
    ],
)
def test_broken_text_is_refused_with_its_line(text, line, words):
    with pytest.raises(FormatError) as caught:
        parse_cfg(text)
    assert caught.value.line == line
    assert words in str(caught.value)


def test_a_value_that_is_no_number_names_section_and_key():
    with pytest.raises(FormatError, match=r"\[net\] batch=many is not a whole number"):
        section("net", batch="many").get_int("batch")


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "net.cfg"
    path.write_bytes(b"\xff\xfe\x00[net]")
    with pytest.raises(FormatError, match="not text"):
        read_cfg(path)
    with pytest.raises(FormatError, match="cannot be read"):
        read_cfg(tmp_path / "nothing.cfg")


_word = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
_value = st.from_regex(r"[a-z0-9.,-]{1,12}", fullmatch=True)
_section = st.builds(
    Section, _word, st.dictionaries(_word, _value, max_size=6).map(lambda d: tuple(d.items()))
)


@given(st.lists(_section, max_size=5))
def test_any_cfg_survives_text(sections):
    cfg = Cfg((Section("net"), *sections))
    again = parse_cfg(cfg.render())
    assert [(part.name, part.options) for part in again.sections] == [
        (part.name, part.options) for part in cfg.sections
    ]


OPEN_IMAGES = """\
[net]
# Testing
 batch=1
# Training
batch=64

[conv]
filters=40 #32
[max]
size=2
"""


def test_of_a_key_that_stands_twice_the_first_counts_as_darknet_takes_it():
    cfg = parse_cfg(OPEN_IMAGES)
    assert cfg.net.get_int("batch") == 1
    changed = cfg.with_net(batch=8).render()
    assert parse_cfg(changed).net.get_int("batch") == 8
    assert changed == OPEN_IMAGES.replace(" batch=1", "batch=8").replace("batch=64", "#batch=64")


def test_a_comment_behind_a_value_is_none_of_the_value_and_stays():
    cfg = parse_cfg(OPEN_IMAGES)
    conv = cfg.layer_sections[0]
    assert (conv.name, conv.get_int("filters")) == ("convolutional", 40)
    changed = Cfg((cfg.net, conv.with_options(filters=24), *cfg.sections[2:]), OPEN_IMAGES).render()
    assert "[conv]\n#32\nfilters=24\n" in changed

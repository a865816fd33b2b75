from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from converters.errors import FormatError
from converters.formats.json_document import DoubledDict, JsonDocument
from converters.formats.json_stream import JsonLists

LISTS = ("images", "annotations")
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def entries(path: Path) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for key, index, _, value in JsonLists(path).entries(LISTS):
        found.setdefault(key, []).append(value)
        assert index == len(found[key]) - 1
    return found


def error_of(path: Path, data: bytes) -> tuple[str, int | None, str] | None:
    path.write_bytes(data)
    try:
        for _ in JsonLists(path).entries(LISTS):
            pass
    except FormatError as error:
        return error.message, error.line, error.code
    return None


def error_of_whole(path: Path, data: bytes) -> tuple[str, int | None, str] | None:
    try:
        JsonDocument(data, path)
    except FormatError as error:
        return error.message, error.line, error.code
    return None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    images=st.lists(VALUES, max_size=5),
    annotations=st.lists(VALUES, max_size=5),
    indent=st.sampled_from([None, 1]),
)
def test_entries_are_what_the_decoder_says(
    tmp_path: Path, images: list[Any], annotations: list[Any], indent: int | None
) -> None:
    document = {"info": {"a": [1]}, "images": images, "annotations": annotations, "n": 12.5}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document, indent=indent), encoding="utf-8")
    found = entries(path)
    assert found.get("images", []) == images and found.get("annotations", []) == annotations


@pytest.mark.parametrize("newline", ["", "\n", "\r\n"])
def test_entries_and_lines_over_the_edges_of_the_window(tmp_path: Path, newline: str) -> None:
    """Three megabytes, read one at a time: whatever lies on an edge comes out whole, on its line."""
    small = [{"id": n, "text": "ä" * (n % 50), "values": [n / 7, -n, 1e-9]} for n in range(12_000)]
    large = {"id": -1, "text": "x" * 2_500_000}
    given = [*small[:6000], large, *small[6000:]]
    text = ("," + newline).join(json.dumps(entry, ensure_ascii=False) for entry in given)
    path = tmp_path / "a.json"
    path.write_bytes(f'{{"images":{newline}[{newline}{text}],"annotations": [ ] ,"z": 17}}'.encode())
    assert path.stat().st_size > 3 * 2**20
    lists = JsonLists(path)
    read = list(lists.entries(LISTS))
    assert [value for _, _, _, value in read] == given
    start = 3 if newline else 1
    assert [line for _, _, line, _ in read] == [start + n * bool(newline) for n in range(len(given))]
    assert lists.value == {"images": [given[0]], "annotations": [], "z": 17}
    assert lists.done == {"images", "annotations"}


def test_a_file_that_is_cut_anywhere_is_explained_as_when_it_is_read_at_once(tmp_path: Path) -> None:
    text = '{"info": {"a": "b\\u00e4"},\n "images": [{"id": 1.5e3, "ok": true},\n {"id": -2}], "z": []}\n'
    path = tmp_path / "a.json"
    data = text.encode()
    assert error_of(path, data) is None
    for end in range(len(text) - 1):
        assert error_of(path, data[:end]) == error_of_whole(path, data[:end]), data[:end]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        '{"images": [1,]}',
        '{"images": [1 2]}',
        '{"images" [1]}',
        "{images: []}",
        '{"images": []} more',
        '{"images": [/* no */ 1]}',
        "{'images': []}",
        '{"images": [{"a": "\x01"}]}',
        "[" * 5000,
        '{"images": ' + "[" * 5000,
        '{"images": [1], "a": nul}',
    ],
)
def test_what_is_no_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    if text.startswith("["):
        assert error_of(path, text.encode()) is None  # no object: nothing is handed out
        return
    assert error_of(path, text.encode()) == error_of_whole(path, text.encode())


@pytest.mark.parametrize("data", [b'{"images": ["\xff"]}', b"\xff\xfe{\x00", b'{"a": "\x00"}'])
def test_what_is_no_text(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.json"
    assert error_of(path, data) == error_of_whole(path, data)


def test_byte_order_mark_long_numbers_and_keys_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    text = '{"images": [%s, {"a": 1, "a": 2}], "images": []}' % ("9" * 6000)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    lists = JsonLists(path)
    values = [value for _, _, _, value in lists.entries(LISTS)]
    assert values[0] == float("inf") and isinstance(values[1], DoubledDict) and values[1].doubled == "a"
    assert isinstance(lists.value, DoubledDict) and lists.value.doubled == "images"
    assert lists.key_line("images") == 1

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from converters.errors import UsageError
from converters.label_counts import parse, render

labels = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


@given(st.dictionaries(labels, st.integers(1, 999_999_999)), st.sampled_from([",", ";"]))
@example({" ": 1, "\\": 2, "a ": 3, " a": 4, "=": 5, ";": 6, ",": 7, "\\ ": 8, "a=1;b": 9, "\n": 1}, ";")
@example({"  ": 1, "   ": 2, " \\": 3}, ",")
def test_what_is_written_is_read(counts: dict[str, int], separator: str) -> None:
    assert parse(render(counts, separator), separator) == counts


def test_plain_names_are_plain() -> None:
    assert render({"chin diaper": 2, "none": 0, "mask": 1}, ";") == "chin diaper=2;mask=1"
    assert parse(" chin diaper = 2 ; mask=1 ", ";") == {"chin diaper": 2, "mask": 1}
    assert parse("  ", ";") == {}


@pytest.mark.parametrize(
    "text", ["a", "a=", "=1", " =1", "a=0", "a=-1", "a=1.0", "a=1;;b=2", "a=1;a=2", "a=²"]
)
def test_nonsense(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text, ";")

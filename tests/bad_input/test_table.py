"""The table of bad inputs is whole: enough kinds, each with a function that builds it, each function with a row."""

import re
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
EXPECTED = {"refused", "right", "counted"}


def sources() -> dict[str, str]:
    """{where the kinds of a module enter: its source}."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(HERE.glob("test_*.py"))]
    return {place[1]: text for text in texts if (place := re.search(r'^ENTERS = "(.+)"$', text, re.MULTILINE))}


def test_there_are_enough_kinds(rows):
    assert len(rows) >= 60
    assert [name for name, count in Counter(row["id"] for row in rows).items() if count > 1] == []


def test_every_row_says_all(rows):
    for row in rows:
        assert (
            {"id", "wrong", "enters", "expected"}
            <= row.keys()
            <= {"id", "wrong", "enters", "expected", "error", "examples"}
        ), row
        assert row["expected"] in EXPECTED and ("error" in row) == (row["expected"] == "refused"), row


def test_every_kind_is_exercised_and_in_the_table(rows):
    """A row is tried by the module for its place, which calls the function of its name."""
    for place, text in sources().items():
        built = re.findall(r"^def ([a-z]\w*)\(draw, folder(?:, tree)?\)", text, re.MULTILINE)
        assert sorted(built) == sorted(row["id"] for row in rows if row["enters"] == place), place
        assert "def test_kind(row, tried" in text, place
    assert {row["enters"] for row in rows} == set(sources())

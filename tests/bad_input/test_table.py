"""The table of bad inputs is whole: enough kinds, each tried, each function with a row."""

import re
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
MUST = {"id", "wrong", "enters", "expected"}
MAY = {"error", "examples", "inputs", "command", "names", "texts", "changes", "of"}


def test_there_are_enough_kinds_and_every_row_says_all(rows):
    assert len(rows) >= 60
    assert [name for name, count in Counter(row["id"] for row in rows).items() if count > 1] == []
    for row in rows:
        assert MUST <= row.keys() <= MUST | MAY, row
        assert row["expected"] in {"refused", "right", "counted"}, row
        assert ("error" in row) == (row["expected"] == "refused"), row


def test_every_kind_is_exercised_and_in_the_table(rows):
    """By the module for its place: from the row, or by the function of its name."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(HERE.glob("test_*.py"))]
    sources = {place[1]: text for text in texts if (place := re.search(r'^ENTERS = "(.+)"$', text, re.MULTILINE))}
    for place, text in sources.items():
        built = re.findall(r"^def ((?!test_)[a-z]\w*)\((?:draw|held|path)\b", text, re.MULTILINE)
        listed = {row["id"] for row in rows if row["enters"] == place and {"inputs", "texts", "changes"} & row.keys()}
        assert sorted([*built, *listed]) == sorted(row["id"] for row in rows if row["enters"] == place), place
        assert "def test_kind(row, tried" in text, place
    assert {row["enters"] for row in rows} == set(sources)

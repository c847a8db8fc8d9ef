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


def test_every_place_has_a_module_that_tries_its_kinds(rows):
    text = "\n".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    assert {row["enters"] for row in rows} == set(re.findall(r'^ENTERS = "(.+)"$', text, re.MULTILINE))
    built = re.findall(r"^def ((?!test_)[a-z]\w*)\((?:draw|held|path)\b", text, re.MULTILINE)
    assert set(built) <= {row["id"] for row in rows}, "a function without a row tries nothing"

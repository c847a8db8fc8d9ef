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
    texts = [path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py")]
    sources = {place[1]: text for text in texts if (place := re.search(r'^ENTERS = "(.+)"$', text, re.MULTILINE))}
    assert {row["enters"] for row in rows} == set(sources)
    assert all("def test_kind(row, tried" in text for text in sources.values())
    built = re.findall(r"^def ((?!test_)[a-z]\w*)\((?:draw|held|path)\b", "\n".join(sources.values()), re.MULTILINE)
    assert set(built) <= {row["id"] for row in rows}, "a function without a row tries nothing"

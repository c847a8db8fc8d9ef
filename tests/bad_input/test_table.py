"""The table of bad inputs is tried as a whole: no row without a module, no function without a row."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_place_has_a_module_that_tries_its_kinds(rows):
    text = "\n".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    assert {row["enters"] for row in rows} == set(re.findall(r'^ENTERS = "(.+)"$', text, re.MULTILINE))
    built = re.findall(r"^def ((?!test_)[a-z]\w*)\((?:draw|held|path)\b", text, re.MULTILINE)
    assert set(built) <= {row["id"] for row in rows}, "a function without a row tries nothing"

"""Bad input, generated: what each row of `kinds.yaml` promises is tried on a few inputs that Hypothesis draws.

A kind is a function of the module for its place (`ENTERS`), called as its row's `id`. It draws an input with one thing
wrong below a folder, and returns (what is to be done with it, what must come of it): for `refused` and `counted` the
names that the error or the report must hold, for `right` a function that judges what came back.
"""

import hashlib
import os
import re
import stat
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
import trees
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import vireid_lib
from vireid_lib.data.strict import load_yaml
from vireid_lib.data.text import printable, read_text
from vireid_lib.training import hub

PACKAGE = str(Path(vireid_lib.__file__).parent)
TABLE = Path(__file__).with_name("kinds.yaml")
ROWS = load_yaml(read_text(TABLE))
EXAMPLES = 2
TRIED = {"derandomize": True, "deadline": None, "database": None, "phases": [Phase.generate]}
TRIED |= {"suppress_health_check": list(HealthCheck)}

NAMES = ("sysu_mm01", "regdb", "llcm", "market1501")

REMEDY = re.compile(
    r"\b(add|choose|convert|copy|correct|delete|did you mean|download|drop|fetch|free|give|instead|its default|keep|"
    r"knows|leave|list every|make|move|name|pass|put|remove|restore|run|save|separate|set|should|take|there are|"
    r"unpack|use|valid here|write)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="session", autouse=True)
def nothing_of_hypothesis_in_the_checkout(tmp_path_factory):
    """Hypothesis keeps tables of characters, by default where the shell is."""
    hypothesis.configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))


def pytest_generate_tests(metafunc):
    """One test a row, in the module for the row's place."""
    if "row" in metafunc.fixturenames:
        rows = [row for row in ROWS if row["enters"] == metafunc.module.ENTERS]
        metafunc.parametrize("row", rows, ids=[row["id"] for row in rows])


@pytest.fixture(scope="session")
def rows():
    """The whole table."""
    return ROWS


@pytest.fixture(scope="session")
def tree() -> Callable:
    """Write a data set: `tree(draw, folder, names)` returns the drawn name and the root."""
    return _tree


@pytest.fixture
def tried(monkeypatch) -> Callable[[dict, Callable], None]:
    """Try a kind: `tried(row, function)`."""

    def trial(row: dict, kind: Callable) -> None:
        count = 0

        @settings(max_examples=row.get("examples", EXAMPLES), **TRIED)
        @given(st.data())
        def example(data: st.DataObject) -> None:
            nonlocal count
            with tempfile.TemporaryDirectory() as folder:
                monkeypatch.chdir(folder)  # what is written where the shell is would be seen
                _judge(row, *kind(data.draw, Path(folder)), Path(folder))
            monkeypatch.chdir("/")
            count += 1

        example()
        assert count, f"{row['id']} was not tried"

    return trial


def _tree(draw, folder, names=NAMES):
    """Write a small whole data set whose people, padding and suffix are drawn; return its name and its root."""
    name = draw(st.sampled_from(names))
    root = folder / draw(st.sampled_from(["data", "camille's data", "样 cam7"])) / name
    people = draw(st.lists(st.integers(1, 999), min_size=4, max_size=5, unique=True))
    suffix, form = draw(st.sampled_from([".png", ".PNG", ".bmp"])), draw(st.sampled_from(["{:04d}", "{}"]))
    first, rest = people[:2], people[2:]
    if name == "sysu_mm01":
        seen, parts = dict.fromkeys(people, dict.fromkeys(range(1, 7), 2)), {"train": first[:1], "val": first[1:]}
        made = trees.sysu(seen, parts | {"test": rest}, form)
    elif name == "regdb":
        made = trees.regdb(dict.fromkeys(people, 2), [first])
    elif name == "llcm":
        made = trees.llcm(first, rest, form=form)
    else:
        boxes = {"bounding_box_train": (first, (1, 2)), "query": (rest, (1,)), "bounding_box_test": (rest, (2,))}
        shown = {place: [f"{one:04d}_c{c}s1_1_1" for one in ids for c in by] for place, (ids, by) in boxes.items()}
        made = trees.market(shown)
    return name, trees.write(root, made, suffix)


def _judge(row: dict, act: Callable[[], object], wanted: object, folder: Path) -> None:
    before = _held(folder)
    try:
        found, error = act(), None
    except Exception as raised:
        found, error = None, raised
    assert _held(folder) == before, "something on disk has changed"
    if row["expected"] == "refused":
        assert error is not None, f"{row['id']} is accepted: {repr(found)[:300]}"
        _is_a_refusal(error, row["error"], wanted)
        return
    if error is not None:
        raise error
    if row["expected"] == "counted":
        for name in wanted:
            assert name in found, f"{name!r} is not told in {found!r}"
    else:
        wanted(found)


def _is_a_refusal(error: Exception, kind: str, names: list[str]) -> None:
    """Of the class that the table says, raised by the project's own code, with the names and a remedy."""
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    told = "".join(traceback.format_exception(error))
    assert type(error).__name__ == kind, told
    assert raised_in.startswith(PACKAGE), f"not an error of the project's own: {told}"
    message = str(error)
    for name in names:
        assert printable(name) in printable(message), f"{name!r} is not named: {told}"
    assert REMEDY.search(message), f"no remedy: {message}"
    assert not hub.advises(message), f"others' advice is handed on: {message}"


def _held(folder: Path) -> dict[str, tuple]:
    """{path: what lies there} of everything below a folder."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(place, name)
            about = os.lstat(path)
            content = b""
            if stat.S_ISREG(about.st_mode) and os.access(path, os.R_OK):
                content = hashlib.sha256(Path(path).read_bytes()).digest()
            found[path] = (about.st_mode, about.st_size, about.st_mtime_ns, content)
    return found

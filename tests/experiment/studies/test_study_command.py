"""`vireid study`: runs one chapter by the book's runner, and adds a page to the book's site."""

import io
import json

import pytest

from vireid_lib import cli
from vireid_lib.experiment.notebooks import ChapterError, find_study
from vireid_lib.experiment.runner import run_book
from vireid_lib.experiment.studies.den import STUDY as DEN

CHAPTER = """\
# %% [markdown]
# # A small study

# %% tags=["parameters"]
profile = ""
workspace = ""
data_root = ""
full = False

# %%
print("full", full)
"""


def test_a_study_has_a_page_of_its_own(tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "small.py").write_text(CHAPTER)
    workspace, out = tmp_path / "w", io.StringIO()
    workspace.mkdir()
    run = run_book(
        "smoke",
        workspace=workspace,
        overrides=["full=true"],
        study="small",
        out=out,
        chapters_folder=tmp_path / "studies",
    )
    assert run.ok, run.failure
    assert run.page == workspace / "site" / "small.html"
    page = run.page.read_text()
    assert "<h1>A small study<a" in page and "full True" in page
    assert 'class="card done" href="small.html"' in (workspace / "site" / "index.html").read_text()
    record = json.loads((workspace / "study_small.json").read_text())
    assert record["ok"] and "vireid study small" in record["command"] and "full=true" in record["command"]
    assert (workspace / "notebooks" / "small.json").exists() and not (workspace / "book.json").exists()


def test_a_study_says_beforehand_what_its_seeds_can_show(tmp_path):
    (tmp_path / "den.py").write_text(CHAPTER)
    (tmp_path / "w").mkdir()
    out = io.StringIO()
    options = {"study": "den", "out": out, "chapters_folder": tmp_path, "site": False, "overrides": ["full=true"]}
    assert run_book("smoke", workspace=tmp_path / "w", **options).ok
    before, _, _ = out.getvalue().partition("1/1")
    assert "The smallest difference in rank-1 that 2 paired seeds can show: 9 standard deviations" in before
    families = {claim.family for claim in DEN.claims}
    assert f"for the first of {len(families)} after Holm's correction" in before, "all rows were asked for"


def test_an_unknown_study_lists_those_there_are(tmp_path, capsys):
    with pytest.raises(ChapterError, match="no study 'dne' in .*; there are none"):
        find_study(tmp_path, "dne")
    assert cli.main(["study", "dne", "--profile", "smoke", "--workspace", str(tmp_path / "w")]) == 2
    assert "no study 'dne'" in capsys.readouterr().err and not (tmp_path / "w").exists()

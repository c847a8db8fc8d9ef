"""`vireid study`: runs one chapter by the book's runner, and adds a page to the book's site."""

import io
import json

from vireid_lib.experiment.runner import run_book

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

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
    command = "vireid study small -p full=true"
    options = {
        "overrides": ["full=true"],
        "study": "small",
        "chapters_folder": tmp_path / "studies",
        "command": command,
    }
    run = run_book("smoke", workspace=tmp_path / "w", out=io.StringIO(), **options)
    assert run.ok, run.failure
    assert run.page == tmp_path / "w" / "site" / "small.html" and "full True" in run.page.read_text()
    assert 'href="small.html"' in (tmp_path / "w" / "site" / "index.html").read_text()
    record = json.loads((tmp_path / "w" / "study_small.json").read_text())
    assert record["ok"] and record["command"] == command
    assert not (tmp_path / "w" / "book.json").exists()

"""Each study from the first cell to the last, with trainings of two steps on the tiny world."""

import importlib
import json
import subprocess
import sys

import nbformat
import pytest
import yaml

from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.provenance import canonical
from vireid_lib.experiment.study import profile_of
from vireid_lib.experiment.variants import resolved

COMMAND = [sys.executable, "-c", "import sys; from vireid_lib.cli import main; sys.exit(main())", "study"]
STUDIES = {"den": (1, 3, 4, 5, 6), "deen": (4, 5, 6, 7), "flow2flow": (3, 4, 5, 6, 7, 8), "jsia": (3, 4)}
"""Study → the paper's tables that it shows."""

SLOW = {"flow2flow": pytest.mark.slow, "jsia": pytest.mark.slow}  # fit generators too


@pytest.fixture(scope="module", params=[pytest.param(name, marks=SLOW.get(name, ())) for name in STUDIES])
def run(request, tiny_profile, tmp_path_factory):
    """A study, the workspace in which it was run, and what the command printed."""
    folder = tmp_path_factory.mktemp(f"{request.param} study")
    profile = tiny_profile.model_dump() | {"name": "few"}
    profile["reid"]["seeds"] = [0, 1]
    (folder / "few.yaml").write_text(yaml.safe_dump(profile))
    options = ["--profile", str(folder / "few.yaml"), "--workspace", str(folder / "w"), "--no-site"]
    study = importlib.import_module(f"vireid_lib.experiment.studies.{request.param}").STUDY
    command = [*COMMAND, request.param, *options]
    return study, folder / "w", subprocess.run(command, capture_output=True, text=True, timeout=1200)


def test_the_study_runs_and_trains_the_reduced_rows(run):
    study, workspace, done = run
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert json.loads((workspace / f"study_{study.name}.json").read_text())["ok"]
    records = [json.loads(path.read_text()) for path in (workspace / "stages").glob("evaluate_*/*/result.json")]
    trained = {
        (about["method"], canonical(about["settings"]), about["training"], about["seed"])
        for about in (record["config"] for record in records)
        if about["method"] in {row.method for row in study.rows}
    }
    profile = load_profile(workspace.parent / "few.yaml")
    settings = [canonical(resolved(profile_of(profile, row), row.training)) for row in study.chosen()]
    assert trained == {
        (row.method, own, row.training, seed)
        for row, own in zip(study.chosen(), settings, strict=True)
        for seed in (0, 1)
    }


def test_it_ends_with_verdicts_and_shows_the_papers_figures(run):
    study, workspace, _ = run
    notebook = nbformat.read(workspace / "notebooks" / f"{study.name}.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    markup = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    for number in STUDIES[study.name]:
        assert f"{study.paper.short}, Table {number}:" in markup
    printed = "".join(output.get("text", "") for output in outputs)
    assert f"Of {len(study.claims)} claims:" in printed and "within noise" in markup
    fitted = {"flow2flow": "Fitted once", "jsia": "trained anew with each seed"}.get(study.name, "No row has pictures")
    assert "tested claims true" in printed and fitted in printed
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 6

"""Each study from the first cell to the last, with trainings of two steps on the tiny world."""

import json
from types import SimpleNamespace

import nbformat
import pytest
import yaml

from vireid_lib.experiment.provenance import canonical
from vireid_lib.experiment.studies import dive, load_study
from vireid_lib.experiment.study import profile_of
from vireid_lib.experiment.variants import resolved

STUDIES = {"den": (1, 3, 4, 5, 6), "deen": (4, 5, 6, 7), "flow2flow": (3, 4, 5, 6, 7, 8), "jsia": (3, 4)}
"""Study → the paper's tables that it shows."""

SLOW = dict.fromkeys(("deen", "flow2flow", "jsia"), pytest.mark.slow)


@pytest.fixture
def executed(vireid, tmp_path):
    """Runs a study on a profile, in a workspace of its own by default; returns the workspace and what it shows."""

    def run(name, profile, *options, workspace=tmp_path / "w"):
        file = tmp_path / f"{profile.name}.yaml"
        file.write_text(yaml.safe_dump(profile.model_dump()))
        done = vireid("study", name, "--profile", file, "--workspace", workspace, "--no-site", *options, alone=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert json.loads((workspace / f"study_{name}.json").read_text())["ok"]
        cells = nbformat.read(workspace / "notebooks" / f"{name}.ipynb", as_version=4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        shown = [output.get("data", {}) for output in outputs]
        return SimpleNamespace(
            workspace=workspace,
            markup="".join(data.get("text/html", "") for data in shown),
            printed="".join(output.get("text", "") for output in outputs),
            pictures=sum("image/png" in data for data in shown),
        )

    return run


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW.get(name, ())) for name in STUDIES])
def test_a_study_trains_its_reduced_rows_and_ends_with_verdicts(name, executed, tiny_profile):
    study = load_study(name)
    run = executed(name, tiny_profile)
    records = [json.loads(path.read_text()) for path in (run.workspace / "stages").glob("evaluate_*/*/result.json")]
    trained = {
        (about["method"], canonical(about["settings"]), about["training"], about["seed"])
        for about in (record["config"] for record in records)
        if about["method"] in {row.method for row in study.rows}
    }
    assert trained == {
        (row.method, canonical(resolved(profile_of(tiny_profile, row), row.training)), row.training, 0)
        for row in study.chosen()
    }
    assert all(f"{study.paper.short}, Table {number}:" in run.markup for number in STUDIES[name])
    assert f"{len(study.claims)} claims" in run.printed and "one seed only" in run.markup and run.pictures >= 6


def test_dives_study_shows_the_papers_tables_and_figures(executed, tiny_book):
    run = executed("dive", tiny_book.profile, "-p", "compared=grayscale", workspace=tiny_book.folder)
    assert all(f"DiVE, Table {number}:" in run.markup for number in (1, 2, 3, 4)) and run.pictures >= 8
    assert f"{len(dive.study(tiny_book, 'grayscale').claims)} claims" in run.printed


@pytest.mark.parametrize("generator", ["cyclegan", pytest.param("interpolation", marks=pytest.mark.slow)])
def test_the_tour_shows_a_generator_and_what_it_makes(generator, executed, tiny_run):
    """One that translates, and one that only expands."""
    run = tiny_run({"generators.cyclegan.steps": 20})
    found = executed("tour", run.profile, "-p", f"generator={generator}", workspace=run.folder)
    assert found.pictures >= 7 and "at most 0 of 255" in found.printed

"""DiVE's study from the first cell to the last, on the tiny book's stages."""

import json
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
import yaml

from vireid_lib.experiment import studies
from vireid_lib.experiment.studies import Row, Study, dive

COMMAND = [sys.executable, "-c", "import sys; from vireid_lib.cli import main; sys.exit(main())", "study", "dive"]


def test_the_study_runs_and_shows_the_papers_tables_and_figures(tiny_book, tiny_profile, tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_profile.model_dump()))
    workspace = tiny_book.folder
    options = [
        "--profile",
        str(tmp_path / "tiny.yaml"),
        "--workspace",
        str(workspace),
        "-p",
        "compared=grayscale",
        "--no-site",
    ]
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert json.loads((workspace / "study_dive.json").read_text())["ok"]
    notebook = nbformat.read(workspace / "notebooks" / "dive.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    markup = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    assert all(f"DiVE, Table {number}:" in markup for number in (1, 2, 3, 4))
    assert "measured here (mini_vi, all, AGW)" in markup
    printed = "".join(output.get("text", "") for output in outputs)
    assert f"Of {len(dive.study(tiny_book, ['grayscale']).claims)} claims:" in printed
    assert "trained with AGW, where the paper takes DEEN" in printed
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 8


def test_what_is_trained_is_shown_without_training_more(tiny_book):
    row = Row("few", "few", "agw", training="grayscale")
    study, never = Study("dive", [row, Row("never", "never", "agw", {"steps": 3}, always=False)], ()), {"steps": 4}
    measured = studies.measure(tiny_book, study)
    before = {path for path in tiny_book.cache.stages.glob("*/*") if path.is_dir()}
    pd.testing.assert_frame_equal(studies.measure(tiny_book, study, training=False), measured)
    assert {path for path in tiny_book.cache.stages.glob("*/*") if path.is_dir()} == before
    with pytest.raises(ValueError, match="No row of study dive is trained"):
        studies.measure(tiny_book, Study("dive", [Row("no", "no", "agw", never)], ()), training=False)


def test_unequal_trainings_are_told(tiny_book):
    study = dive.study(tiny_book, ["grayscale"])
    rows = {"agw_real": [30.0, 34.0], "agw_dive": [40.0, 42.0], "caj_real": [20.0, 21.0]}
    given = {"images in a batch": 64, "images seen": 6400}
    measured = pd.DataFrame(
        [
            {
                "row": name,
                "label": name,
                "mode": "all",
                "rank_1": value,
                "seed": seed,
                **given,
                "steps": 200 if name == "agw_dive" and seed else 100,
            }
            for name, values in rows.items()
            for seed, value in enumerate(values)
        ]
    )
    told = studies.same_effort(study, measured).splitlines()
    assert "agw, 2 rows: The trainings differ in steps" in told[0] and told[1].startswith("caj, 1 rows: Every training")
    alike = studies.same_effort(study, measured.assign(steps=100)).splitlines()
    assert "agw, 2 rows: Every training had batches of 64 images and 100 steps" in alike[0]

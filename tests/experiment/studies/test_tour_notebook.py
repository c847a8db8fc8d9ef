"""The tour of a generator from the first cell to the last: one that translates, and one that only expands."""

import json
import subprocess
import sys

import nbformat
import pytest
import yaml

COMMAND = [sys.executable, "-c", "import sys; from vireid_lib.cli import main; sys.exit(main())", "study", "tour"]
TINY = {"cyclegan": {"generator_width": 2, "blocks": 1, "discriminator_width": 2, "steps": 20, "batch": 1}}


@pytest.mark.parametrize("generator", ["cyclegan", pytest.param("interpolation", marks=pytest.mark.slow)])
def test_the_tour_shows_a_generator_and_what_it_makes(generator, with_generators, tmp_path):
    run = with_generators(TINY)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(run.profile.model_dump()))
    options = ["--profile", str(tmp_path / "tiny.yaml"), "--workspace", str(run.folder), "--no-site"]
    command = [*COMMAND, *options, "-p", f"generator={generator}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert json.loads((run.folder / "study_tour.json").read_text())["ok"]
    notebook = nbformat.read(run.folder / "notebooks" / "tour.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 7
    printed = "".join(output.get("text", "") for output in outputs)
    assert "differ by at most 0 of 255 grey levels" in printed

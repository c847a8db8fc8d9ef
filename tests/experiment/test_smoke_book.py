"""The whole book, as a user runs it on a profile of their own, and a run that is killed while it fine-tunes."""

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vireid_lib import experiment
from vireid_lib.experiment.chapters import find_chapters
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.variants import resolved
from vireid_lib.project import project_root

PATIENCE_S = 1200
FINE_TUNE = "import sys; from vireid_lib import experiment; experiment.open(*sys.argv[1:]).fit('dive')"


def test_the_command_succeeds_and_the_site_holds_every_chapter_and_the_scores_of_chapter_7(smoke_book):
    workspace, done = smoke_book
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert str(workspace / "site" / "index.html") in done.stdout
    assert json.loads((workspace / "book.json").read_text())["ok"] is True
    front = (workspace / "site" / "index.html").read_text(encoding="utf-8")
    results = (workspace / "site" / "07_results.html").read_text(encoding="utf-8")
    names = [chapter.name for chapter in find_chapters(project_root() / "notebooks", [])]
    assert [name[:2] for name in names] == ["01", "02", "03", "04", "05", "06", "07", "08"]
    for name in names:
        page = (workspace / "site" / f"{name}.html").read_text(encoding="utf-8")
        assert f'href="{name}.html"' in front and str(Path.home()) not in page
    table = (workspace / "main_table.md").read_text(encoding="utf-8")
    scores = re.findall(r"\| (\d+\.\d ± \d+\.\d) \|", table)
    assert len(scores) == len(load_profile("smoke").reid.training_sets)
    assert all(f">{each}<" in front and f">{each}<" in results for each in scores)


def test_every_page_of_the_site_is_right_without_network_and_on_a_phone(smoke_book, chromium):
    workspace, _ = smoke_book
    page, wrong = chromium.new_page(viewport={"width": 390, "height": 844}), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or wrong.append(request.url))
    for path in sorted((workspace / "site").glob("*.html")):
        page.goto(path.as_uri())
        page.evaluate("window.MathJax?.startup.promise.then(() => true)")
        assert not page.locator("[data-mjx-error], .math:not(:has(mjx-container))").count(), path.name
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{path.name} is wider than a phone"
    assert not wrong


def test_every_training_set_and_seed_was_trained_and_scored(smoke_book, smoke_profile):
    workspace, _ = smoke_book
    profile = load_profile(smoke_profile)
    records = [json.loads(path.read_text()) for path in (workspace / "stages").glob("evaluate_*/*/result.json")]
    own = {name: resolved(profile, name) for name in profile.reid.training_sets}
    tests = [each for each in records if each["config"]["settings"] == own.get(each["config"]["training"])]
    trained = {(each["config"]["training"], each["config"]["seed"]) for each in tests}
    assert trained == {(name, seed) for name in profile.reid.training_sets for seed in profile.reid.seeds}
    for record in tests:
        for evaluation in record["values"]["evaluations"].values():
            assert 0 < evaluation["mean"]["mean_ap"] <= 1 and 0 <= evaluation["mean"]["rank_1"] <= 1
        assert record["wall_seconds"] > 0 and record["versions"]["torch"] and record["hardware"]["processor"]


def test_the_same_verbs_make_no_stage_again(smoke_book, smoke_profile):
    workspace, _ = smoke_book
    stages = {path: path.stat().st_mtime_ns for path in (workspace / "stages").glob("*/*/result.json")}
    run = experiment.open(smoke_profile, workspace)
    for name, seed in itertools.product(run.profile.reid.training_sets, run.profile.reid.seeds):
        run.evaluate(name, seed)
    run.synthesize("dive")
    assert {path: path.stat().st_mtime_ns for path in (workspace / "stages").glob("*/*/result.json")} == stages


@pytest.mark.skipif(os.name == "nt", reason="kills a process group")
def test_killed_while_fine_tuning_and_run_again_gives_the_same_model(smoke_book, smoke_profile, tmp_path):
    """SIGKILL to every process of the run; the second run continues from the checkpoint, bit for bit."""
    workspace, _ = smoke_book
    command = [sys.executable, "-c", FINE_TUNE, smoke_profile, str(tmp_path)]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE_S
        while not any((tmp_path / "stages/fit_dive").glob("*.partial/**/checkpoints/step*/*.safetensors")):
            assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not list((tmp_path / "stages" / "fit_dive").glob("*/result.json")), "it was killed too late"
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr[-3000:]

    records = [(each / "stages" / "fit_dive").glob("*/result.json") for each in (tmp_path, workspace)]
    (broken,), (unbroken,) = ([path.parent for path in paths] for paths in records)
    assert broken.name == unbroken.name, "the stages' keys differ"
    assert json.loads((broken / "result.json").read_text())["attempts"] == 2
    weights = sorted(path.relative_to(unbroken) for path in unbroken.rglob("*.safetensors"))
    weights = [path for path in weights if "checkpoints" not in path.parts]
    assert weights
    for path in weights:
        assert (broken / path).read_bytes() == (unbroken / path).read_bytes(), path
    values = [json.loads((each / "result.json").read_text())["values"] for each in (broken, unbroken)]
    assert values[0] == values[1]

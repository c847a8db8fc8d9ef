"""Tables show the results of the settings asked for, whatever else lies in the workspace, and write nothing."""

import os
import shutil

import pytest

from vireid_lib.experiment import jobs, results
from vireid_lib.experiment.pipeline import Run


@pytest.fixture(scope="module")
def trained(tiny_profile, tmp_path_factory):
    """A book of its own with two training sets, then the same with other settings: the later one must not count."""
    reid = tiny_profile.reid.model_copy(update={"training_sets": ["real", "grayscale"]})
    run = Run(tiny_profile.model_copy(update={"reid": reid}), tmp_path_factory.mktemp("trained") / "workspace")
    jobs.compare(run)
    longer = run.with_method("agw", {"steps": 3})
    jobs.compare(longer)
    jobs.compare(run.with_method("caj", {"steps": 2}))
    return run, longer


def held(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in sorted((folder / "stages").rglob("*"))
    }


def test_results_are_those_of_the_settings_asked_for(trained):
    run, longer = trained
    ours, theirs = (results.scores(each) for each in trained)
    assert ours["training"].tolist() == theirs["training"].tolist() == ["real", "grayscale"]
    assert not set(ours["key"]) & set(theirs["key"])
    steps = [[own["reid.config.steps"] for own in table["resolved"]] for table in (ours, theirs)]
    assert steps == [[2, 2], [3, 3]]


def test_other_methods_and_variants_are_shown_on_request(trained):
    found = results.scores(trained[0], others=True)
    assert {("agw", "real"), ("agw", "grayscale"), ("caj", "real"), ("caj", "grayscale")} == set(
        zip(found["method"], found["training"], strict=True)
    )
    assert len(found) == found["key"].nunique()


def test_a_copied_workspace_with_other_time_stamps_gives_the_same_tables(trained, tmp_path):
    run, _ = trained
    copy = tmp_path / "elsewhere"
    shutil.copytree(run.cache.folder, copy)
    for place, path in enumerate(sorted(copy.rglob("*"))):
        os.utime(path, (place * 7919 % 100_000, place * 104_729 % 100_000))
    moved = Run(run.profile, copy)
    for others in (False, True):
        assert results.scores(moved, others=others).equals(results.scores(run, others=others))
    tables = [results.main_table(results.scores(each), run.profile) for each in (run, moved)]
    assert len(tables[0]) == 2 and tables[0].equals(tables[1])


def test_reading_writes_nothing(trained):
    run, _ = trained
    before = held(run.cache.folder)
    results.scores(Run(run.profile, run.cache.folder), others=True)
    assert held(run.cache.folder) == before


def test_nothing_is_made_for_a_table(tiny_profile, tmp_path):
    run = Run(tiny_profile, tmp_path)
    assert results.scores(run, others=True).empty and run.cache.records() == []

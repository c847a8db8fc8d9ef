"""Tables show the results of the settings asked for, whatever else lies in the workspace, and write nothing."""

import os
import shutil

import pytest

from vireid_lib.experiment import results
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import changed


@pytest.fixture(scope="module")
def trained(tiny_profile, tmp_path_factory):
    """A book of its own with two training sets, then the same with other settings: the later one must not count."""
    profile = changed(tiny_profile, {"reid.training_sets": ["real", "grayscale"]}, "test")
    run = Run(profile, tmp_path_factory.mktemp("trained") / "workspace")
    longer = run.with_method("agw", {"steps": 3})
    for each in (run, longer, run.with_method("caj", {"steps": 2})):
        for name in each.profile.reid.training_sets:
            each.evaluate(name, 0)
    return run, longer


def test_results_are_those_of_the_settings_asked_for(trained):
    run, longer = trained
    ours, theirs = (results.scores(each) for each in trained)
    assert ours["training"].tolist() == theirs["training"].tolist() == ["real", "grayscale"]
    assert not set(ours["key"]) & set(theirs["key"])
    steps = [[own["reid.config.steps"] for own in table["resolved"]] for table in (ours, theirs)]
    assert steps == [[2, 2], [3, 3]]


def test_a_copied_workspace_with_other_time_stamps_gives_the_same_tables_and_reading_writes_nothing(trained, tmp_path):
    run, _ = trained
    copy = tmp_path / "elsewhere"
    shutil.copytree(run.cache.folder, copy)
    for place, path in enumerate(sorted(copy.rglob("*"))):
        os.utime(path, (place * 7919 % 100_000, place * 104_729 % 100_000))
    before = {path: path.stat().st_mtime_ns for path in sorted((copy / "stages").rglob("*"))}
    moved = Run(run.profile, copy)
    for others in (False, True):
        assert results.scores(moved, others=others).equals(results.scores(run, others=others))
    tables = [results.main_table(results.scores(each), run.profile) for each in (run, moved)]
    assert len(tables[0]) == 2 and tables[0].equals(tables[1])
    assert {path: path.stat().st_mtime_ns for path in sorted((copy / "stages").rglob("*"))} == before

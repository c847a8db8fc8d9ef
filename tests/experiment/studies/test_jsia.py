"""JSIA-ReID's study: joint trainings as rows."""

import pytest

from vireid_lib.experiment import methods
from vireid_lib.experiment.study import load_study, run_of

STUDY = load_study("jsia")


def test_rows_of_a_seed_share_their_pretraining(tiny_book):
    none, whole = (run_of(tiny_book, STUDY.row(name)) for name in ("none", "jsia"))
    starts = [run.train("real", 0).result["inputs"]["start"] for run in (none, whole)]
    assert starts[0] == starts[1] == f"stage:fit_jsia:{whole.starting_point('real', 0).key}"
    network, config = whole.network("real", 0)
    assert config.method == "jsia" and not network.training
    with pytest.raises(ValueError, match="did you mean jsia"):
        methods.config_class("jsai")

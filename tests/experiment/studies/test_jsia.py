"""JSIA-ReID's study: joint trainings as rows."""

import pytest

from vireid_lib.experiment import methods
from vireid_lib.experiment.study import load_study, run_of

STUDY = load_study("jsia")


def test_switches_of_table_3(tiny_book):
    configs = {row.name: run_of(tiny_book, row).reid_config for row in STUDY.chosen()}
    assert not configs["none"].needs_generation and configs["sl"].needs_generation
    weights = {
        name: (bool(each.il_weight), bool(each.lr_weight), bool(each.ui_weight), each.set_level)
        for name, each in configs.items()
    }
    assert weights["il"] == (True, False, False, "separate")
    assert weights["sl_il_lr"] == (True, True, False, "shared")
    assert weights["jsia"] == weights["degraded_lr"] == (True, True, True, "shared")
    assert weights["degraded_sl"][3] == "adversarial" and configs["degraded_lr"].local_pairs == "unpaired"


def test_rows_of_a_seed_share_their_pretraining(tiny_book):
    none, whole = (run_of(tiny_book, STUDY.row(name)) for name in ("none", "jsia"))
    starts = [run.train("real", 0, progress=False).result["inputs"]["start"] for run in (none, whole)]
    assert starts[0] == starts[1] == f"stage:fit_jsia:{whole.starting_point('real', 0).key}"
    network, config = whole.network("real", 0)
    assert config.method == "jsia" and not network.training
    with pytest.raises(ValueError, match="did you mean jsia"):
        methods.config_class("jsai")

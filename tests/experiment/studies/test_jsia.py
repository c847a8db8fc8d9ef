"""JSIA-ReID's study: joint trainings as rows, measures and pictures of its generators."""

import numpy as np
import pandas as pd
import pytest
from made_up_scores import cells

from vireid_lib.experiment import methods
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.studies import beside_paper, jsia_looks, jsia_makers
from vireid_lib.experiment.studies.jsia import PICTURES, STUDY, SWEEPS, sweep_row
from vireid_lib.experiment.study import run_of

FEW = {"steps": 2, "checkpoint_every": 0}


@pytest.fixture(scope="module")
def run(with_generators):
    """A book whose generators are fitted in a blink."""
    settings = {
        "jsia": {**FEW, "identities": 2, "visible_only": 1},
        "vae": {**FEW, "batch": 2},
        "cyclegan": {**FEW, "batch": 2},
        "stargan": {**FEW, "batch": 2},
    }
    return with_generators(settings)


def test_switches_of_table_3(run):
    configs = {row.name: run_of(run, row).reid_config for row in STUDY.chosen()}
    assert not configs["none"].needs_generation and configs["sl"].needs_generation
    weights = {
        name: (bool(each.il_weight), bool(each.lr_weight), bool(each.ui_weight), each.set_level)
        for name, each in configs.items()
    }
    assert weights["il"] == (True, False, False, "separate")
    assert weights["sl_il_lr"] == (True, True, False, "shared")
    assert weights["jsia"] == weights["degraded_lr"] == (True, True, True, "shared")
    assert weights["degraded_sl"][3] == "adversarial" and configs["degraded_lr"].local_pairs == "unpaired"


def test_rows_of_a_seed_share_their_pretraining(run):
    records = [run_of(run, STUDY.row(name)).train("real", 0, progress=False) for name in ("none", "jsia")]
    starts = [record.result["inputs"]["start"] for record in records]
    assert starts[0] == starts[1] == f"stage:fit_jsia:{run_of(run, STUDY.row('jsia')).starting_point('real', 0).key}"
    network, config = run_of(run, STUDY.row("jsia")).network("real", 0)
    assert config.method == "jsia" and not network.training
    with pytest.raises(ValueError, match="did you mean jsia"):
        methods.config_class("jsai")


def test_curves_join_the_values_that_were_trained(run):
    setting, (symbol, values) = list(SWEEPS.items())[2]
    rows = {"jsia": [50.0, 52.0], "sl_il_lr": [30.0, 31.0], sweep_row(setting, values[0]): [40.0, 44.0]}
    measured = pd.DataFrame(
        [{"row": name, "mode": "all", "rank_1": value} for name, found in rows.items() for value in found]
    )
    table = jsia_looks.sweep_curves(run, measured)[symbol].set_index("value")
    assert sorted(table.index) == [0.0, values[0], 0.5] and table.loc[0.5, "paper"] and table.loc[0.0, "mean"] == 30.5
    assert jsia_looks.sweep_curves(run, measured[measured["row"] == "jsia"]) == {}


def test_pairs_show_the_same_people(run):
    test = run.data().test()
    sides = jsia_makers.pairs(test, 7)
    assert sides["visible"]["identity"].tolist() == sides["infrared"]["identity"].tolist()
    assert len(sides["visible"]) == 2 * test["identity"].nunique()
    assert set(sides["infrared"]["modality"]) == {"infrared"}
    assert sides["visible"]["path"].tolist() == jsia_makers.pairs(test, 7)["visible"]["path"].tolist()


def test_table_4_and_the_figures(run, monkeypatch):
    monkeypatch.setattr(jsia_makers, "IMAGES", 6)
    one = run.profile.model_copy(update={"reid": run.profile.reid.model_copy(update={"seeds": [0]})})
    run = Run(one, run.folder)
    found = jsia_makers.fidelity(run).set_index("row")
    assert found.index.tolist() == ["real", "cyclegan", "stargan", "vae", "jsia", "jsia_pretrained"]
    assert (found["md_from_images"].between(0, 2)).all() and (found["fid_from_images"] >= 0).all()
    assert found["md_from_latents"].notna().tolist() == [False, False, False, True, True, True]
    table = cells(beside_paper(run, PICTURES, found.reset_index(), 4))
    assert table.loc["CycleGAN", "MD, FRI"][0] == "0.52" and table.loc["CycleGAN", "MD, FLS"][1] == "–"
    panels = jsia_looks.alike(run, seed=0)
    assert list(panels) == ["none, trained people", "none", "SL", "SL, IL"]
    grid = jsia_looks.paired(run, ["jsia", "vae"], seed=0, people=2)
    assert len(grid["images"]) == len(grid["row_labels"]) == 6 and len(grid["images"][0]) == 2
    square = jsia_looks.exchanged(run, seed=0, people=2)["images"]
    assert square[0][0] is None and len(square) == 3 and {len(line) for line in square} == {3}
    walk = jsia_looks.walks(run, seed=0, lines_each=1, steps=3)
    assert len(walk["images"]) == 2 and len(walk["images"][0]) == len(walk["column_labels"]) == 5
    assert not np.array_equal(walk["images"][0][1], walk["images"][0][3])

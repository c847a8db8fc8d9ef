"""JSIA-ReID's study: joint trainings as rows, measures of its generators."""

import pytest
from made_up_scores import cells

from vireid_lib.experiment import methods
from vireid_lib.experiment.studies import beside_paper, jsia_generators
from vireid_lib.experiment.studies.jsia import PICTURES, STUDY
from vireid_lib.experiment.study import run_of


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


def test_pairs_show_the_same_people(tiny_book):
    test = tiny_book.data().test()
    sides = jsia_generators.pairs(test, 7)
    assert sides["visible"]["identity"].tolist() == sides["infrared"]["identity"].tolist()
    assert len(sides["visible"]) == 2 * test["identity"].nunique()
    assert set(sides["infrared"]["modality"]) == {"infrared"}
    assert sides["visible"]["path"].tolist() == jsia_generators.pairs(test, 7)["visible"]["path"].tolist()


def test_table_4_measures_every_generator(tiny_book, monkeypatch):
    monkeypatch.setattr(jsia_generators, "IMAGES", 6)
    found = jsia_generators.fidelity(tiny_book).set_index("row")
    assert found.index.tolist() == ["real", "cyclegan", "stargan", "vae", "jsia", "jsia_pretrained"]
    assert (found["md_from_images"].between(0, 2)).all() and (found["fid_from_images"] >= 0).all()
    assert found["md_from_latents"].notna().tolist() == [False, False, False, True, True, True]
    prior = found["md_from_prior"]
    assert prior["vae"] == found["md_from_latents"]["vae"] and prior["jsia"] != found["md_from_latents"]["jsia"]
    table = cells(beside_paper(tiny_book, PICTURES, found.reset_index(), 4))
    assert table.loc["CycleGAN", "MD, FRI"][0] == "0.52" and table.loc["CycleGAN", "MD, FLS"][1] == "–"

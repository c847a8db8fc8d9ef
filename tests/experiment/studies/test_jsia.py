"""JSIA-ReID's study: joint trainings as rows, measures of its generators."""

import pytest
from made_up_scores import cells

from vireid_lib.experiment import methods
from vireid_lib.experiment.studies import beside_paper, jsia_generators
from vireid_lib.experiment.studies.jsia import PICTURES, STUDY
from vireid_lib.experiment.study import run_of


def test_rows_of_a_seed_share_their_pretraining(tiny_book):
    none, whole = (run_of(tiny_book, STUDY.row(name)) for name in ("none", "jsia"))
    starts = [run.train("real", 0, progress=False).result["inputs"]["start"] for run in (none, whole)]
    assert starts[0] == starts[1] == f"stage:fit_jsia:{whole.starting_point('real', 0).key}"
    network, config = whole.network("real", 0)
    assert config.method == "jsia" and not network.training
    with pytest.raises(ValueError, match="did you mean jsia"):
        methods.config_class("jsai")


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

"""Flow2Flow's study: rows change their generator, pictures are what they say, images reach the training."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib.experiment import studies, variants
from vireid_lib.experiment.studies import flow2flow_looks as f2f
from vireid_lib.experiment.studies.flow2flow import PERCENT, STUDY, expansion_row
from vireid_lib.experiment.study import run_of

TINY = {
    "flow2flow": {
        "blocks": 2,
        "squeezes": 1,
        "coupling_width": 4,
        "discriminator_width": 2,
        "steps": 11,
        "identities": 2,
        "images": 1,
    },
    "cyclegan": {"steps": 1, "generator_width": 2, "blocks": 1, "discriminator_width": 2},
}


@pytest.fixture(scope="module")
def run(with_generators):
    return with_generators(TINY)


def test_a_row_changes_its_generator_and_leaves_the_rest(run):
    config = run_of(run, STUDY.row("tse_linear")).generator_config("flow2flow")
    assert not config.activation and config.steps == 11 and config.identity_weight > 0


def test_pictures_are_what_their_labels_say(run):
    walk = f2f.walks(run, people=1, q=4)
    assert len(walk.images) == 2 and walk.column_labels == ["image 1", "1/4", "2/4", "3/4", "image 2"]
    assert all(len(row) == 5 and len({image.tobytes() for image in row}) == 5 for row in walk.images)
    half = f2f.half_ways(run, people=1)
    for row in half.images:
        assert np.abs(row[2].astype(float) - (row[0].astype(float) + row[1]) / 2).max() <= 0.5
        assert not np.array_equal(row[3], row[4])
    grid = f2f.translations(run, ["cmg", "cyclegan"], people=2)
    assert [len(row) for row in grid.images] == [4, 4] and grid.column_labels[1:3] == ["Flow2Flow", "CycleGAN"]
    assert [label.split("\n")[1] for label in grid.row_labels] == ["visible", "infrared"]
    exact = f2f.inverted(run)
    assert len(exact) == 4 and (exact["largest difference (of 255)"] <= 1).all()


def test_losses_and_fidelity(run):
    history = f2f.loss_history(run)
    assert {"flow_visible", "encoder_infrared", "discriminator_visible"} <= set(history.columns)
    table, words = f2f.fidelity(run, ["tse", "cmg"])
    counts = table.groupby("modality")["images"].agg(list).to_dict()
    assert counts["visible"] == ["real, one half against the other", "TSE", "CMG"]
    assert counts["infrared"] == ["real, one half against the other", "grey copies", "TSE", "CMG"]
    assert (table["Fréchet distance"] >= 0).all() and table["right person (%)"].between(0, 100).all()
    assert table.loc[table["images"] == "grey copies", "colourfulness"].item() == 0
    assert "mini_vi's real images (seed 0)" in words
    assert f2f.fidelity_words(table).index.names == ["modality", "images"]


def test_multiples_are_in_order_and_mark_the_papers():
    assert expansion_row("", 100) == "tse"
    rows = [{"row": expansion_row("", percent), "mode": "all", "rank_1": float(percent)} for percent in PERCENT]
    rows += [{"row": expansion_row("visible", 100), "mode": "all", "rank_1": 1.0}]
    curves = f2f.multiples(pd.DataFrame(rows))
    assert list(curves) == ["both"] and curves["both"]["value"].tolist() == [percent / 100 for percent in PERCENT]
    assert curves["both"].loc[curves["both"]["paper"], "mean"].tolist() == [100.0]


def test_the_generated_images_reach_the_training(run):
    row = STUDY.row("cmg_none")
    own = run_of(run, row)
    learn = own.data().train_rows()
    table = own.training_set(row.training)
    assert len(table) == 2 * len(learn) and set(table["source"]) == {"real", "flow2flow"}
    record = studies.train(own, [row])[0]
    about = record.result["config"]
    plain = variants.resolved(run_of(run, STUDY.row("cmg")).profile, row.training)
    assert variants.difference(about["settings"], plain) == {
        "generators.flow2flow.identity_weight": 0.0,
        "generators.flow2flow.modality_weight": 0.0,
    }
    assert about["external"] is None, "no external person is in these training sets"

"""The book's measurements on a world of a few people: cached, complete, and true to their names."""

import pandas as pd
import pytest

from vireid_lib.experiment import measures
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile

SIZE = {
    "train_ids": 4,
    "val_ids": 2,
    "test_ids": 4,
    "images_per_camera": 2,
    "external_ids": 4,
    "external_images": 4,
    "market_test_ids": 2,
    "infrared_images": 2,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    profile = Profile.model_validate(
        {
            "name": "tiny",
            "title": "A few people",
            "world": {"seed": 0, "size": SIZE},
            "data": {
                "target": "mini_vi",
                "external": "mini_market",
                "roots": {"mini_vi": "mini_vi", "mini_market": "mini_market"},
            },
            "images": {"height": 64, "width": 32},
            "reid": {
                "backbone": "small",
                "seeds": [0],
                "training_sets": ["real", "copies", "true"],
                "config": {"steps": 2, "identities": 2, "images": 2},
            },
            "expand": {"per_camera": 2, "min_images": 2},
            "device": "cpu",
            "evaluation": {"protocol": "sysu-mm01", "modes": ["all"], "trials": 1},
        }
    )
    return Run(profile, tmp_path_factory.mktemp("workspace"))


def test_the_check_agrees_with_the_world(run):
    record = measures.data_check(run, "mini_vi")
    assert record.values["report"]["usable"] and all(line["agrees"] for line in record.values["report"]["counts"])
    assert "DIFFERS" not in record.values["text"]
    assert measures.data_check(run, "mini_vi").folder == record.folder


def test_preservation_asks_every_gallery_and_judge(run):
    table = measures.preservation_table(run)
    assert set(zip(table["judge"], table["gallery"], strict=True)) == {
        ("real", "copies"),
        ("real", "true"),
        ("true", "copies"),
        ("true", "true"),
    }
    assert (table["chance"] == 1 / 4).all() and table["rank_1"].between(0, 1).all()
    record = measures.preservation(run, "real", 0)
    assert record.values["galleries"]["copies"]["images"] == 4 * 2 * 2
    assert len(record.values["galleries"]["true"]["by_identity"]) == record.values["identities"] == 4
    assert "identity_preservation" in {each.name for each in run.cache.records()}


def test_spread_of_every_network_is_recorded(run):
    table = measures.spread_table(run)
    assert table["training"].tolist() == ["real", "copies", "true"]
    assert (table[["iirs_visible", "iirs_infrared", "himd"]] <= 2).all().all()
    assert (table["himd"] > table["own_centres"]).all()
    words = measures.spread_words(table)
    assert words.loc["real images only", "HIMD (V,I)"] == f"{table['himd'][0]:.3f}"
    separations = measures.separations(run, 0)
    assert isinstance(separations, pd.DataFrame) and separations["separation"].between(0, 100).all()

"""What is said of trainings: unequal effort, and the recipe's origins."""

import pandas as pd

from vireid_lib.experiment import trainings
from vireid_lib.reid.methods.agw import AgwConfig
from vireid_lib.reid.methods.deen import DeenConfig
from vireid_lib.reid.methods.den import DenConfig


def test_unequal_effort_is_said_also_where_means_agree():
    """The same seed must have had the same."""
    pairs = [(name, seed) for name in ("real", "dive") for seed in (0, 1)]
    told = pd.DataFrame(pairs, columns=["training", "seed"]).assign(**{"images in a batch": 64, "images seen": 6400})
    crossed = told.assign(steps=[100, 200, 200, 100])
    assert trainings.same_effort(crossed).startswith("The trainings differ in steps")
    assert "100 to 200 steps" in (words := trainings.same_effort(told.assign(steps=[100, 200, 100, 200])))
    assert "the same for one seed and split" in words


def test_the_recipe_lists_what_is_not_the_papers():
    table = trainings.recipe(AgwConfig.small(steps=50), "sysu_mm01")
    assert table.loc["steps"].tolist() == ["None", "ours", "50"]
    assert table.loc["optimizer"].tolist() == ["sgd", "release", "adamw"]
    assert "triplet" not in table.index
    assert trainings.recipe(AgwConfig(), "sysu_mm01").empty
    assert {"triplet", "drops"} <= set(trainings.recipe(AgwConfig(), "sysu_mm01", unprinted=True).index)


def test_what_was_tuned_on_the_miniature_world_is_not_passed_off_as_published():
    table = trainings.recipe(DenConfig(), "sysu_mm01", unprinted=True)
    chosen = table.index[table["comes from"] == "miniature world"]
    margins = {f"{pair}{part}_margin" for pair in ("", "hue_grey_") for part in ("positive", "negative")}
    assert set(chosen) == {"ird_weight", *margins}
    assert set(table.index[table["comes from"] == "ours"]) == {"erasing", "identity_weight", "triplet_weight"}
    assert table.loc["drops"].tolist() == ["(20, 50)", "release", "(20, 50)"]
    assert not {"triplet", "colour_copies", "pe", "method"} & set(table.index), "the paper says these"
    short = trainings.recipe(DenConfig(), "sysu_mm01")
    assert set(chosen) <= set(short.index) and "release" not in set(short["comes from"])
    deen = trainings.recipe(DeenConfig(), "sysu_mm01", unprinted=True)
    assert {"margin", "erasing_area"} <= set(deen.index) and not {"cpm_weight", "drops", "height"} & set(deen.index)

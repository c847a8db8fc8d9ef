"""What is said of trainings: unequal effort, and the recipe's origins."""

import json
from pathlib import Path

from vireid_lib.experiment import trainings
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.reid.methods.agw import AgwConfig
from vireid_lib.reid.methods.deen import DeenConfig
from vireid_lib.reid.methods.den import DenConfig


def _record(folder: Path, training: str, steps: int, seed: int = 0) -> StageRecord:
    place = f"train_{training}/key"
    (folder / place).mkdir(parents=True)
    lines = [json.dumps({"step": step, "total": 1 / step}) for step in (steps // 2, steps)]
    (folder / place / "history.jsonl").write_text("\n".join(lines) + "\n")
    about = {"stage": place, "minutes": 0.75, "images_in_a_batch": 64}
    trained = {str(n): about | {"steps": n * steps, "images_seen": 64 * n * steps} for n in (1, 2)}
    result = {"config": {"training": training, "seed": seed}, "values": {"trainings": trained}}
    return StageRecord(f"evaluate_{training}", "key", folder / f"evaluate_{training}" / "key", result)


def test_unequal_effort_is_said(tmp_path):
    equal = [_record(tmp_path / "a", name, 100) for name in ("real", "dive")]
    told = trainings.given(equal)
    assert "64 images and 100 to 200 steps, and saw 6,400 to 12,800 images" in trainings.same_effort(told)
    assert "for one seed and split" in trainings.same_effort(told)
    table = trainings.effort(told)
    assert table["minutes"].tolist() == [1.5, 1.5] and table["steps"].tolist() == [150, 150]
    assert table["images seen"].tolist() == [64 * 150] * 2
    unequal = trainings.given([equal[0], _record(tmp_path / "b", "dive", 200)])
    assert trainings.same_effort(unequal).startswith("The trainings differ in steps")
    # Means that agree are not enough: the same seed must have had the same.
    crossed = [
        _record(tmp_path / f"c{seed}", name, 100 + 100 * ((name == "dive") == bool(seed)), seed)
        for name in ("real", "dive")
        for seed in (0, 1)
    ]
    told = trainings.given(crossed)
    assert trainings.effort(told)["steps"].nunique() == 1
    assert trainings.same_effort(told).startswith("The trainings differ in steps")
    assert "Nothing has been trained" in trainings.same_effort(trainings.given([]))
    assert {name: len(each) for name, each in trainings.histories(equal).items()} == {
        "real images only": 1,
        "+ DiVE": 1,
    }


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

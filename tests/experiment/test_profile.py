"""Profiles: the five that come with the book are right, and mistakes are refused before anything runs."""

import pandas as pd
import pytest
import yaml

from vireid_lib.data.manifest import load_manifest
from vireid_lib.data.strict import FileError
from vireid_lib.experiment.profile import Profile, training_sets
from vireid_lib.experiment.profile_files import load_profile, profile_names, profiles_folder
from vireid_lib.experiment.settings import changed, generator_config, reid_config, world_size
from vireid_lib.generators.dive import prompts


@pytest.mark.parametrize("name", ["smoke", "mini", "sysu", "regdb", "llcm"])
def test_the_books_profiles_are_right(name):
    profile = load_profile(name)
    assert name in profile_names() and Profile.model_validate(profile.model_dump()) == profile
    assert reid_config(profile).height == (profile.images.height if profile.images else 288)
    assert (world_size(profile) is None) == (profile.world is None)
    assert generator_config(profile, "flow2flow").height == (64 if profile.world else 144)


@pytest.mark.parametrize(("name", "views"), [("sysu", 7), ("llcm", 18), ("regdb", 3)])
def test_each_real_data_set_has_codes_without_a_shared_character(name, views):
    config, target = generator_config(load_profile(name), "dive"), load_profile(name).data.target
    cameras = [(f"{target}/{c.number}", c.modality, "train") for c in load_manifest(target).cameras]
    columns = ["camera", "modality", "split"]
    table = pd.DataFrame([*cameras, ("market1501/1", "visible", "external")], columns=columns).assign(identity="x/1")
    codes = list(prompts.build(table, config).views.values())
    assert len(codes) == views == len({code.lower() for code in codes})
    assert len(set("".join(codes))) == views * config.code_length


def test_another_external_set_takes_its_own_parts(tmp_path):
    data = {"target": "sysu_mm01", "external": "cuhk03_np"}
    data["roots"] = {"sysu_mm01": "SYSU-MM01", "cuhk03_np": "cuhk03-np/detected"}
    content = yaml.safe_load((profiles_folder() / "sysu.yaml").read_text()) | {"name": "own", "data": data}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(FileError, match="expand.splits names gt_bbox, which cuhk03_np lacks; name parts that it has"):
        load_profile(tmp_path / "own.yaml")
    content["expand"]["splits"] = ["train", "gallery"]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    assert load_profile(tmp_path / "own.yaml").data.external == "cuhk03_np"


def test_a_variant_has_its_generators_settings_and_its_own():
    own = {"dive": {"base_model": "mini", "lora_rank": 3}, "dive_x": {"variant_of": "dive", "start": "image"}}
    changes = {"generators": own, "reid.training_sets": ["real", "dive_x"]}
    profile = changed(load_profile("smoke"), changes, "test")
    assert profile.variants == {"dive_x": "dive"} and "dive_x" in training_sets(profile)
    plain, variant = (generator_config(profile, name) for name in ("dive", "dive_x"))
    assert variant == plain.model_copy(update={"start": "image"}) and variant.lora_rank == 3 and plain.start == "noise"

"""A run on LLCM, whose cameras take images of both modalities: what is made is of the right one."""

import pytest
import yaml

from vireid_lib.experiment.gallery_measures import reference
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile

PROFILE = """
name: tiny
title: A tiny LLCM
world:
data: {target: llcm}
reid: {backbone: resnet50, seeds: [0], training_sets: [real]}
generators:
  stargan: {height: 32, width: 32, generator_width: 4, blocks: 1, discriminator_width: 4, batch: 4,
            discriminator_halvings: 3, critic_steps: 1, steps: 2}
  interpolation: {height: 32, width: 32}
expand: {per_camera: 2, cameras: [1, 2]}
evaluation: {protocol: llcm, modes: [visible-to-infrared]}
device: cpu
"""


@pytest.fixture(scope="module")
def run(llcm_root, tmp_path_factory):
    values = yaml.safe_load(PROFILE)
    values["data"]["roots"] = {"llcm": str(llcm_root)}
    return Run(Profile.model_validate(values), tmp_path_factory.mktemp("book") / "workspace")


@pytest.mark.parametrize("name", ["stargan.cmg", "stargan.tse", "interpolation.tse"])
def test_images_of_the_training_people_are_of_their_cameras_modality(run, name):
    learn, made = run.data().train_rows(), run.more_images(name)
    seen = [set(zip(rows["camera"], rows["modality"], strict=True)) for rows in (learn, made)]
    assert seen[0] == seen[1] and made["path"].is_unique
    sides = learn["modality"].value_counts().to_dict()
    if name == "stargan.cmg":
        sides = {"visible": sides["infrared"], "infrared": sides["visible"]}
    assert made["modality"].value_counts().to_dict() == sides


def test_galleries_are_compared_with_infrared_images(run):
    assert set(reference(run)[0]["modality"]) == {"infrared"}

"""LLCM's cameras take images of both modalities under one number: every generator makes infrared where it is asked to.

What each of them makes of the set is compared with what it makes of the same images under other numbers, where no
camera has two modalities.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.cameras import camera_key, camera_keys, camera_modalities
from vireid_lib.data.layouts import read_dataset

PEOPLE, CAMERAS = ["market1501/0002", "market1501/0007"], ["llcm/1", "llcm/2"]
SIZE = {"height": 32, "width": 32}
GAN = {**SIZE, "generator_width": 4, "blocks": 1, "batch": 2, "steps": 4, "discriminator_width": 4}
SETTINGS = {
    "aligngan": {
        "generator_width": 4,
        "blocks": 1,
        "discriminator_width": 4,
        "feature_height": 32,
        "embedding": 8,
        "feature_width": 32,
        "identities": 2,
        "images": 2,
        "feature_identities": 2,
        "feature_images": 2,
        "steps": 4,
        **SIZE,
    },
    "copies": {},
    "cyclegan": GAN,
    "cyclegan_turbo": {**SIZE, "unet_rank": 2, "vae_rank": 2, "judge_width": 4, "steps": 2},
    "dive": {
        **SIZE,
        "code_length": 4,
        "vectors_per_token": 2,
        "lora_rank": 2,
        "steps": 4,
        "batch": 4,
        "learning_rate": 1e-2,
        "sampling_steps": 2,
        "guidance": 2.0,
        "visible_branch": "modality",
    },
    "flow2flow": {
        **SIZE,
        "squeezes": 1,
        "blocks": 3,
        "coupling_width": 16,
        "discriminator_width": 4,
        "identities": 2,
        "images": 2,
        "visible_only": 1,
        "steps": 4,
        "residual_width": 4,
    },
    "interpolation": SIZE,
    "jsia": {
        **SIZE,
        "style_dim": 4,
        "style_width": 4,
        "decoder_blocks": 1,
        "mlp_width": 16,
        "judge_width": 4,
        "judge_layers": 2,
        "latent_dim": 8,
        "latent_width": 8,
        "identities": 2,
        "images": 2,
        "visible_only": 1,
        "steps": 3,
    },
    "stargan": {**GAN, "batch": 4, "discriminator_halvings": 3, "critic_steps": 2},
    "vae": {**SIZE, "halvings": 3, "network_width": 8, "latent": 8, "batch": 4, "steps": 4},
    "vi_diff": {**SIZE, "channels": 8, "head_channels": 8, "batch": 2, "steps": 4, "sampling_steps": 2},
}


@pytest.fixture(scope="module")
def llcm(llcm_root, tmp_path_factory):
    """Training rows of the tiny LLCM, then external people of Market-1501."""
    root, draw, rows = tmp_path_factory.mktemp("market"), np.random.default_rng(0), []
    for identity in PEOPLE:
        for number in range(4):
            path = root / f"{identity.replace('/', '_')}_{number}.png"
            Image.fromarray(draw.integers(60, 200, (32, 32, 3), dtype=np.uint8)).save(path)
            rows.append(
                {
                    "path": str(path),
                    "identity": identity,
                    "camera": "market1501/1",
                    "modality": "visible",
                    "split": "external",
                }
            )
    return tables.concat(tables.training_rows(read_dataset("llcm", llcm_root)), tables.build(rows, "external people"))


@pytest.fixture(scope="module")
def renumbered(llcm):
    """The same images where each visible camera has a number of its own, in the same order of names: 1 is 11."""
    own = (llcm["modality"] == "visible") & (llcm["split"] != "external") & (llcm["camera"] != "llcm/3")
    return tables.validate(llcm.assign(camera=llcm["camera"] + own.map({True: "1", False: ""})), "renumbered")


@pytest.fixture(scope="module")
def fitted(request, tiny_base, tmp_path_factory):
    """Generator `name` as it is loaded after it was fitted to a table, once for each table's name."""
    root = tmp_path_factory.mktemp("fitted")

    @cache
    def fit(name, what):
        folder, table = root / name / what, request.getfixturevalue(what)
        base = {"base_model": str(tiny_base)} if name in ("dive", "cyclegan_turbo") else {}
        config_class = generators.generator_class(name).config_class
        config = (config_class if name == "dive" else config_class.small)(**SETTINGS[name], **base)
        generators.build(name, config, device="cpu", progress=False).fit(table, folder)
        return generators.load(name, folder, device="cpu", progress=False)

    return fit


def pixels(paths):
    return np.stack([np.array(Image.open(path).convert("RGB")) for path in paths])


@pytest.mark.parametrize("name", generators.names())
def test_infrared_is_made_under_a_camera_of_both(name, llcm, fitted, tmp_path):
    ours, theirs = fitted(name, "llcm"), fitted(name, "renumbered")
    external = llcm[llcm["split"] == "external"].reset_index(drop=True)
    made = ours.expand(PEOPLE, CAMERAS, 2, 1, tmp_path / "made", source=external)
    assert set(made["modality"]) == {"infrared"}
    assert made["camera"].value_counts().to_dict() == dict.fromkeys(CAMERAS, 4)
    expected = theirs.expand(PEOPLE, CAMERAS, 2, 1, tmp_path / "expected", source=external)
    assert np.array_equal(pixels(made["path"]), pixels(expected["path"]))
    if "translate" not in ours.capabilities:
        return
    photographs = pixels(llcm.loc[llcm["modality"] == "visible", "path"].iloc[:3])
    for camera in CAMERAS:
        translated = ours.translate(photographs, "llcm/0003", camera)
        assert np.array_equal(translated, theirs.translate(photographs, "llcm/0003", camera))


TRANSLATORS = [name for name in generators.names() if name not in ("copies", "dive", "interpolation")]


@pytest.mark.parametrize("name", TRANSLATORS)
def test_visible_is_made_under_the_visible_one(name, llcm, fitted, tmp_path):
    ours, theirs = fitted(name, "llcm"), fitted(name, "renumbered")
    infrared = pixels(llcm.loc[llcm["modality"] == "infrared", "path"].iloc[:3])
    back = ours.translate(infrared, "llcm/0003", "llcm/1 visible")
    assert np.array_equal(back, theirs.translate(infrared, "llcm/0003", "llcm/11"))
    own = llcm[llcm["split"] == "train"].reset_index(drop=True)
    both = ours.expand(["llcm/0003"], ["llcm/1", "llcm/1 visible", "llcm/3"], 1, 1, tmp_path / "both", source=own)
    assert list(zip(both["camera"], both["modality"], strict=True)) == [
        ("llcm/1", "infrared"),
        ("llcm/1", "visible"),
        ("llcm/3", "visible"),
    ]
    assert both["path"].is_unique
    with pytest.raises(ValueError, match="was not fitted to camera 'llcm/3 visible'"):
        ours.translate(infrared, "llcm/0003", "llcm/3 visible")


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translators_are_fitted_to_the_target_and_turn_photographs_of_strangers(name, llcm, fitted, tmp_path):
    maker, own = fitted(name, "llcm"), llcm["split"] == "train"
    assert maker.config.fit_on == "target" and maker.summary()["images"] == own.sum()
    with pytest.raises(ValueError, match="not fitted to camera 'market1501/1'"):
        maker.modality("market1501/1")
    external = llcm[~own].reset_index(drop=True)
    made = maker.expand(PEOPLE, CAMERAS, 1, 0, tmp_path / "made", source=external)
    assert sorted(made["identity"].unique()) == PEOPLE and (made["split"] == "external").all()
    assert np.array_equal(maker.config.fitted_rows(llcm)["path"], llcm.loc[own, "path"])
    both = maker.config.model_copy(update={"fit_on": "target+external"})
    assert len(both.fitted_rows(llcm)) == len(llcm)
    with pytest.raises(ValueError, match="fit_on"):
        type(maker.config)(fit_on="external")


@pytest.mark.parametrize("name", ["copies", "interpolation"])
def test_what_learns_nothing_knows_the_cameras_of_what_it_was_fitted_to(name, llcm, fitted, tmp_path):
    loaded = fitted(name, "llcm")
    visible = llcm[(llcm["modality"] == "visible")].reset_index(drop=True)  # alone it says that llcm/1 is visible
    made = loaded.expand(["llcm/0003"], ["llcm/1"], 2, 1, tmp_path / "made", source=visible)
    shown = pixels(made["path"])
    assert (made["modality"] == "infrared").all() and (shown == shown[..., :1]).all()
    if name == "copies":
        with pytest.raises(ValueError, match="'llcm/1 visible' is no infrared camera"):
            loaded.expand(["llcm/0003"], ["llcm/1 visible"], 1, 1, tmp_path / "more", source=visible)
    else:
        made = loaded.expand(["llcm/0003"], ["llcm/1 visible"], 2, 1, tmp_path / "more", source=llcm)
        assert (made["modality"] == "visible").all() and (made["camera"] == "llcm/1").all()


def test_names_of_cameras(llcm):
    held = camera_modalities(llcm)
    assert held == {
        "llcm/1": "infrared",
        "llcm/1 visible": "visible",
        "llcm/2": "infrared",
        "llcm/2 visible": "visible",
        "llcm/3": "visible",
        "market1501/1": "visible",
    }
    assert set(camera_keys(llcm)) == set(held)
    names = [camera_key(camera, "visible", held) for camera in ("llcm/1", "llcm/3")]
    assert names == ["llcm/1 visible", "llcm/3"]
    alone = pd.DataFrame({"camera": ["a/1", "a/2"], "modality": ["visible", "infrared"]})
    assert camera_keys(alone) == ["a/1", "a/2"]

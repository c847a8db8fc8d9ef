"""What every generator promises: it learns a toy, resumes bit for bit, makes what it declares, refuses what it must."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from listings import listing
from PIL import Image
from toys import stopped

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.data.layouts import read_dataset
from vireid_lib.data.strict import read_yaml
from vireid_lib.data.tables import OTHER
from vireid_lib.generators.base import plans
from vireid_lib.generators.base.translator import Translator
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.finetune import DiveTask

SETTINGS = read_yaml(Path(__file__).with_name("tiny.yaml"))
NAMES = generators.names()
OF_THE_WORLD = ["oracle_ir", "resampled_ir"]
TRANSLATORS = [name for name in NAMES if issubclass(generators.generator_class(name), Translator)]
TRAINED, MAKERS = [*TRANSLATORS, "dive"], [name for name in NAMES if name not in OF_THE_WORLD]
PEOPLE, STRANGERS = ["market/0006", "market/0007"], ["market1501/0002", "market1501/0007"]


def files(folder):
    """What was fitted, without what the training left."""
    return {
        file.relative_to(folder): file.read_bytes()
        for file in sorted(folder.glob("**/*.safetensors"))
        if "training" not in file.relative_to(folder).parts and "cache" not in file.parts
    }


def test_configurations_and_capabilities_are_checked(tmp_path):
    with pytest.raises(ValueError, match=r"takes a VaeConfig, not a DiveConfig"):
        generators.build("vae", DiveConfig())
    (tmp_path / "generator.json").write_text(json.dumps({"config": generators.configure("vae").model_dump()}))
    with pytest.raises(ValueError, match=r"takes a VaeConfig, not a DiveConfig"):
        generators.load("vae", tmp_path, DiveConfig())
    blend = generators.build("interpolation")
    with pytest.raises(NotImplementedError, match="can't translate"):
        blend.translate(np.zeros((1, 32, 16, 3), np.uint8), "", "toy/3")


@pytest.mark.parametrize(
    ("name", "settings", "words"), [(name, *each) for name in SETTINGS for each in SETTINGS[name].get("refused", ())]
)
def test_settings_that_cannot_be_are_refused(name, settings, words):
    with pytest.raises(ValueError, match=words):
        generators.configure(name, settings)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_it_learns_a_toy(name, learnt, pixels_of):
    generator, _ = learnt(name)
    for loss, share in SETTINGS[name]["falls"].items():
        _, values = generator.history.column(loss)
        assert np.isfinite(values).all() and values[-1] < share * values[0], loss
    for here, camera in (("visible", "toy/3"), ("infrared", "toy/1")):
        images, target = pixels_of(generator, here), pixels_of(generator, OTHER[here]).mean(0)
        made = generator.translate(images, "toy/0000", camera)
        left = np.linalg.norm(made.mean(0) - target) / np.linalg.norm(images.mean(0) - target)
        assert left < SETTINGS[name]["left"], here


@pytest.fixture(scope="module")
def fitted(tiny, toy_people, tmp_path_factory):
    """Generator `name`, fitted briefly to the toy, and its folder."""

    @cache
    def fit(name):
        folder = tmp_path_factory.mktemp(name)
        generator = generators.build(name, tiny(name), device="cpu", progress=False)
        generator.fit(toy_people, folder)
        return generator, folder

    return fit


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, {}) for name in TRAINED),
        ("flow2flow", {"form": "release"}),
        ("jsia", {"form": "release", "pretrained": None}),
        ("dive", {"lora_scope": "shared"}),
        ("dive", {"form": "release", "min_aspect": 0.0}),
        ("dive", {"branch_norms": True, "lora_targets": "all+ends", "average": 0.9, "min_snr": 5.0}),
    ],
)
def test_a_stopped_training_resumes_bit_for_bit(name, changes, tiny, fitted, toy_people, tmp_path):
    config, kind = tiny(name, **changes), generators.generator_class(name)
    task, stop = getattr(kind, "task_class", DiveTask), SETTINGS[name]["stop"]

    def fit(place):
        generator = kind(config, device="cpu", progress=False)
        generator.fit(toy_people, tmp_path / place)
        return generator

    if changes:
        fit("whole")
    with stopped(task, stop):
        fit("parts")
    assert fit("parts").history.started_at == stop // config.checkpoint_every * config.checkpoint_every > 0
    whole, parts = files(tmp_path / "whole" if changes else fitted(name)[1]), files(tmp_path / "parts")
    assert whole and whole == parts


@pytest.mark.parametrize("name", MAKERS)
def test_a_gallery_is_written_continued_and_bound(name, fitted, toy_people, tmp_path):
    generator = generators.load(name, fitted(name)[1], device="cpu", progress=False)
    made = generator.expand(PEOPLE, ["toy/3"], 3, 7, tmp_path, source=toy_people)
    assert len(made) == 6 and (made["modality"] == "infrared").all() and (made["source"] == generator.name).all()
    assert (made["split"] == "external").all() and (made["camera"] == "toy/3").all()
    assert tables.load(tmp_path / "table.csv").equals(tables.validate(made, "again"))
    first, lost = tmp_path / "cam3/0006/0001.png", tmp_path / "cam3/0007/0002.png"
    kept, content = first.stat().st_mtime_ns, np.array(Image.open(lost)).astype(int)
    lost.write_bytes(lost.read_bytes()[:40])
    assert generator.expand(PEOPLE, ["toy/3"], 3, 7, tmp_path, source=toy_people).equals(made)
    assert first.stat().st_mtime_ns == kept and np.abs(np.array(Image.open(lost)) - content).max() <= 1
    if name != "grayscale":
        assert made["seed"].is_unique and (tmp_path / "provenance.json").exists()
        with pytest.raises(ValueError, match="seed is 7 there and 8 now"):
            generator.expand(PEOPLE, ["toy/3"], 3, 8, tmp_path, source=toy_people)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translations_of_a_loaded_generator_are_the_fitted_ones(name, fitted, pixels_of):
    generator, folder = fitted(name)
    again, images = generators.load(name, folder, device="cpu", progress=False), pixels_of(generator, "visible")[:5]
    assert np.array_equal(again.translate(images, "", "toy/3"), generator.translate(images, "", "toy/3"))
    assert again.summary() == generator.summary() and again.summary()["steps"] == generator.config.steps
    with pytest.raises(ValueError, match="resize them first"):
        again.translate(images[:, 1:], "", "toy/3")


@pytest.mark.parametrize("name", MAKERS)
def test_it_refuses_what_it_was_not_fitted_to(name, fitted, tiny, toy_people, tmp_path):
    generator, folder = fitted(name)
    with pytest.raises(ValueError, match="nobody/1|no token"):
        generator.expand(["nobody/1"], ["toy/3"], 1, 0, tmp_path / "a", source=toy_people)
    fresh = generators.build(name, generator.config, device="cpu", progress=False)
    with pytest.raises(ValueError, match="not fitted|call fit"):
        fresh.expand(PEOPLE, ["toy/3"], 1, 0, tmp_path / "b")
    with pytest.raises(ValueError, match="test people"):
        fresh.fit(toy_people.assign(split="test"), tmp_path / "c")
    with pytest.raises(ValueError, match="external rows are infrared"):
        fresh.fit(toy_people.assign(split="external"), tmp_path / "d")
    with pytest.raises(FileNotFoundError, match="run fit first"):
        generators.load(name, tmp_path / "e")
    if name in TRAINED:
        with pytest.raises(ValueError, match="camera 'toy/9'"):
            generator.expand(PEOPLE, ["toy/9"], 1, 0, tmp_path / "f", source=toy_people)
        with pytest.raises(ValueError, match="no infrared image"):
            fresh.fit(toy_people[toy_people["modality"] == "visible"], tmp_path / "g")
        other = generator.config.model_copy(update={"height": generator.config.height * 2})
        with pytest.raises(ValueError, match="height is 32 there and 64 now"):
            generators.load(name, folder, other)
    if name in TRANSLATORS:
        with pytest.raises(ValueError, match="no visible image to start from"):
            generator.expand(["toy/0099"], ["toy/3"], 1, 0, tmp_path / "h", source=toy_people)
        with pytest.raises(ValueError, match="give expand"):
            generators.load(name, folder, device="cpu").expand(PEOPLE, ["toy/3"], 1, 0, tmp_path / "i")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TRANSLATORS if "published" in SETTINGS[name]])
def test_one_update_at_the_published_size(name, toy_people, tmp_path):
    config = generators.configure(name, SETTINGS[name]["published"] | {"steps": 1})
    generator = generators.build(name, config, device="cpu", progress=False)
    generator.fit(toy_people[toy_people["split"] == "train"], tmp_path)
    assert np.isfinite(list(generator.history[-1].values())).all()
    size = (1, config.height, config.width, 3)
    assert generator.translate(np.zeros(size, np.uint8), "", "toy/3").shape == size


# LLCM's cameras take images of both modalities under one number. What each generator makes of them is compared with
# what it makes of the same images under other numbers, where no camera has two modalities.


@pytest.fixture(scope="module")
def llcm(llcm_root, tmp_path_factory):
    """Training rows of the tiny LLCM, then external people of Market-1501."""
    root, draw, rows = tmp_path_factory.mktemp("market"), np.random.default_rng(0), []
    about = {"camera": "market1501/1", "modality": "visible", "split": "external"}
    for identity in STRANGERS:
        for number in range(4):
            path = root / f"{identity.replace('/', '_')}_{number}.png"
            Image.fromarray(draw.integers(60, 200, (32, 32, 3), dtype=np.uint8)).save(path)
            rows.append({"path": str(path), "identity": identity, **about})
    return tables.concat(tables.training_rows(read_dataset("llcm", llcm_root)), tables.build(rows, "external people"))


@pytest.fixture(scope="module")
def of_both(request, llcm, tiny, tmp_path_factory):
    """Generator `name` as loaded after it was fitted to LLCM, or to it with visible camera 1 renumbered to 11."""
    root, own = tmp_path_factory.mktemp("llcm"), (llcm["modality"] == "visible") & (llcm["split"] != "external")
    other = llcm.assign(camera=llcm["camera"] + (own & (llcm["camera"] != "llcm/3")).map({True: "1", False: ""}))
    held = {"llcm": llcm, "renumbered": tables.validate(other, "renumbered")}

    @cache
    def fit(name, what):
        size = {"height": 32, "width": 32} if name != "grayscale" else {}
        config, folder = tiny(name, **size), root / name / what
        generators.build(name, config, device="cpu", progress=False, cache=root / "cache").fit(held[what], folder)
        return generators.load(name, folder, config, device="cpu", progress=False)

    return fit


def shown(rows):
    return np.array(load_images(rows["path"].tolist(), (32, 32), cache=None))


@pytest.mark.parametrize("name", MAKERS)
def test_infrared_is_made_under_a_camera_of_both_modalities(name, llcm, of_both, tmp_path):
    made = {}
    for what in ("llcm", "renumbered"):
        made[what] = of_both(name, what).expand(STRANGERS, ["llcm/1", "llcm/2"], 2, 1, tmp_path / what, source=llcm)
        assert (made[what]["modality"] == "infrared").all() and set(made[what]["camera"]) == {"llcm/1", "llcm/2"}
    if name != "dive":  # whose codes are drawn for all names of cameras
        assert np.array_equal(shown(made["llcm"]), shown(made["renumbered"]))


@pytest.mark.parametrize("name", TRANSLATORS)
def test_visible_is_made_under_its_visible_half(name, llcm, of_both, tmp_path):
    ours, theirs = of_both(name, "llcm"), of_both(name, "renumbered")
    infrared = shown(llcm[llcm["modality"] == "infrared"].iloc[:3])
    back = ours.translate(infrared, "llcm/0003", "llcm/1 visible")
    assert np.array_equal(back, theirs.translate(infrared, "llcm/0003", "llcm/11"))
    cameras = ["llcm/1", "llcm/1 visible", "llcm/3"]
    both = ours.expand(["llcm/0003"], cameras, 1, 1, tmp_path, source=llcm[llcm["split"] == "train"])
    assert both["camera"].tolist() == ["llcm/1", "llcm/1", "llcm/3"] and both["path"].is_unique
    assert both["modality"].tolist() == ["infrared", "visible", "visible"]
    with pytest.raises(ValueError, match="was not fitted to camera 'llcm/3 visible'"):
        ours.translate(infrared, "llcm/0003", "llcm/3 visible")


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translators_are_fitted_to_the_target_unless_told_otherwise(name, llcm, of_both):
    generator, own = of_both(name, "llcm"), llcm["split"] == "train"
    assert generator.config.fit_on == "target" and generator.summary()["images"] == own.sum()
    with pytest.raises(ValueError, match="not fitted to camera 'market1501/1'"):
        generator.modality("market1501/1")
    both = generator.config.model_copy(update={"fit_on": "target+external"})
    assert len(both.fitted_rows(llcm)) == len(llcm) > len(generator.config.fitted_rows(llcm)) == own.sum()


def test_a_generator_is_added_by_one_file(toy_people, tmp_path, monkeypatch):
    (tmp_path / "generators").mkdir()
    (tmp_path / "generators/tint.py").write_text(listing("A generator"))
    monkeypatch.setattr(generators, "__path__", [*generators.__path__, str(tmp_path / "generators")])
    assert "tint" in generators.names()
    sizes = {"height": 32, "width": 16, "batch": 4, "steps": 40}
    config = generators.configure("tint", sizes | {"fit_on": "target+external"})
    tint = generators.build("tint", config, device="cpu", progress=False)
    tint.fit(toy_people, tmp_path / "fitted")
    _, values = tint.history.column("to_infrared")
    assert values[-1] < values[0]
    again = generators.load("tint", tmp_path / "fitted", device="cpu", progress=False)
    images = np.full((1, 32, 16, 3), 90, np.uint8)
    assert (again.translate(images, "toy/0000", "toy/3") == tint.translate(images, "toy/0000", "toy/3")).all()


@pytest.mark.parametrize("name", ["vi_diff", "jsia"])
def test_a_second_attempt_takes_another_seed(name, learnt, toy_people, tmp_path):
    generator, _ = learnt(name)
    order = plans.GalleryRequest(PEOPLE[:1], ["toy/3"], 1, 0, tmp_path, toy_people)
    (item,) = (replace(each, starts=()) for each in generator.plan(order))
    first, again, second = (generator.make([item], attempt) for attempt in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, second)

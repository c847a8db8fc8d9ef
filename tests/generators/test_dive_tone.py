"""Tone curves are histogram matching; what a gallery with them holds."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.stats import rankdata

from vireid_lib.data.grey import luminance
from vireid_lib.generators.base.generator import RECORD
from vireid_lib.generators.dive import cost, tone
from vireid_lib.generators.dive.dive import Dive
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.training.seeds import integer

PEOPLE, CAMERAS = ["mini_market/0001", "mini_market/0007"], ["mini_vi/3", "mini_vi/6"]


def test_the_curve_is_histogram_matching():
    """Against scipy's ranks: a level that a share of the drawn pixels lies below becomes that quantile of the real."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(140, 30, (40, 16, 8)).clip(0, 255).astype(np.uint8)[..., None].repeat(3, -1)
    real = rng.gamma(4, 20, (30, 16, 8)).clip(10, 200).astype(np.uint8)[..., None].repeat(3, -1)
    curve = tone.matching(tone.histogram(drawn), tone.histogram(real))
    shares = (rankdata(drawn[..., 0]) - 0.5) / drawn[..., 0].size
    expected = np.quantile(real[..., 0], shares).reshape(drawn.shape[:3])
    ours = tone.corrected(drawn, [curve] * len(drawn))
    body = (drawn[..., 0] > np.quantile(drawn, 0.02)) & (drawn[..., 0] < np.quantile(drawn, 0.98))
    assert np.abs(ours[..., 0] - expected)[body].max() <= 1.5  # half a level is rounding
    assert (np.diff(curve.astype(int)) >= 0).all() and (ours == ours[..., :1]).all()
    assert abs(ours.mean() - real.mean()) < 1
    assert drawn.max() < 255 and (curve.min(), curve.max()) == (10, 200)  # levels that were not drawn too


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(tone, "DRAWN", 10)


@pytest.fixture(scope="module")
def fitted(tiny, tiny_table, tmp_path_factory):
    """Fitted without tone curves, loaded with them: they belong to the sampling."""
    config = tiny("dive", width=16, steps=2, checkpoint_every=0, sampling_steps=2, sampling_batch=3)
    folder = tmp_path_factory.mktemp("fitted")
    Dive(config, device="cpu", progress=False).fit(tiny_table, folder)
    return lambda: Dive.load(folder, config.model_copy(update={"tone": "cameras"}), device="cpu", progress=False)


def test_a_gallery_has_each_camera_s_levels(fitted, tiny_table, tmp_path):
    dive = fitted()
    made = dive.expand(PEOPLE, CAMERAS, 2, 5, tmp_path / "made")
    for camera, rows in made.groupby("camera"):
        curve, other = dive.tone_curve(camera), fitted().tone_curve(camera)
        np.testing.assert_array_equal(curve, other)  # it depends on the fit alone
        for row in rows.itertuples():
            plain = sample(dive.model, [Request(row.identity, camera, int(row.seed))])
            steepest = max(1, np.diff(curve.astype(int)).max())  # in another batch a level may round to the next
            difference = np.asarray(Image.open(row.path)).astype(int) - tone.corrected(plain, [curve])[0]
            assert np.abs(difference).max() <= 2 * steepest
    drawn = np.concatenate([np.asarray(Image.open(path))[None] for path in made["path"]])
    assert (drawn == drawn[..., :1]).all()


def test_a_curve_comes_from_external_people_s_pictures_and_the_camera_s_training_images(fitted, tiny_table):
    dive, camera = fitted(), CAMERAS[0]
    shown = tiny_table[(tiny_table["camera"] == camera) & (tiny_table["modality"] == "infrared")]
    size = (dive.config.width, dive.config.height)
    images = [np.asarray(Image.open(path).convert("RGB").resize(size)) for path in shown["path"]]
    levels = dive._record["levels"][camera]
    mean = np.average(np.arange(256), weights=levels)
    assert mean == pytest.approx(luminance(np.stack(images)).mean(), abs=2)  # decoded by another filter
    people = sorted(set(tiny_table.loc[tiny_table["split"] == "external", "identity"]))
    assert dive._record["external"] == people
    drawn = [
        sample(dive.model, [Request(people[k % len(people)], camera, integer(dive.config.seed, "tone", camera, k))])[0]
        for k in range(-(-tone.DRAWN // len(people)) * len(people))
    ]
    by_hand = tone.matching(tone.histogram(np.stack(drawn)), np.array(levels))
    assert np.abs(by_hand.astype(int) - dive.tone_curve(camera)).max() <= 2  # one by one, pictures round otherwise


def test_curves_are_for_pictures_from_text(tiny):
    with pytest.raises(ValueError, match="tone: drawn"):
        tiny("dive", tone="cameras", start="image")


@pytest.mark.parametrize(("views", "fitted_to"), [("single", CAMERAS), ("one_camera", CAMERAS[:1])])
def test_cameras_that_share_a_code(views, fitted_to, tiny, tiny_table, tmp_path):
    """With one code for all, each camera still has its own levels; with one fitted camera, all have that one's."""
    dive = Dive(tiny("dive", width=16, steps=1, views=views, tone="cameras"), device="cpu", progress=False)
    dive.fit(tiny_table, tmp_path / "fit")
    assert sorted(dive._record["levels"]) == fitted_to
    made = dive.expand(PEOPLE[:1], CAMERAS, 1, 5, tmp_path / "made")
    assert made["camera"].tolist() == CAMERAS and sorted(dive._curves) == fitted_to


def test_another_fit_has_curves_of_its_own(fitted, tiny_table, tmp_path):
    dive, camera = fitted(), CAMERAS[0]
    before, rows = dive.tone_curve(camera), tiny_table.drop(tiny_table.index[tiny_table["camera"] == camera][:3])
    dive.fit(rows, tmp_path / "again")
    after = Dive.load(tmp_path / "again", dive.config, device="cpu", progress=False).tone_curve(camera)
    np.testing.assert_array_equal(dive.tone_curve(camera), after)
    assert (after != before).any()


def test_a_fit_that_knows_no_levels_is_refused(fitted, tmp_path):
    """A converted release has seen none of the images."""
    dive = fitted()
    record = json.loads((dive.folder / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps({key: value for key, value in record.items() if key != "levels"}))
    with pytest.raises(ValueError, match="set tone: drawn, or fit DiVE anew"):
        Dive.load(tmp_path, dive.config, device="cpu", progress=False)


def test_the_plan_counts_the_pictures_of_the_curves(fitted, tiny_table, monkeypatch):
    monkeypatch.setattr(tone, "DRAWN", 11)  # six pictures of each of two people, under two cameras
    monkeypatch.setattr(cost, "measure", lambda *_, **__: ({"sampling": 1.0}, None, "here"))
    assert fitted().estimate(tiny_table, 7).seconds["sampling"] == 7 + 2 * 2 * 6
    assert fitted().estimate(tiny_table, 0).seconds["sampling"] == 0

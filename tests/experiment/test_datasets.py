"""Who is expanded: enough images, in the parts that the profile names, and never a distractor."""

import os

import pandas as pd
import pytest

from vireid_lib import experiment
from vireid_lib.data.images import load_images
from vireid_lib.experiment import datasets
from vireid_lib.experiment.datasets import Datasets, chosen_external
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.settings import changed
from vireid_lib.miniworld import write


def rows(**counts):
    """{"train__0002": 3} to three rows."""
    found = []
    for place, count in counts.items():
        split, person = place.split("__")
        found += [{"path": f"/{place}{n}", "identity": f"market1501/{person}", "split": split} for n in range(count)]
    return pd.DataFrame(found)


def chosen(table, **expand):
    profile = load_profile("sysu")
    return chosen_external(table, profile.model_copy(update={"expand": profile.expand.model_copy(update=expand)}))


MARKET = rows(train__0002=12, train__0007=11, gallery__0010=10, gallery__0012=14, query__0010=2, gallery__0000=40)


@pytest.mark.parametrize(
    ("expand", "expected"),
    [
        ({"splits": ["train"]}, {"0002"}),
        ({"splits": ["train", "gallery"]}, {"0002", "0012"}),
        ({"splits": ["train", "gallery"], "identities": 1}, {"0012"}),
        ({"splits": ["train", "gallery", "query"]}, {"0002", "0010", "0012"}),
        ({"min_images": 11, "splits": ["train"]}, {"0002", "0007"}),
    ],
)
def test_people_with_enough_images_in_the_named_parts(expand, expected):
    table = chosen(MARKET, **expand)
    assert set(table["identity"]) == {f"market1501/{person}" for person in expected}
    assert set(table["split"]) == {"external"}
    with pytest.raises(ValueError, match="the most is 14"):
        chosen(MARKET, min_images=15, splits=["train", "gallery"])


@pytest.mark.parametrize(("splits", "options"), [(["gt_bbox"], {"drawn": True}), (["train", "gallery"], {})])
def test_boxes_drawn_by_hand_are_read_where_the_profile_names_them(splits, options, monkeypatch, tmp_path):
    for name in ("SYSU-MM01", "Market-1501-v15.09.15"):
        (tmp_path / name).mkdir()
    run, asked = experiment.open("sysu", tmp_path / "workspace", tmp_path), {}
    run = run.with_profile(changed(run.profile, {"expand.splits": splits}, "test"))
    part, visible = rows(**{f"{splits[0]}__0002": 12, f"{splits[0]}__0007": 11}), {"modality": "visible"}

    def read(name, root, **own):
        asked[name] = own
        return part.assign(camera=f"{name}/1", **visible)

    monkeypatch.setattr(datasets, "read_dataset", read)
    external = run.data().external
    assert asked == {"sysu_mm01": {}, "market1501": options}
    assert external["identity"].tolist() == ["market1501/0002"] * 12


def test_nobody_of_the_test_is_fitted_whatever_the_lists_say(monkeypatch, tmp_path):
    target = pd.DataFrame({"path": ["/0", "/1"], "split": ["train", "test"]})
    about = {"camera": "sysu_mm01/3", "modality": "infrared", "source": "real", "seed": pd.NA}
    target = target.assign(identity="sysu_mm01/0007", **about)
    external = target.iloc[:1].assign(path="/2", identity="market1501/0002", split="external", modality="visible")
    run = Run(load_profile("smoke"), tmp_path)
    monkeypatch.setattr(datasets, "read", lambda run, split: Datasets(target, external, None))
    with pytest.raises(ValueError, match=r"people of the test.*sysu_mm01/0007"):
        run.fitted_rows("dive")


@pytest.fixture
def damaged(tmp_path):
    """(function that opens a book on real data whose first image is cut short, and second leads nowhere)."""
    size = {"train_ids": 2, "val_ids": 1, "test_ids": 2, "external_ids": 2, "market_test_ids": 1}
    size = write.Size(**size, images_per_camera=2, external_images=12, infrared_images=1)
    roots = write.make(tmp_path / "data", seed=0, size=size)
    paths = sorted(roots["mini_vi"].rglob("cam1/*/*.jpg"))
    paths[0].write_bytes(paths[0].read_bytes()[:300])
    paths[1].unlink()
    paths[1].symlink_to(tmp_path / "nowhere.jpg")

    def opened(broken_images):
        profile = load_profile("smoke")
        data = profile.data.model_copy(update={"broken_images": broken_images})
        return Run(profile.model_copy(update={"data": data, "world": None}), tmp_path / "w", tmp_path / "data")

    return opened, [str(path) for path in paths[:2]]


def test_broken_images_are_left_out_and_counted_in_every_record_where_the_profile_says_so(damaged):
    opened, broken = damaged
    whole, skipping = opened("refuse"), opened("skip")
    refused = whole.data().target
    assert set(broken) < set(refused["path"])
    name = os.path.basename(broken[0])
    with pytest.raises(ValueError, match=f"{name} cannot be decoded.*`data.broken_images: skip`"):
        load_images(refused["path"].tolist(), (8, 4), cache=None)
    data = skipping.data()
    assert not set(broken) & set(data.target["path"]) and len(data.target) == len(refused) - 2
    assert len(load_images(data.target["path"].tolist(), (8, 4), cache=None)) == len(data.target)
    record = skipping.stage("some_stage", {}, {"table": data.target}, lambda folder: {"score": 1.0})
    assert record.values == {"score": 1.0, "skipped_images": 2}
    (found,) = (each for each in skipping.cache.records() if each.name == "broken_images" and each.values["rows"])
    assert found.values["wrong"][0].startswith(f"{name} cannot be decoded")
    again = opened("skip")
    assert again.data().target.equals(data.target) and again.skipped_images == skipping.skipped_images
    assert opened("refuse").with_method("agw").data().target.equals(refused)

"""Training sets that add images of the training people themselves: who, how many, in which modality, from what."""

import json

import pandas as pd
import pytest
import torch

from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.studies import Row
from vireid_lib.experiment.study import run_of
from vireid_lib.experiment.training_sets import Expansion, expanded_by, expansion_of, trimmed
from vireid_lib.reid.features import extract

ROW = Row("tse", "TSE", "mpanet_expanded", training="flow2flow.tse.cmg")


@pytest.fixture(scope="module")
def run(tiny_book, tmp_path_factory):
    """In a workspace of its own: the tests below count all images that it holds."""
    shared = run_of(tiny_book, ROW)
    return Run(shared.profile, tmp_path_factory.mktemp("expansion"), shared.data_root or "")


def test_names_say_what_is_added():
    both = ("visible", "infrared")
    assert expansion_of("real") is expansion_of("dive_from_image") is None
    assert expansion_of("flow2flow.tse") == Expansion("flow2flow", ("tse",), both, 100)
    assert expansion_of("flow2flow.tse.cmg") == Expansion("flow2flow", ("tse", "cmg"), both, 100)
    assert expansion_of("flow2flow.tse.infrared.25") == Expansion("flow2flow", ("tse",), ("infrared",), 25)
    for name in ("flow2flow.tsi", "flow2flow.visible", "flow2flow.tse.1.2", "flow2flow.tse.0"):
        with pytest.raises(ValueError, match="write tse, cmg or both"):
            expansion_of(name)


def test_every_image_once_in_the_other_modality(run):
    learn, table = run.data().train_rows(), run.training_set("flow2flow.cmg")
    made = table[table["source"] == "flow2flow"]
    assert len(table) == len(learn) + len(made) and len(made) == len(learn)
    counts = learn.groupby(["identity", "modality"]).size().unstack()
    of_made = made.groupby(["identity", "modality"]).size().unstack()
    assert of_made["visible"].equals(counts["infrared"].rename("visible"))
    assert of_made["infrared"].equals(counts["visible"].rename("infrared"))
    origins = {}
    for path in (run.cache.stages / "translation_flow2flow").glob("*/provenance.json"):
        origins |= json.loads(path.read_text())["made_from"]
    short = {"/".join(path.split("/")[-3:]) for path in learn["path"]}
    assert {start for starts in origins.values() for start in starts} == short
    assert set(made["split"]) == {"train", "val"}


def test_blends_are_counted_and_pairs_are_the_same_for_each_generator(run):
    learn = run.data().train_rows()
    sides = learn["modality"].value_counts()
    starts = {}
    for name in ("flow2flow", "interpolation"):
        table = run.training_set(f"{name}.tse")
        made = table[table["source"] != "real"]
        assert made["modality"].value_counts().to_dict() == sides.to_dict()
        starts[name] = {}
        for path in (run.cache.stages / f"expansion_{name}").glob("*/provenance.json"):
            record = json.loads(path.read_text())["made_from"]
            starts[name] |= record
    assert starts["flow2flow"] == starts["interpolation"]
    visible = run.more_images("flow2flow.tse.visible.50")
    assert set(visible["modality"]) == {"visible"} and len(visible) == sides["visible"] // 2
    for percent in (25, 75, 125):
        made = run.more_images(f"interpolation.tse.infrared.{percent}")
        assert len(made) == round(percent / 100 * sides["infrared"])


def test_figure_6_has_exact_totals():
    """Of 1, 2, 3, … images an identity under a camera, `trimmed` keeps the total, and no slot has two more than
    another."""
    rows = pd.DataFrame({"identity": ["a", "b", "c"] * 8, "camera": (["1"] * 3 + ["2"] * 3) * 4}).sort_values("camera")
    rows = rows.assign(path=range(24)).reset_index(drop=True)
    for total in (1, 5, 6, 7, 13, 24, 30):
        kept = trimmed(rows, total)
        counts = kept.groupby(["identity", "camera"]).size().reindex(rows.groupby(["identity", "camera"]).size().index)
        assert len(kept) == min(total, 24) and counts.fillna(0).max() - counts.fillna(0).min() <= 1
        assert kept["path"].is_monotonic_increasing
        cameras = kept["camera"].value_counts()
        assert total < 2 or abs(cameras["1"] - cameras["2"]) <= 1  # the rest is not all of one camera's
    real = pd.DataFrame({"modality": ["visible"] * 22258 + ["infrared"] * 11909, "identity": "a"})
    found = {percent: expanded_by(real, "infrared", percent) for percent in (25, 50, 75, 125, 175)}
    assert found == {25: 2977, 50: 5954, 75: 8932, 125: 14886, 175: 20841}  # of 11,909, to the image


def test_the_generator_meets_training_people_alone(run):
    run.training_set("flow2flow.tse.cmg")
    fitted = run.fit("flow2flow", external=False)
    assert fitted.values["images"] == len(run.data().train_rows())
    names = {f"{kind}_flow2flow" for kind in ("expansion", "translation")}
    made = [record for record in run.cache.records() if record.name in names]
    assert {record.name for record in made} == names
    assert all(record.result["inputs"]["fitted"].endswith(fitted.key) for record in made)


def test_test_images_may_be_described_with_their_translations(run):
    """The first half is the real head's of the image, the second the other head's of its translation; the training is
    the same."""
    row = Row(**{**vars(ROW), "training": "flow2flow.cmg", "config": {"describe": "compensate"}})
    own = run_of(run, row)
    test = own.data().test()
    made, records = own.translated(row.training, test)
    assert (made["modality"] != test["modality"]).all() and len(set(made["path"]) & set(test["path"])) == 0
    for record in records:  # what was made of what, as the gallery itself recorded it
        origins = json.loads((record.folder / "provenance.json").read_text())["made_from"]
        short = {name: starts[0] for name, starts in origins.items()}
        for given, path in zip(test["path"], made["path"], strict=True):
            if path.startswith(str(record.folder)):
                assert given.endswith(next(start for name, start in short.items() if path.endswith(name)))
    features, ranked = own.features(row.training, 0)
    network, config = own.network(row.training, 0)
    plain = config.model_copy(update={"flip_at_test": False})
    assert config.needs_translations and ranked["path"].tolist() == test["path"].tolist()
    half = features.shape[1] // 2
    torch.testing.assert_close(features[:, :half] * 2**0.5, extract(network.alone("real"), test, config, None))
    torch.testing.assert_close(features[:, half:] * 2**0.5, extract(network.alone("generated"), made, config, None))
    both = extract(network, test, plain, None)
    assert both.shape == features.shape and not torch.allclose(both, features, atol=1e-3)
    other = run_of(run, Row(**{**vars(row), "training": "flow2flow.tse"}))
    with pytest.raises(ValueError, match="has no translations"):
        other.translated("flow2flow.tse", test)

"""What is measured of networks and galleries on a world of a few people: cached, complete, and true to its name."""

import itertools

import numpy as np
import pandas as pd
import pytest

from vireid_lib.analysis import prompts
from vireid_lib.analysis.subsets import spread
from vireid_lib.experiment import measures
from vireid_lib.experiment.gallery_measures import audit, compare, reference
from vireid_lib.experiment.prompt_measures import concentrations, outlines, prompt_worth


def test_preservation_asks_every_gallery_and_evaluator(tiny_run):
    run = tiny_run({"reid.training_sets": ["real", "grayscale", "oracle_ir"]})
    assert set(measures.evaluators(run)) == {"real", "oracle_ir"}
    for name in measures.evaluators(run):
        values = measures.preservation(run, name, 0).values
        assert values["chance"] == 1 / 3 and set(values["galleries"]) == {"grayscale", "oracle_ir"}
        assert all(0 <= own["rank_1"] <= 1 for own in values["galleries"].values())
    record = measures.preservation(run, "real", 0)
    assert record.values["galleries"]["grayscale"]["images"] == 3 * 2 * 2
    assert len(record.values["galleries"]["oracle_ir"]["by_identity"]) == record.values["identities"] == 3


def test_copies_are_flagged_each_original_is_named_and_what_does_not_apply_is_not_invented(tiny_run):
    """One picture for each request, so that the true infrared has others to be compared with."""
    roomier = tiny_run({"expand.per_camera": 1})
    compared = compare(roomier, ["real", "grayscale", "dive", "dive_from_image", "oracle_ir"])
    table = compared.table.set_index("infrared images")
    assert table.index.tolist() == ["greyscale copies", "DiVE", "DiVE from image", "true infrared"]
    assert list(compared.basis) == table.columns.tolist()
    assert all(words.startswith("N = ") for words in compared.basis.values())
    assert table.loc["greyscale copies", "flagged as copies (%)"] == 100
    assert table["SSIM on the person"].isna().tolist() == [False, True, False, True]
    assert table.filter(like="(%)").stack().between(0, 100).all()
    audited = audit(roomier, "grayscale")
    originals = audited.training.iloc[audited.found.nearest]
    assert (originals["identity"].to_numpy() == audited.gallery["identity"].to_numpy()).all()
    assert (originals["modality"] == "visible").all()
    rows, _ = reference(roomier)
    assert not set(rows["path"]) & set(roomier.synthesize("oracle_ir")["path"])


def test_attention_is_measured_against_the_renderers_outline(tiny_book):
    measured = concentrations(tiny_book, images=6)
    sizes = measured[["image", "piece", "resolution"]].nunique()
    assert len(measured) == sizes.prod() and sizes["piece"] == 8
    assert measured["resolution"].iloc[0] == "16 × 8" and set(measured["modality"]) == {"visible", "infrared"}
    np.testing.assert_allclose(measured.groupby(["image", "resolution"])["share"].sum(), 1, atol=1e-4)
    masks = outlines(tiny_book, spread(tiny_book.data().train_rows(), 4))
    assert masks.shape == (4, 64, 32) and 0.05 < masks.mean() < 0.6


def test_prompt_worth_compares_the_same_images(tiny_book):
    worth = prompt_worth(tiny_book, images=8)
    assert len(worth) == 8 * len(prompts.LOSS_TIMES)
    assert np.isfinite(worth[list(prompts.PROMPT_VARIANTS)].to_numpy()).all()
    # In the tiny model, as in any, another branch or none gives another prediction.
    assert (worth["branch"] != worth["right"]).all() and (worth["base"] != worth["right"]).all()


def test_the_verdict_on_a_prompt_is_paired_by_image():
    places = itertools.product(("visible", "infrared"), (0.1, 0.9), (1.0, 2.0, 3.0))
    rows = pd.DataFrame(places, columns=["modality", "time", "right"])
    for name, factor in {"person": 1.1, "code": 1, "branch": 2, "base": 3}.items():
        rows[name] = factor * rows["right"]
    table = prompts.prompt_verdict(rows).set_index(["prompt", "modality"])
    words = prompts.PROMPT_VARIANTS
    assert table.loc[(words["person"], "visible"), "rise (%)"] == pytest.approx(10)
    assert table.loc[(words["branch"], "infrared"), "rise (%)"] == pytest.approx(100)
    assert table.loc[(words["code"], "visible"), "standard error"] == 0
    assert (table["images"] == 3).all()

"""Attention chapter: verdicts follow from the numbers, pieces of the prompt are added up, pictures fit the plots."""

import numpy as np
import pandas as pd
import pytest
import torch

from vireid_lib.book import attention_stages as study
from vireid_lib.book import plots


def _measured(person, code, spread=0.01, images=20):
    rng = np.random.default_rng(0)
    rows = []
    for resolution in ("16 × 8", "8 × 4"):
        for piece, level in (("[p]", person), ("[k]", code), ("photo", 1.0)):
            values = level + spread * rng.standard_normal(images)
            rows.append(pd.DataFrame({"image": range(images), "modality": "visible", "piece": piece, "share": 0.1,
                                      "concentration": values, "resolution": resolution}))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize(
    ("person", "code", "verdicts"),
    [
        (1.4, 1.0, ["supported", "supported", "supported"]),
        (1.4, 1.8, ["supported", "contradicted", "supported"][:2] + ["contradicted"]),
        (0.7, 0.9, ["contradicted", "contradicted", "supported"]),
        (1.0, 1.0, ["undecided", "undecided", "undecided"]),
    ],
)
def test_findings_follow_the_numbers(person, code, verdicts):
    measured = _measured(person, code)
    assert [each.verdict for each in study.findings(measured)] == verdicts
    assert study.verdicts(measured)["verdict"].tolist() == verdicts


def test_the_conclusion_is_made_of_the_verdicts():
    assert study.conclusion(_measured(1.4, 1.0)).count("as the paper says") == 2
    assert "against what the paper says" in study.conclusion(_measured(0.7, 1.8))
    assert "cannot be told" in study.conclusion(_measured(1.0, 1.0))


def test_the_summary_is_the_mean_over_images():
    table = study.summary(_measured(1.5, 1.0)).set_index(["resolution", "piece"])
    row = table.loc[("16 × 8", "[p]")]
    assert row["concentration"] == pytest.approx(1.5, abs=0.01)
    assert row["share of all attention (%)"] == pytest.approx(10) and row["images"] == 20


def test_resolutions_are_written_and_read():
    assert study.size(study.name((16, 8))) == (16, 8)


def test_attention_of_a_fitted_model(tiny_book):
    sampled = study.sampled(tiny_book, people=2)
    assert sampled.resolutions[0] == (16, 8) and len(sampled.people) == 2
    total = np.nansum(sampled.maps[(16, 8)]["[k] and [p]"], axis=1)
    np.testing.assert_allclose(total, 1, atol=1e-4)
    assert np.isnan(sampled.maps[(16, 8)]["[p] only"][:, study.LABELS.index("[k]")]).all()
    plots.attention_overlays(**vars(sampled.by_prompt(1, (16, 8)))).png()
    plots.attention_overlays(**vars(sampled.by_resolution(0))).png()


def test_attention_on_people_is_measured_against_the_renderers_outline(tiny_book):
    measured = study.on_people(tiny_book, images=6)
    assert len(measured) == measured["image"].nunique() * len(study.LABELS) * measured["resolution"].nunique()
    whole = measured.groupby(["image", "resolution"])["share"].sum()
    np.testing.assert_allclose(whole, 1, atol=1e-4)
    record = next(each for each in tiny_book.workspace.records() if each.name == "attention_on_people")
    assert record.values["conclusion"] == study.conclusion(measured)
    grid = study.masks_shown(tiny_book, images=4)
    assert 0.05 < np.stack(grid.images[1]).mean() / 255 < 0.6


def test_pieces_of_the_prompt_are_added_up(tiny_book):
    model = study.stages.generator(tiny_book).model
    length = model.base.tokenizer.model_max_length
    maps = torch.ones(length, 2, 2) / length
    person, camera = "mini_market/0001", "mini_vi/3"
    pieces = study.by_label(model, maps, person, camera)
    torch.testing.assert_close(pieces.sum(0), torch.ones(2, 2))
    assert pieces[study.LABELS.index("[p]")].mean() == pytest.approx(model.tokens.vectors / length)
    assert torch.isnan(study.by_label(model, maps, "", camera)[study.LABELS.index("[p]")]).all()

"""Attention chapter: pieces of the prompt are added up, shares are whole, pictures fit the plots."""

import numpy as np
import pytest
import torch

from vireid_lib import viz as plots
from vireid_lib.book.attention import findings
from vireid_lib.book.attention import stages as study


def test_attention_of_a_fitted_model(tiny_book):
    sampled = study.sampled(tiny_book, people=2)
    assert sampled.resolutions[0] == (16, 8) and len(sampled.people) == 2
    total = np.nansum(sampled.maps[(16, 8)]["[k] and [p]"], axis=1)
    np.testing.assert_allclose(total, 1, atol=1e-4)
    assert np.isnan(sampled.maps[(16, 8)]["[p] only"][:, findings.LABELS.index("[k]")]).all()
    plots.attention_overlays(**vars(sampled.by_prompt(1, (16, 8)))).png()
    plots.attention_overlays(**vars(sampled.by_resolution(0))).png()


def test_attention_on_people_is_measured_against_the_renderers_outline(tiny_book):
    measured = study.on_people(tiny_book, images=6)
    sizes = measured[["image", "piece", "resolution"]].nunique()
    assert len(measured) == sizes.prod() and sizes["piece"] == len(findings.LABELS)
    whole = measured.groupby(["image", "resolution"])["share"].sum()
    np.testing.assert_allclose(whole, 1, atol=1e-4)
    record = next(each for each in tiny_book.cache.records()[::-1] if each.name == "attention_on_people")
    assert record.values["conclusion"] == findings.conclusion(measured)
    grid = study.masks_shown(tiny_book, images=4)
    assert 0.05 < np.stack(grid.images[1]).mean() / 255 < 0.6


def test_pieces_of_the_prompt_are_added_up(tiny_book):
    model = tiny_book.generator("dive").model
    length = model.base.tokenizer.model_max_length
    maps = torch.ones(length, 2, 2) / length
    person, camera = "mini_market/0001", "mini_vi/3"
    pieces = study.by_label(model, maps, person, camera)
    torch.testing.assert_close(pieces.sum(0), torch.ones(2, 2))
    assert pieces[findings.LABELS.index("[p]")].mean() == pytest.approx(model.tokens.vectors / length)
    assert torch.isnan(study.by_label(model, maps, "", camera)[findings.LABELS.index("[p]")]).all()

"""Attention on people: measured against the renderer's outline; shares are whole; tokens are those of the prompt."""

import numpy as np
import pytest

from vireid_lib.analysis.attention import conclusion
from vireid_lib.experiment.attention_measures import concentrations, outlines, positions
from vireid_lib.viz.pictures import spread


def test_attention_is_measured_against_the_renderers_outline(tiny_book):
    measured = concentrations(tiny_book, images=6)
    sizes = measured[["image", "piece", "resolution"]].nunique()
    assert len(measured) == sizes.prod() and sizes["piece"] == 8
    assert measured["resolution"].iloc[0] == "16 × 8" and set(measured["modality"]) == {"visible", "infrared"}
    whole = measured.groupby(["image", "resolution"])["share"].sum()
    np.testing.assert_allclose(whole, 1, atol=1e-4)
    record = next(each for each in tiny_book.cache.records()[::-1] if each.name == "attention_concentrations")
    assert record.values["conclusion"] == conclusion(measured)
    masks = outlines(tiny_book, spread(tiny_book.data().train_rows(), 4))
    assert masks.shape == (4, 64, 32) and 0.05 < masks.mean() < 0.6


def test_pieces_of_the_prompt_are_where_its_tokens_are(tiny_book):
    model, person, camera = tiny_book.generator("dive").model, "mini_market/0001", "mini_vi/3"
    (ids,) = model.tokenize(model.prompts([person], [camera])).tolist()
    found = positions(model, person, camera)
    assert sorted(place for places in found.values() for place in places) == list(range(len(ids)))
    start = model.tokens.first + model.tokens.row(person)
    assert [ids[place] for place in found["[p]"]] == list(range(start, start + model.tokens.vectors))
    assert "[p]" not in positions(model, "", camera) and "[k]" not in positions(model, person, "")
    with pytest.raises(ValueError, match="no token"):
        positions(model, "nobody", camera)

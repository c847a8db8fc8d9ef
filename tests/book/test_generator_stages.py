"""Chapter 02's stages: shapes, paired comparisons, and that nothing is made twice."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib.book import generator_stages as study
from vireid_lib.book import plots


def test_the_base_model_draws_captions(tiny_book):
    grid = study.base_samples(tiny_book, prompts=2, each=2)
    assert [len(row) for row in grid.images] == [3, 3] and grid.column_labels[0] == "drawn"
    again = study.base_samples(tiny_book, prompts=2, each=2)
    assert np.array_equal(grid.images[1][2], again.images[1][2])
    assert not np.array_equal(grid.images[0][1], grid.images[0][2])
    plots.image_grid(**vars(grid)).png()


def test_a_model_of_the_real_world_is_asked_for_real_people():
    book = type("RealData", (), {"miniature": False})()
    texts, drawn = study._captions(book, 2, (64, 32))
    assert drawn is None and len(texts) == 2 and all(text.startswith("a photo of") for text in texts)


def test_reconstructions_are_measured_by_modality(tiny_book):
    found = study.reconstructions(tiny_book, measured=8, shown=2)
    assert found.table["modality"].tolist() == ["visible", "infrared"]
    assert (found.table["images"] == 4).all() and (found.table["PSNR (dB)"] < 60).all()
    assert [len(row) for row in found.grid.images] == [4, 4]


def test_noising_ends_in_noise(tiny_book):
    found = study.noising(tiny_book)
    assert found.grid.row_labels == ["visible", "infrared"]
    squares = found.schedule["signal"] ** 2 + found.schedule["noise"] ** 2
    np.testing.assert_allclose(squares, 1, atol=1e-5)
    assert found.schedule["signal"].is_monotonic_decreasing


def test_prompt_worth_compares_the_same_images(tiny_book):
    worth = study.prompt_worth(tiny_book, images=8)
    assert len(worth) == 8 * len(study.TIMES)
    assert np.isfinite(worth[list(study.PROMPT_VARIANTS)].to_numpy()).all()
    # In the tiny model, as in any, another branch or none gives another prediction.
    assert (worth["branch"] != worth["right"]).all() and (worth["base"] != worth["right"]).all()
    assert set(study.prompt_curves(worth)) == set(study.PROMPT_VARIANTS.values()) - {study.PROMPT_VARIANTS["right"]}


def test_the_verdict_is_paired_by_image():
    rows = pd.DataFrame([
        {"modality": modality, "time": time, "right": level, "person": 1.1 * level, "code": level,
         "branch": 2 * level, "base": 3 * level}
        for modality in ("visible", "infrared") for time in (0.1, 0.9) for level in (1.0, 2.0, 3.0)
    ])  # fmt: skip
    table = study.prompt_verdict(rows).set_index(["prompt", "modality"])
    words = study.PROMPT_VARIANTS
    assert table.loc[(words["person"], "visible"), "rise (%)"] == pytest.approx(10)
    assert table.loc[(words["branch"], "infrared"), "rise (%)"] == pytest.approx(100)
    assert table.loc[(words["code"], "visible"), "standard error"] == 0
    assert (table["images"] == 3).all()


def test_cost_lists_what_was_run(tiny_book):
    table = study.cost(tiny_book, study.stages.finetuning(tiny_book))
    assert table.loc["steps", "here"] == 4 and table.loc["steps", "printed in the paper"] == 400_000
    assert table.loc["minutes", "printed in the paper"] == "not printed"

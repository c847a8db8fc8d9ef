"""What a prompt is worth: comparisons paired by image."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib.experiment import prompt_losses as study


def test_prompt_worth_compares_the_same_images(tiny_book):
    worth = study.prompt_worth(tiny_book, images=8)
    assert len(worth) == 8 * len(study.TIMES)
    assert np.isfinite(worth[list(study.PROMPT_VARIANTS)].to_numpy()).all()
    # In the tiny model, as in any, another branch or none gives another prediction.
    assert (worth["branch"] != worth["right"]).all() and (worth["base"] != worth["right"]).all()


def test_the_verdict_is_paired_by_image():
    rows = pd.DataFrame(
        [
            {
                "modality": modality,
                "time": time,
                "right": level,
                "person": 1.1 * level,
                "code": level,
                "branch": 2 * level,
                "base": 3 * level,
            }
            for modality in ("visible", "infrared")
            for time in (0.1, 0.9)
            for level in (1.0, 2.0, 3.0)
        ]
    )
    table = study.prompt_verdict(rows).set_index(["prompt", "modality"])
    words = study.PROMPT_VARIANTS
    assert table.loc[(words["person"], "visible"), "rise (%)"] == pytest.approx(10)
    assert table.loc[(words["branch"], "infrared"), "rise (%)"] == pytest.approx(100)
    assert table.loc[(words["code"], "visible"), "standard error"] == 0
    assert (table["images"] == 3).all()

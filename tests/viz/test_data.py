"""Figures about data and protocols: they draw, and what they draw is what they were given."""

import numpy as np
import pandas as pd

from vireid_lib.book import retrieval
from vireid_lib.viz import data


def _texts(picture) -> list[str]:
    return [text.get_text() for axes in picture.axes for text in axes.texts]


def test_a_constant_descriptor_is_called_constant():
    table = pd.DataFrame(
        {"visible–visible": [0.9, 0.8], "visible–infrared": [-0.3, np.nan], "identities": 12}, index=["a", "b"]
    )
    picture = data.carried_over(table)
    assert _texts(picture) == ["+0.90", "+0.80", "-0.30", "constant"]
    assert "12 identities" in picture.axes[0].get_xlabel() and picture.axes[0].get_xlim()[0] < -0.3
    assert picture.png()[:4] == b"\x89PNG"


def test_a_ranked_gallery_fades_what_the_rule_removed():
    asked = {"query_id": "A", "query_camera": 3, "rule": "sysu-mm01"}
    ranking = retrieval.ranking([0.1, 0.2, 0.3], ["A", "B", "A"], [2, 1, 4], **asked)
    images = np.zeros((3, 8, 4, 3), np.uint8)
    picture = data.ranked_gallery(images[0], images, ranking, columns=2)
    labels = [axes.get_xlabel() for axes in picture.axes]
    assert labels == ["", "removed\ncam. 2", "1 ✗\ncam. 1", "", "2 ✓\ncam. 4", ""]
    assert picture.axes[1].images[0].get_array().min() > 150 and picture.axes[2].images[0].get_array().max() == 0


def test_each_kind_of_explanation_is_a_row():
    images, heat = np.full((2, 8, 4, 3), 99, np.uint8), np.array([[[0.0, 1.0]], [[-1.0, -2.0]]])
    picture = data.explanations(images, {"one": heat, "two": heat}, labels=["a", "b"])
    assert [picture.axes[place].get_ylabel() for place in (0, 2, 4)] == ["image", "one", "two"]
    drawn = [picture.axes[place].images[1].get_array().tolist() for place in (2, 3)]
    assert drawn == [[[0, 1]], [[0, 0]]]
    assert picture.png()[:4] == b"\x89PNG"

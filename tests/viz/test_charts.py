"""Charts: they draw what they were given, also at the edges."""

import numpy as np
import pandas as pd
from PIL import Image

from vireid_lib import viz as plots
from vireid_lib.analysis import retrieval


def test_lists_show_the_images_ranked_first_that_are_left(made_up_trial, tmp_path):
    features, trial = made_up_trial()
    table = pd.concat([trial.query, trial.gallery]).sort_index()
    for row in table.index:
        path = tmp_path / f"{row}.png"
        Image.fromarray(np.full((8, 4, 3), row, np.uint8)).save(path)
        table.loc[row, "path"] = str(path)
    queries = trial.query.index[:3].tolist()
    picture = plots.retrieval_lists(features, table, trial, "sysu-mm01", queries, ranks=4)
    lines = np.asarray(picture.axes).reshape(3, 5)
    for query, line in zip(queries, lines, strict=True):
        shown = [int(axes.images[0].get_array()[0, 0, 0]) for axes in line]
        expected = retrieval.ranked(features, trial, "sysu-mm01", query).query("not removed").head(4)
        assert shown == [query, *expected["row"]]
        signs = [f"{'✓' if row.right else '✗'} {row.distance:.2f}" for row in expected.itertuples()]
        assert [axes.get_xlabel() for axes in line[1:]] == signs


def _texts(picture):
    return [text.get_text() for axes in picture.axes for text in axes.texts]


def test_differences_fill_only_what_is_established():
    picture = plots.differences(["a", "b", "c"], [2.0, 0.5, 1.0], [1.0, 1.0, np.nan], axis="points")
    faces = [line.get_markerfacecolor() for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert faces[0] != "white" and faces[1:] == ["white", "white"]
    assert {"+2.0 ± 1.0", "+1.0"} <= set(_texts(picture))
    picture = plots.differences(["a", "b"], [2.0, 3.0], [1.0, 1.0], axis="points", established=[False, True])
    faces = [line.get_markerfacecolor() for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert faces[0] == "white" != faces[1], "a corrected verdict overrules the interval"

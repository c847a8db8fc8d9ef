"""Charts: they draw what they were given, also at the edges."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vireid_lib import viz as plots
from vireid_lib.analysis import retrieval
from vireid_lib.viz import distance_panels, panels, sweeps


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


def test_each_kind_of_explanation_is_a_row():
    images, heat = np.full((2, 8, 4, 3), 99, np.uint8), np.array([[[0.0, 1.0]], [[-1.0, -2.0]]])
    picture = plots.explanations(images, {"one": heat, "two": heat}, labels=["a", "b"])
    assert [picture.axes[place].get_ylabel() for place in (0, 2, 4)] == ["image", "one", "two"]
    drawn = [picture.axes[place].images[1].get_array().tolist() for place in (2, 3)]
    assert drawn == [[[0, 1]], [[0, 0]]]


def _drawn(picture):
    with Image.open(io.BytesIO(picture.png())) as image:
        return np.asarray(image.convert("L"))


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


def test_a_piece_that_a_prompt_lacks_is_said_to_be_lacking():
    image = np.full((8, 4, 3), 120, np.uint8)
    maps = [{"[k]": np.full((4, 2), np.nan), "[p]": np.eye(4, 2)}]
    picture = plots.attention_overlays([image], maps, limits=(0, 2))
    assert "not in this prompt" in {axes.get_xlabel() for axes in picture.axes}
    assert _drawn(picture).std() > 5


def test_one_projection_is_shown_by_identity_modality_and_camera():
    labels = {
        "identities": ["s/1", "s/1", "s/2"],
        "modalities": ["visible", "infrared", "visible"],
        "cameras": ["s/1", "s/3", "s/1"],
    }
    picture = panels.projection(np.arange(6.0).reshape(3, 2), **labels)
    legends = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in picture.axes]
    assert legends == [["1", "2"], ["visible", "infrared"], ["1", "3"]]
    with pytest.raises(ValueError, match="one of each per image"):
        panels.projection(np.zeros((2, 2)), **labels)


def test_each_seed_is_a_line_and_each_name_one_entry():
    history = pd.DataFrame({"step": [10, 20, 30], "total": [3.0, 2.0, 1.0]})
    picture = panels.training_curves({"real": [history, history], "dive": [history]}, "total", axis="loss")
    axes = picture.axes[0]
    assert len(axes.lines) == 3
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["real", "dive"]


def test_each_network_has_a_panel_with_its_delta():
    random = np.random.default_rng(0)
    pairs = {
        name: (random.normal(0.4, 0.1, 200), random.normal(0.4 + step, 0.1, 200))
        for name, step in (("baseline", 0.2), ("DEEN", 0.4))
    }
    picture = distance_panels(pairs)
    for axes, (name, (same, different)) in zip(picture.axes, pairs.items(), strict=True):
        assert axes.get_ylabel() == name
        assert f"δ = {different.mean() - same.mean():.3f}" in [text.get_text() for text in axes.texts]


def test_values_are_even_steps_and_the_papers_is_filled():
    table = pd.DataFrame(
        {"value": [0.8, 0.01, 5.0], "mean": [3.0, 1.0, 2.0], "std": [0.1, np.nan, 0.2], "paper": [True, False, False]}
    )
    picture = sweeps({"λ1": table, "α": table}, y="rank-1 (%)")
    axes = picture.axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.01", "0.8", "5"]
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"]
    assert [face != "white" for face in faces] == [False, True, False]

"""The embedding explorer: the true neighbours, and buttons exactly where the points are drawn."""

import re

import numpy as np
import pytest
import torch

from vireid_lib.viz.explorers import embedding, explore_embedding


@pytest.fixture
def points(table):
    return np.random.default_rng(0).normal(size=(len(table), 2))


@pytest.fixture
def features(table):
    return torch.randn(len(table), 8, generator=torch.Generator().manual_seed(0))


def test_neighbours_are_those_of_a_plain_loop(features):
    places, distances = embedding.nearest(features, 3)
    unit = features / features.norm(dim=1, keepdim=True)
    for one in range(len(features)):
        others = sorted((1 - float(unit[one] @ unit[two]), two) for two in range(len(features)) if two != one)[:3]
        assert places[one].tolist() == [two for _, two in others]
        assert distances[one].tolist() == pytest.approx([far for far, _ in others], abs=1e-6)


def test_each_button_lies_on_its_point(table, points, features):
    """Found in the pixels: around each button's place there is its person's colour."""
    import io

    from PIL import Image

    from vireid_lib.viz import identity_colours

    shown = embedding.clickable(embedding.plane(points, table), points, table, features)
    image = np.asarray(Image.open(io.BytesIO(shown.picture.png())).convert("RGB")).astype(int)
    colours = identity_colours(name.rpartition("/")[2] for name in table["identity"])
    crowded = np.sort(np.linalg.norm(points[:, None] - points, axis=2), axis=1)[:, 1] < 0.3
    for (x, y), name, near in zip(shown.places, table["identity"], crowded, strict=True):
        if not near:  # whose marker no other one covers
            row, column = round((1 - y) * image.shape[0]), round(x * image.shape[1])
            wanted = [int(colours[name[-1]][place : place + 2], 16) for place in (1, 3, 5)]
            assert np.abs(image[row - 1 : row + 2, column - 1 : column + 2] - wanted).max() < 12


def test_the_page_has_a_button_and_a_card_for_each_point(table, points, features):
    shown = embedding.clickable(embedding.plane(points, table), points, table, features)
    (data, metadata), page = shown._repr_mimebundle_(), shown.html()
    assert set(data) == {"image/png", "text/plain", "text/html"} and metadata["image/png"]["width"]
    assert page.count('type="radio"') == page.count('<div class="c c') == len(table)
    assert "http" not in page and "<script" not in page, "it must work without network and without scripts"
    assert 'title="person 0, camera 1, visible, real"' in page
    other = embedding.clickable(embedding.plane(points, table, "camera"), points, table, features).html()
    names = [re.search(r'class="point-picture" id="(\w+)"', text).group(1) for text in (page, other)]
    assert names[0] != names[1], "two on one page must not share buttons"


def test_colours_are_by_any_column_and_markers_are_modalities(table, points):
    table = table.assign(source=["dive" if place % 8 == 7 else "real" for place in range(len(table))])
    for scheme in embedding.SCHEMES:
        picture = embedding.plane(points, table, scheme)
        (legend,) = picture.legends
        assert [text.get_text() for text in legend.get_texts()] == sorted(
            {value.rpartition("/")[2] for value in table[scheme]}, reverse=scheme == "modality"
        )
        assert sum(len(each.get_offsets()) for each in picture.axes[0].collections) == len(table)
    words = [text.get_text() for text in picture.axes[0].get_legend().get_texts()]
    assert words == ["visible", "infrared", "synthetic (hollow)"]


def test_points_can_be_clicked_on_a_published_page_too(table, shown, network):
    table = table.assign(seed=None)[["path", "identity", "camera", "modality", "split", "source", "seed"]]
    explore_embedding(table, {"toys": lambda: network}, people=3)
    assert shown[0].picture.alt == "t-SNE of 24 images, coloured by identity; trained on: toys"
    assert shown[0].html().count('type="radio"') == 24 and ":checked)~.cards .c23" in shown[0].html()

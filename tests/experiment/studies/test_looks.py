"""What a study shows besides numbers: people's room on one scale, colour copies, how far a heat map reaches."""

import numpy as np
import pytest
import torch

from vireid_lib import viz as plots
from vireid_lib.analysis.projection import principal_plane
from vireid_lib.analysis.saliency import extent
from vireid_lib.experiment.studies import Row, Study, looks


def test_a_plane_keeps_the_widest_two_directions():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(20, 6, generator=random) * torch.tensor([0.3, 0.2, 0.01, 0.01, 0.01, 0.01])
    features[:, 5] += 10
    points, share = principal_plane(features)
    unit = torch.nn.functional.normalize(features)
    true = torch.cdist(unit, unit).numpy()
    flat = np.linalg.norm(points[:, None] - points, axis=2)
    assert (flat <= true + 1e-6).all() and share > 0.97
    assert np.allclose(points, principal_plane(3 * features)[0], atol=1e-6)
    with pytest.raises(ValueError, match="at least 3"):
        principal_plane(features[:2])


def test_the_extent_of_a_heat_map():
    even, single = torch.ones(1, 4, 2), torch.zeros(1, 4, 2)
    single[0, 1, 1] = 0.5
    assert extent(torch.cat((even, single))).tolist() == pytest.approx([1, 1 / 8])
    assert extent(torch.zeros(1, 4, 2)).isnan().all()


def test_room_is_drawn_on_one_scale():
    plane = plots.PersonPlane("a", np.random.default_rng(0).normal(size=(8, 2)), ["visible", "infrared"] * 4, 0.5)
    line = plots.PersonPlane("a", np.zeros((2, 2)), ["visible", "infrared"], 1.0)
    picture = plots.space_use({"one": [plane], "two": [line]}, title="Room")
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in picture.axes}
    assert len(picture.axes) == 2 and len(limits) == 1
    assert picture.png()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="same people"):
        plots.space_use({"one": [plane], "two": []})


def test_copies_of_one_image_in_turned_hues(tiny_book):
    table = tiny_book.data().train_rows().query("modality == 'visible'").head(2)
    grid = looks.colour_copies(table, turns=2)
    assert len(grid["images"]) == 2 and len(grid["images"][0]) == len(grid["column_labels"]) == 6
    grey = grid["images"][0][1]
    assert (grey[..., 0] == grey[..., 1]).all() and not np.array_equal(grid["images"][0][4], grey)


def test_networks_are_shown_side_by_side(tiny_book):
    study = Study("den", [Row("base", "Base", "baseline")], ())
    planes = looks.room(tiny_book, study, ["base"], seed=0, trained=1, tested=1)
    assert [plane.name.split(":")[0] for plane in planes["Base"]] == ["trained on", "test"]
    assert {len(plane.points) for plane in planes["Base"]} <= set(range(3, 25))
    assert looks.features_of(tiny_book, study, ["base"], seed=0)["Base"].shape[1] == 192
    explained = looks.heat(tiny_book, study, ["base"], seed=0, pairs=2)
    assert len(explained["Base"].images) == 4
    table = looks.extents(explained)
    assert table.loc["Base", "images"] <= 4

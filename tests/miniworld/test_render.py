"""The renderer: what its pictures must have, whatever the person."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from vireid_lib.miniworld import render as rendering
from vireid_lib.miniworld.cameras import CAMERAS, View, sample_view
from vireid_lib.miniworld.people import Cloth, redraw_infrared
from vireid_lib.miniworld.render import render


def _views(people, camera):
    rng = np.random.default_rng(0)
    return [sample_view(rng, CAMERAS[camera]) for _ in people]


def _still(camera, **settings):
    return View(replace(CAMERAS[camera], noise=0.0), **settings)


@pytest.mark.parametrize("cores", [1, 4])
def test_the_number_of_cores_draws_no_other_world(people, cores, monkeypatch):
    seen, real = [], rendering._photograph

    def watched(*arguments):
        seen.append([library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"])
        return real(*arguments)

    monkeypatch.setattr(rendering, "_photograph", watched)
    with threadpool_limits(limits=cores, user_api="blas"):
        render(people[:2], _views(people[:2], "mini_vi/1"), modality="visible")
        assert [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"][0] == cores
    assert seen and set(seen[0]) == {2}


def test_rendering_is_deterministic_and_does_not_depend_on_the_batch(people):
    views = _views(people, "mini_vi/1")
    pictures = render(people, views, modality="visible")
    assert pictures.shape == (24, 128, 64, 3) and pictures.dtype == np.uint8
    assert np.array_equal(pictures, render(people, views, modality="visible"))
    alone = [render([p], [v], modality="visible") for p, v in zip(people, views, strict=True)]
    assert np.array_equal(pictures, np.concatenate(alone))


def test_contact_sheet_shows_a_person_in_every_picture(people):
    """The middle of each picture differs from the empty place; the borders do not."""
    for camera in CAMERAS:
        modality = CAMERAS[camera].modality
        views = [_still(camera, yaw=45.0 * i, stride=0.6, phase=i, backdrop=0.4) for i in range(8)]
        pictures = render(people[:8], views, modality=modality).astype(float)
        away = [replace(view, offset_x=3.0) for view in views]
        change = np.abs(pictures - render(people[:8], away, modality=modality)).max(-1)
        person = change > 12
        assert (person.mean((1, 2)) > 0.08).all() and (person.mean((1, 2)) < 0.5).all()
        assert person[:, 20:100, 24:40].mean() > 3 * person[:, :, :8].mean()
        rows = person.any(2)
        height = np.array([np.ptp(np.flatnonzero(row)) for row in rows])
        assert (height > 75).all()


def test_colour_does_not_carry_over_to_infrared_but_shape_does(people):
    """Recolouring a person leaves the infrared picture as it was; another coat or bag changes it."""
    views = [_still("mini_vi/3", yaw=200.0, backdrop=0.4) for _ in people]
    pictures = render(people, views, modality="infrared").astype(float)

    def dyed(cloth):
        return Cloth("green", (0.1, 0.7, 0.2), cloth.infrared)

    recoloured = [replace(p, upper=replace(p.upper, cloth=dyed(p.upper.cloth))) for p in people]
    assert np.array_equal(pictures, render(recoloured, views, modality="infrared"))
    bags = {"backpack": "none"}
    coats = [replace(p.upper, kind="t-shirt" if p.upper.kind == "coat" else "coat") for p in people]
    reshaped = [replace(p, bag=bags.get(p.bag, "backpack"), upper=u) for p, u in zip(people, coats, strict=True)]
    change = np.abs(pictures - render(reshaped, views, modality="infrared")).mean((1, 2, 3))
    assert (change > 2).all()


def test_redrawn_materials_look_different_in_infrared_and_equal_in_colour(people):
    rng = np.random.default_rng(0)
    redrawn = [redraw_infrared(person, rng) for person in people]
    for camera, same in (("mini_vi/2", True), ("mini_vi/3", False)):
        modality, views = CAMERAS[camera].modality, _views(people, camera)
        before = render(people, views, modality=modality)
        assert np.array_equal(before, render(redrawn, views, modality=modality)) == same

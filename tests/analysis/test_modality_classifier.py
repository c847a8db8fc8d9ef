"""The classifier of modality learns what there is to learn, and is honest where there is nothing."""

import numpy as np

from vireid_lib.analysis.modality_classifier import train_classifier


def _pictures(count, *, colour, slope, seed):
    """Noise in grey or colour; infrared ones are brighter towards the top if `slope`."""
    rng = np.random.default_rng(seed)
    infrared = np.arange(count) % 2 == 1
    pixels = rng.integers(60, 160, (count, 32, 16, 1)).repeat(3, axis=3)
    if slope:
        pixels[infrared] += np.linspace(80, 0, 32).astype(int)[None, :, None, None]
    if colour:
        pixels[~infrared] += np.array([40, 0, -40])
    return pixels.clip(0, 255).astype(np.uint8), infrared, [f"p{i // 4}" for i in range(count)]


def test_the_classifier_in_grey_sees_structure_and_the_one_in_colour_takes_any_grey_picture():
    pixels, infrared, names = _pictures(160, colour=True, slope=True, seed=0)
    in_grey = train_classifier(pixels, infrared, names, grey=True, steps=120)
    in_colour = train_classifier(pixels, infrared, names, grey=False, steps=120)
    assert in_grey.accuracy > 0.95 and in_colour.accuracy > 0.95 and in_grey.held_out == 40
    fresh, marks, _ = _pictures(40, colour=True, slope=True, seed=1)
    assert (in_grey.infrared(fresh) == marks).mean() > 0.95
    copies = fresh[~marks].mean(3, keepdims=True).astype(np.uint8).repeat(3, axis=3)
    assert in_grey.infrared(copies).mean() < 0.1  # a grey copy of a photograph has no infrared structure
    assert "luminance, right on" in str(in_grey) and "40 held-out" in str(in_grey)


def test_with_nothing_to_learn_its_held_out_accuracy_says_so():
    pixels, infrared, names = _pictures(160, colour=False, slope=False, seed=2)
    found = train_classifier(pixels, infrared, names, grey=True, steps=40)
    assert 0.2 < found.accuracy < 0.8

"""Two processes fit every trained generator as one does, and make its pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vireid_lib import generators
from vireid_lib.data.images import load_images
from vireid_lib.generators import parallel
from vireid_lib.generators.translator import Translator

NAMES = generators.names()
TRANSLATORS = [name for name in NAMES if issubclass(generators.generator_class(name), Translator)]
CASES = [
    *((name, {}) for name in (*TRANSLATORS, "dive")),
    ("cyclegan_turbo", {"updates": "each"}),
    ("flow2flow", {"form": "release", "visible_only": 2}),
    ("jsia", {"form": "release", "height": 16, "width": 16}),
]
EVEN = {
    "cyclegan_turbo": {"batch": 2},
    "dive": {"width": 16, "visible_branch": "camera", "branch_norms": True, "average": 0.5},
    "stargan": {"steps": 6},
}
"""Settings that the tests' own do not have: batches that part evenly."""

LIMIT = 0.03
"""Largest difference, as a share of the way that a tensor has gone. Adam makes whole steps of rounding where a gradient
is almost zero."""


def fit(name, config, table, folder, count=1):
    made = generators.build(name, config, device="cpu", progress=False, processes=count, cache=folder.parent / "cache")
    made.fit(table, folder)
    return made


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """What a generator keeps of its training. A shift before a normalisation has no gradient but rounding, so what has
    one dimension is left out, statistics aside."""
    files = [file for file in sorted(folder.rglob("*.safetensors")) if "training" not in file.parts]
    held = {f"{file.stem} {name}": tensor for file in files for name, tensor in load_file(file).items()}
    return {name: tensor.double() for name, tensor in held.items() if tensor.dim() > 1 or "running" in name}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_two_processes_fit_as_one_does(name, changes, tiny, toy_people, tmp_path):
    outside = {} if name == "dive" else {"fit_on": "target+external"}
    config = tiny(name, **EVEN.get(name, {}) | outside | changes)
    one, two = (fit(name, config, toy_people, tmp_path / str(count), count) for count in (1, 2))
    fit(name, config.model_copy(update={"steps": 1}), toy_people, tmp_path / "start")
    here, there, before = (weights(tmp_path / place) for place in ("1", "2", "start"))
    assert here.keys() == there.keys() == before.keys() and len(here) > 1
    for place, tensor in here.items():
        assert (there[place] - tensor).norm() <= LIMIT * (tensor - before[place]).norm(), place
    assert one.history[-1].keys() == two.history[-1].keys()
    assert two.history[-1]["total"] == pytest.approx(one.history[-1]["total"], rel=1e-3)


@pytest.mark.slow
def test_two_processes_make_the_pictures_of_one(tiny, toy_people, tmp_path):
    fit("vi_diff", tiny("vi_diff"), toy_people, tmp_path / "fit")
    pictures = []
    for count in (1, 2):
        made = generators.load("vi_diff", tmp_path / "fit", device="cpu", progress=False, processes=count)
        rows = made.expand(["market/0006", "toy/0001"], ["toy/3"], 3, 5, tmp_path / str(count), source=toy_people)
        pictures.append(np.array(load_images(rows["path"].tolist(), (32, 24), cache=None).pixels).astype(int))
    assert len(pictures[0]) == 6 and np.abs(pictures[0] - pictures[1]).max() <= 1  # rounded
    with pytest.raises(parallel.ProcessFailed, match="a batch of 4 images does not part evenly into 3 processes"):
        fit("vi_diff", tiny("vi_diff"), toy_people, tmp_path / "three", 3)


def test_numbers_of_processes(tiny, toy_people, tiny_table):
    assert [parallel.share_of(16, gpus) for gpus in (0, 1, 2, 3, 6, 8, 20)] == [1, 1, 2, 2, 4, 8, 16]
    assert parallel.gpus("cpu") == 0 and parallel.count_for(generators.build("grayscale", processes=4)) == 1
    found = {}
    for name in (*TRANSLATORS, "dive"):
        config = tiny(name, **{} if name == "dive" else {"fit_on": "target+external"})
        found[name] = generators.build(name, config, device="cpu").batch_divisor(config.fitted_rows(toy_people))
    assert found == {
        "aligngan": 4,  # of 4 paired, 4 external and 4 images for the features
        "cyclegan": 2,
        "cyclegan_turbo": 1,
        "dive": 4,
        "flow2flow": 4,
        "jsia": 4,
        "stargan": 4,
        "vae": 4,
        "vi_diff": 4,  # of both modalities together
    }

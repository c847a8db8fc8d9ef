"""Two processes train every generator as one does, and make its pictures. Run as a script, this file trains all of them
in double precision; so Adam makes no steps of rounding where a gradient is almost zero."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.generators.base import parallel
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.translator import Translator
from vireid_lib.training import processes
from vireid_lib.training.loop import accelerator_for

NAMES = generators.names()
TRANSLATORS = [name for name in NAMES if issubclass(generators.generator_class(name), Translator)]
CASES = {
    **{name: (name, {}) for name in TRANSLATORS},
    "aligngan": ("aligngan", {"feature_warm_up": 0.25, "pixel_warm_up": 0.25}),
    "cyclegan_turbo": ("cyclegan_turbo", {"batch": 2, "updates": "sum"}),
    "cyclegan_turbo, each": ("cyclegan_turbo", {"batch": 2, "updates": "each"}),
    "flow2flow, release": ("flow2flow", {"form": "release", "visible_only": 2, "gradient_clip": 0.1}),
    "jsia, release": ("jsia", {"form": "release", "height": 16, "width": 16, "micro_batch": 2}),
}
STEPS = 4  # all phases of AlignGAN; CycleGAN's pools are full after two


def train(name: str, config: dict, table: Path) -> dict[str, torch.Tensor]:
    """What the first steps leave in a training's networks."""
    generator = generators.build(name, generators.configure(name, config), device="cpu", progress=False)
    rows = generator.config.fitted_rows(tables.load(table))
    torch.manual_seed(0)
    task = generator.make_task(Batches(rows, (generator.config.height, generator.config.width), None))
    for module in (*task.modules.values(), *(each for each in task.extras.values() if hasattr(each, "double"))):
        module.double()
    accelerator = accelerator_for("no", "cpu")
    task.bind(accelerator, seed=0)
    task.prepare(accelerator)
    found = {f"before {place}": tensor.clone() for place, tensor in _tensors(task).items()}
    for step in range(STEPS):
        torch.manual_seed(step)
        task.before_step(step)
        task.step(accelerator, step)
        task.after_step(step)
    task.release(accelerator)
    return found | _tensors(task)


def _tensors(task) -> dict[str, torch.Tensor]:
    held = {f"{name} {key}": value for name, each in task.modules.items() for key, value in each.state_dict().items()}
    return {place: tensor.detach() for place, tensor in held.items() if tensor.is_floating_point()}


@pytest.fixture(scope="module")
def trained(tiny, toy_people, tmp_path_factory):
    """A folder for each number of processes, with a file of weights for each case."""
    root = tmp_path_factory.mktemp("processes")
    tables.save(toy_people, root / "table.csv")
    cases = {}
    for case, (name, changes) in CASES.items():
        config = tiny(name, **{"fit_on": "target+external", "steps": STEPS} | changes)
        cases[case] = (name, config.model_dump(mode="json"))
    (root / "cases.json").write_text(json.dumps(cases))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    for count, start in ((1, []), (2, launcher)):
        (root / str(count)).mkdir()
        command = [sys.executable, *start, __file__, str(root), str(root / str(count))]
        ran = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr[-3000:]
    return root


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_fit_as_one_does(case, trained):
    one, two = (load_file(trained / f"{count}/{case}.safetensors") for count in (1, 2))
    places = [place for place in one if not place.startswith("before ")]
    assert one.keys() == two.keys() and len(places) > 1
    moved = 0
    for place in places:
        way = (one[place] - one[f"before {place}"]).norm()
        assert (two[place] - one[place]).norm() <= 1e-5 * way + 1e-8, place
        moved += bool(way > 1e-4)
    assert moved > len(places) / 3  # the others are frozen


def fit(name, config, table, folder, count=1):
    made = generators.build(name, config, device="cpu", progress=False, processes=count, cache=folder.parent / "cache")
    made.fit(table, folder)
    return made


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """What a generator keeps of its training; not shifts before a normalisation, which learn nothing but rounding."""
    files = [file for file in sorted(folder.rglob("*.safetensors")) if "training" not in file.parts]
    held = {f"{file} {name}": tensor for file in files for name, tensor in load_file(file).items() if tensor.dim() > 1}
    return {place.replace(str(folder), ""): tensor for place, tensor in held.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dive", "vi_diff"])
def test_a_generator_starts_its_processes(name, tiny, toy_people, tmp_path):
    """In single precision: 3 % of the way that a tensor has gone."""
    changes = {"width": 16, "visible_branch": "camera", "branch_norms": True, "average": 0.5} if name == "dive" else {}
    config = tiny(name, **changes)
    one, two = (fit(name, config, toy_people, tmp_path / str(count), count) for count in (1, 2))
    fit(name, config.model_copy(update={"steps": 1}), toy_people, tmp_path / "start")
    here, there, before = (weights(tmp_path / place) for place in ("1", "2", "start"))
    assert here.keys() == there.keys() == before.keys() and len(here) > 1
    for place, tensor in here.items():
        assert (there[place] - tensor).norm() <= 0.03 * (tensor - before[place]).norm(), place
    assert two.history[-1]["total"] == pytest.approx(one.history[-1]["total"], rel=1e-3)
    pictures = []
    for count in (1, 2):
        made = generators.load(name, tmp_path / "1", device="cpu", progress=False, processes=count)
        made = made.expand(["market/0006"], ["toy/3"], 3, 5, tmp_path / f"pictures {count}", source=toy_people)
        pictures.append(np.array(load_images(made["path"].tolist(), (32, 16), cache=None)).astype(int))
    assert len(pictures[0]) == 3 and np.abs(pictures[0] - pictures[1]).max() <= 1  # rounded
    with pytest.raises(parallel.ProcessFailed, match="a batch of 4 images does not part evenly into 3 processes"):
        fit(name, config, toy_people, tmp_path / "three", 3)


def test_numbers_of_processes(tiny, toy_people):
    assert [parallel.share_of(16, gpus) for gpus in (0, 1, 2, 3, 6, 8, 20)] == [1, 1, 2, 2, 4, 8, 16]
    assert parallel.gpus("cpu") == 0 and parallel.count_for(generators.build("grayscale", processes=4)) == 1
    assert processes.count() == 1 and processes.index() == 0
    for name, parts in {"aligngan": 2, "cyclegan_turbo": 1, "vae": 4}.items():
        config = tiny(name, fit_on="target+external")
        assert generators.build(name, config, device="cpu").batch_divisor(config.fitted_rows(toy_people)) == parts


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    processes.join("cpu")
    root, out = map(Path, sys.argv[1:])
    for case, (name, config) in json.loads((root / "cases.json").read_text()).items():
        held = train(name, config, root / "table.csv")
        if processes.index() == 0:
            save_file({place: tensor.contiguous() for place, tensor in held.items()}, out / f"{case}.safetensors")

"""Two processes fit networks that train in turns as one does. Run as a script, this file is one of the processes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from vireid_lib.data import tables
from vireid_lib.generators import build, generator_class, load

SHARED = {
    "height": 32,
    "width": 24,
    "generator_width": 4,
    "blocks": 1,
    "discriminator_width": 4,
    "batch": 4,
    "steps": 12,
    "checkpoint_every": 4,
    "shortcut": False,
    "discriminator_halvings": 3,
}
SETTINGS = {"cyclegan": {"pool": 6, "generator_halvings": 2, "identity_weight": 5.0}, "stargan": {"critic_steps": 3}}


def fit(name: str, table: Path, folder: Path, **changes: object):
    config = generator_class(name).config_class.small(**SHARED | SETTINGS[name] | changes)
    generator = build(name, config, device="cpu", progress=False)
    generator.fit(tables.load(table), folder)
    return generator


def start(count: int, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", __file__]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([*command, *map(str, arguments)], env=environment, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_two_processes_fit_as_one_does(name, toy_people, tmp_path):
    """CycleGAN's pools are full after two steps, and then give each process pictures that the other one made."""
    table = tmp_path / "table.csv"
    tables.save(toy_people, table)
    alone = fit(name, table, tmp_path / "alone")
    ran = start(2, name, table, tmp_path / "two")
    assert ran.returncode == 0, ran.stderr[-2000:]
    shared = load_file(tmp_path / "two/networks.safetensors")
    first = fit(name, table, tmp_path / "start", steps=1).networks.state_dict()
    for place, tensor in alone.networks.state_dict().items():
        # A shift before a normalisation has no gradient, and Adam makes steps of its rounding: biases, and the weights
        # of StarGAN's labels, which are the same at each pixel.
        if tensor.dim() > 1:
            here, there, before = (
                each[:, :3] if place == "generator.layers.0.weight" else each
                for each in (tensor, shared[place], first[place])
            )
            assert (there - here).norm() < 0.03 * (here - before).norm(), place
    images = np.random.default_rng(0).integers(0, 255, (4, 32, 24, 3), dtype=np.uint8)
    two = load(name, tmp_path / "two", device="cpu", progress=False)
    difference = two.translate(images, "", "toy/3").astype(int) - alone.translate(images, "", "toy/3")
    assert np.abs(difference).max() <= 1  # rounded
    ran = start(3, name, table, tmp_path / "three")
    assert ran.returncode and "a batch of 4 does not part evenly into 3 processes" in ran.stderr


if __name__ == "__main__":
    fit(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))

"""Rows, means and batch normalisation over the parts of a batch, against the whole batch in one process.

Run as a script, this file is one of two processes."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from vireid_lib.training import processes, whole_batch


def computed(processes_share: bool) -> dict[str, torch.Tensor]:
    """Losses that need the whole batch, and what they leave in a network, in double precision."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 1)).double()
    images = torch.randn(6, 2, 5, 4, dtype=torch.float64)
    if processes_share:
        whole_batch.share_statistics(network)
    maps = network(whole_batch.part(images))
    features = whole_batch.rows(maps.mean((2, 3)))
    apart = torch.cdist(features, features).mean()
    spread = whole_batch.mean(maps.square().mean()).log()
    loss = apart + spread + (maps.flatten(1).sum(1) ** 3).mean()  # the last is a mean over images
    loss.backward()
    whole_batch.average_gradients(list(network.parameters()))
    whole_batch.unshare_statistics(network)
    found = {f"gradient of {name}": value.grad for name, value in network.named_parameters()}
    found |= {name: value for name, value in network.named_buffers()}
    return found | {"features": features.detach(), "eval": network.eval()(images).detach()}


@pytest.mark.slow
def test_two_processes_compute_what_one_does(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__]
    subprocess.run([*command, str(tmp_path)], check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    expected = computed(False)
    for process in (0, 1):
        found = load_file(tmp_path / f"{process}.safetensors")
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("norm", "shape"), [(nn.BatchNorm2d(3), (4, 3, 5, 2)), (nn.BatchNorm1d(3, affine=False), (4, 3))]
)
def test_normalisation_is_torchs(norm, shape):
    torch.manual_seed(0)
    maps = torch.randn(shape).requires_grad_()
    there = type(norm)(3, affine=norm.affine)
    weights = torch.randn(shape)
    for _ in range(2):
        ours, theirs = whole_batch.normalise(norm, maps), there(maps)
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(*(torch.autograd.grad((each * weights).sum(), maps)[0] for each in (ours, theirs)))
    for name, value in there.state_dict().items():
        torch.testing.assert_close(norm.state_dict()[name], value)
    assert torch.equal(whole_batch.normalise(norm.eval(), maps), norm(maps))


def test_alone_nothing_is_shared():
    images, norm = torch.randn(3, 2), nn.BatchNorm1d(2)
    whole_batch.share_statistics(norm)
    assert "forward" not in vars(norm)
    for share in (whole_batch.part, whole_batch.rows, whole_batch.mean):
        assert torch.equal(share(images), images)


if __name__ == "__main__":
    processes.join("cpu")
    save_file({k: v.contiguous() for k, v in computed(True).items()}, f"{sys.argv[1]}/{processes.index()}.safetensors")

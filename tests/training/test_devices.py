"""A device that is not here is refused before anything is made; "cuda:1" is the second GPU wherever one computes."""

import pytest
import torch

from vireid_lib import experiment
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile_files import load_profile, profiles_folder
from vireid_lib.experiment.runner import run_book
from vireid_lib.generators import build
from vireid_lib.generators.base import parallel
from vireid_lib.miniworld import pretrain
from vireid_lib.training import devices
from vireid_lib.training.loop import accelerator_for


def machine(monkeypatch, gpus):
    """A machine with so many GPUs, as far as one can tell without computing; gives those that torch is told to mean."""
    current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.mps, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: current.append(str(device)))
    monkeypatch.setattr("accelerate.state.check_cuda_p2p_ib_support", lambda: True)
    return current


@pytest.fixture
def without(monkeypatch):
    return machine(monkeypatch, 0)


@pytest.fixture
def two(monkeypatch):
    return machine(monkeypatch, 2)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:1", "mps"])
def test_what_is_not_here_is_refused(without, tmp_path, name):
    profile = load_profile("smoke").model_copy(update={"device": name})
    for ask in (
        lambda: devices.resolved(name),
        lambda: Run(profile, tmp_path / "ws").device,
        lambda: accelerator_for("no", name),
        lambda: build("cyclegan", device=name),
        lambda: pretrain.pretrain(tmp_path / "bank", device=name),
    ):
        with pytest.raises(ValueError, match=f"device '{name}' is not here .torch .* finds 0"):
            ask()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("start", [lambda path, ws: run_book(path, workspace=ws), experiment.open])
def test_a_book_on_a_device_that_is_not_here_does_not_start(without, tmp_path, start):
    path, text = tmp_path / "mine.yaml", (profiles_folder() / "smoke.yaml").read_text()
    path.write_text(text.replace("name: smoke", "name: mine") + "device: cuda\n")
    with pytest.raises(ValueError, match="profile mine: key device: device 'cuda' is not here"):
        start(str(path), tmp_path / "ws")
    assert not (tmp_path / "ws").exists()


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:cpu"])
def test_what_is_no_device_is_refused(name):
    with pytest.raises(ValueError, match=f"device '{name}' is none that torch knows"):
        devices.resolved(name)


def test_the_number_counts_the_gpus(two):
    assert str(devices.resolved("cuda:1")) == "cuda:1" and two == ["cuda:1"]
    with pytest.raises(ValueError, match="torch .* finds 2"):
        devices.resolved("cuda:2")
    assert str(devices.resolved("auto")) == str(devices.resolved(None)) == str(devices.resolved("cuda")) == "cuda"
    assert parallel.gpus("cuda") == 2 and parallel.gpus("cuda:1") == 0


@pytest.mark.parametrize("name", ["cuda:1", "cuda:0", "cuda"])
def test_a_training_takes_the_gpu_that_was_asked_for(two, monkeypatch, name):
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "cpu")  # of another program: it is not listened to
    with pytest.warns(UserWarning, match="ignored: ACCELERATE_TORCH_DEVICE=cpu"):
        assert str(accelerator_for("no", name).device) == name
    assert two == [name] * (":" in name)
    assert str(build("cyclegan", device=name).device) == name
    assert Run(load_profile("smoke").model_copy(update={"device": name}), "unused").device == name
    monkeypatch.delenv("ACCELERATE_TORCH_DEVICE")
    assert str(accelerator_for("no", "cpu").device) == "cpu"

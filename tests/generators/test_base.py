"""The base model: any scheduler it was saved with gives one picture, keys follow files, half precision is undone."""

import json
import shutil

import diffusers
import numpy as np
import pytest
import torch
from listings import listing
from safetensors.torch import load_file
from torch import nn

from vireid_lib.generators.cyclegan_turbo.config import CycleGanTurboConfig
from vireid_lib.generators.dive.base_model import frozen_in, load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.noise_schedule import noise_schedule, sampler
from vireid_lib.generators.dive.prompts import Vocabulary
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.project import project_root

SCHEDULERS = {
    "DEISMultistepScheduler": {"algorithm_type": "deis", "solver_type": "logrho"},
    "DPMSolverMultistepScheduler": {"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
    "DPMSolverSinglestepScheduler": {"algorithm_type": "dpmsolver", "lower_order_final": False},
    "DPMSolverSDEScheduler": {"use_karras_sigmas": True},
    "UniPCMultistepScheduler": {"solver_type": "bh2", "predict_x0": False, "timestep_spacing": "leading"},
    "EulerDiscreteScheduler": {"use_karras_sigmas": True, "timestep_spacing": "trailing"},
    "EulerAncestralDiscreteScheduler": {"timestep_spacing": "leading"},
    "HeunDiscreteScheduler": {"use_exponential_sigmas": True},
    "KDPM2AncestralDiscreteScheduler": {},
    "LMSDiscreteScheduler": {"use_beta_sigmas": False, "steps_offset": 3},
    "PNDMScheduler": {"skip_prk_steps": True, "set_alpha_to_one": False},
    "DDPMScheduler": {"variance_type": "learned_range", "thresholding": True, "clip_sample": True},
    "LCMScheduler": {"original_inference_steps": 10},
    "SASolverScheduler": {"algorithm_type": "noise_prediction"},
}


@pytest.fixture
def base(tiny_base, tmp_path):
    """A copy of the tiny base model, to be spoilt."""
    return shutil.copytree(tiny_base, tmp_path / "base")


def picture(base):
    config = DiveConfig(base_model=str(base), height=32, width=16, lora_rank=2, code_length=4)
    words = Vocabulary(["x/1"], {"x/3": "abcd"}, {"x/3": "x/3"}, {"x/3": "shared"})
    model = DiveModel(load_base(str(base)), words, config)
    return sample(model, [Request("x/1", "x/3", 1)], steps=4, guidance=2.0)


@pytest.fixture(scope="module")
def expected(tiny_base):
    return picture(tiny_base)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_scheduler_that_a_model_was_saved_with_changes_nothing(base, name, expected):
    """Its files are written as diffusers would, had the model been saved with it."""
    assert hasattr(diffusers, name)
    index, file = base / "model_index.json", base / "scheduler/scheduler_config.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"scheduler": ["diffusers", name]}))
    saved = json.loads(file.read_text())
    noise = ("beta_start", "beta_end", "beta_schedule", "num_train_timesteps", "prediction_type")
    file.write_text(json.dumps({key: saved[key] for key in noise} | SCHEDULERS[name] | {"_class_name": name}))
    assert np.array_equal(picture(base), expected)


def test_a_schedule_is_what_the_saved_scheduler_means_by_it():
    """Defaults differ by class: what a file leaves out is that class's, not ours."""
    for name in ("LCMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler"):
        saved = getattr(diffusers, name)()
        found = noise_schedule({"_class_name": name}, "a model")
        torch.testing.assert_close(found.alphas_cumprod, saved.alphas_cumprod)
        torch.testing.assert_close(sampler(found, "linspace").alphas_cumprod, saved.alphas_cumprod)


PARTS = {"text_encoder": "model", "unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model"}


@pytest.mark.parametrize("part", PARTS)
def test_the_key_follows_weights_of_any_format(base, part, expected):
    old = base / part / f"{PARTS[part]}.safetensors"
    file = base / part / ("pytorch_model.bin" if part == "text_encoder" else f"{PARTS[part]}.bin")
    torch.save(load_file(old), file)  # as torch saved it
    old.unlink()
    assert np.array_equal(picture(base), expected)
    config, turbo = DiveConfig(base_model=str(base)), CycleGanTurboConfig.small(base_model=str(base))
    before, tensors = [config.fit_settings(), turbo.fit_settings()], torch.load(file, weights_only=True)
    next(iter(tensors.values())).view(-1)[-1] += 1
    torch.save(tensors, file)
    assert config.fit_settings() != before[0] and turbo.fit_settings() != before[1]


def test_plain_diffusers_draws_with_the_miniature_model_as_its_page_says(monkeypatch):
    monkeypatch.chdir(project_root())
    names = {}
    exec(listing("The miniature Stable Diffusion", "vireid_lib/miniworld/base_model/README.md"), names)
    red, green, blue = np.asarray(names["image"], float)[18:32, 10:22].mean((0, 1))  # the coat
    assert names["image"].size == (32, 64) and red > 1.3 * max(green, blue)


@pytest.fixture
def network() -> nn.Module:
    """Two layers, of which the first is frozen."""
    network = nn.Sequential(nn.Linear(1024, 1024), nn.Linear(1024, 4))
    network[0].requires_grad_(False)
    return network


@pytest.mark.parametrize("kept_on", [None, "cpu"])
def test_afterwards_it_is_as_it_was(network, kept_on):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(RuntimeError, match="in the middle"), frozen_in(network, torch.bfloat16, kept_on=kept_on):
        assert [layer.weight.dtype for layer in network] == [torch.bfloat16, torch.float32]
        assert (network[0].weight != before["0.weight"]).any()  # rounded: the copy is what is used
        raise RuntimeError("in the middle")
    after = network.state_dict()
    assert all(torch.equal(after[name], value) and after[name].dtype == value.dtype for name, value in before.items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_weights_that_wait_in_host_memory_leave_the_gpu(network):
    network.cuda()
    before, held = {name: value.clone() for name, value in network.state_dict().items()}, {}
    for kept_on in (None, "cpu"):
        start = torch.cuda.memory_allocated()
        with frozen_in(network, torch.bfloat16, kept_on=kept_on):
            held[kept_on] = torch.cuda.memory_allocated() - start
        assert torch.cuda.memory_allocated() == start
    assert held[None] > 0 > held["cpu"]
    assert all(value.is_cuda and torch.equal(value, before[name]) for name, value in network.state_dict().items())

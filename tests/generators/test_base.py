"""The base model: any scheduler it was saved with gives one picture, broken files are named, and keys follow files."""

import json
import shutil

import diffusers
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig, CLIPVisionModel

from vireid_lib.generators.cyclegan_turbo.config import CycleGanTurboConfig
from vireid_lib.generators.cyclegan_turbo.discriminators import make_discriminator
from vireid_lib.generators.dive.base import fingerprint, load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.noise_schedule import noise_schedule, sampler
from vireid_lib.generators.dive.prompts import Vocabulary
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.training.weights import WeightsError

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


def save_scheduler(base, name, settings):
    """Write the scheduler's files as diffusers would, had the model been saved with it."""
    index, file = base / "model_index.json", base / "scheduler/scheduler_config.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"scheduler": ["diffusers", name]}))
    noise = {
        key: json.loads(file.read_text())[key]
        for key in ("beta_start", "beta_end", "beta_schedule", "num_train_timesteps", "prediction_type")
    }
    file.write_text(json.dumps(noise | settings | {"_class_name": name}))


def picture(base):
    config = DiveConfig(base_model=str(base), height=32, width=16, lora_rank=2, code_length=4)
    words = Vocabulary(["x/1"], {"x/3": "abcd"}, {"x/3": "x/3"}, {"x/3": "shared"})
    model = DiveModel(load_base(str(base)), words, config, seed=0)
    return sample(model, [Request("x/1", "x/3", 1)], steps=4, guidance=2.0)


@pytest.fixture(scope="module")
def expected(tiny_base):
    return picture(tiny_base)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_scheduler_that_a_model_was_saved_with_changes_nothing(base, name, expected):
    assert hasattr(diffusers, name)
    save_scheduler(base, name, SCHEDULERS[name])
    for _ in range(2):
        assert np.array_equal(picture(base), expected)


def test_a_schedule_is_what_the_saved_scheduler_means_by_it():
    """Defaults differ by class: what a file leaves out is that class's, not ours."""
    for name in ("LCMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler"):
        saved = getattr(diffusers, name)()
        found = noise_schedule({"_class_name": name}, "a model")
        torch.testing.assert_close(found.alphas_cumprod, saved.alphas_cumprod)
        torch.testing.assert_close(sampler(found, "linspace").alphas_cumprod, saved.alphas_cumprod)


def test_a_scheduler_without_such_a_schedule_is_refused():
    with pytest.raises(ValueError, match="base_model x was saved with FlowMatchEulerDiscreteScheduler, which has no"):
        noise_schedule({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}, "base_model x")


PARTS = {"text_encoder": "model", "unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model"}
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 97\n"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (LFS, "Git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"", "is empty"),
        (None, "cut short"),
    ],
)
def test_a_broken_file_is_named(base, part, data, words):
    file = base / part / f"{PARTS[part]}.safetensors"
    file.write_bytes(file.read_bytes()[:-100] if data is None else data)
    with pytest.raises(ValueError, match=f"{part}/{file.name} .*{words}"):
        load_base(str(base))


@pytest.mark.parametrize("part", PARTS)
def test_weights_that_are_missing_or_not_finite_are_named(base, part):
    file = base / part / f"{PARTS[part]}.safetensors"
    tensors = load_file(file)
    name = next(name for name in sorted(tensors) if name.endswith("norm1.weight"))
    save_file({key: value for key, value in tensors.items() if key != name}, file, {"format": "pt"})
    with pytest.raises(WeightsError, match=f"weights of {part} lack 1 tensors, the first .*norm1.weight"):
        load_base(str(base))
    for value in (float("nan"), float("inf")):
        save_file(tensors | {name: torch.full_like(tensors[name], value)}, file, {"format": "pt"})
        with pytest.raises(WeightsError, match=f"{part}: .*norm1.weight holds values that are no finite numbers"):
            load_base(str(base))


@pytest.mark.parametrize("file", ["scheduler/scheduler_config.json", "unet/config.json", "text_encoder/config.json"])
def test_a_broken_setting_is_named(base, file):
    (base / file).write_bytes(LFS)
    with pytest.raises(ValueError, match=f"{file} is not valid JSON"):
        load_base(str(base))


def test_a_part_or_a_model_that_is_not_there(base, tmp_path):
    shutil.rmtree(base / "vae")
    with pytest.raises(FileNotFoundError, match="lacks vae"):
        load_base(str(base))
    (tmp_path / "single.safetensors").write_bytes(b"")
    for name in (tmp_path / "single.safetensors", tmp_path):
        with pytest.raises(FileNotFoundError, match="no folder with a model_index.json"):
            load_base(str(name))


def save_as_bin(base, part):
    """The old form of a part's weights, as torch saved it."""
    old = base / part / f"{PARTS[part]}.safetensors"
    new = base / part / ("pytorch_model.bin" if part == "text_encoder" else f"{PARTS[part]}.bin")
    torch.save(load_file(old), new)
    old.unlink()
    return new


@pytest.mark.parametrize("part", PARTS)
def test_the_key_follows_weights_of_any_format(base, part, expected):
    file = save_as_bin(base, part)
    assert np.array_equal(picture(base), expected)
    config = DiveConfig(base_model=str(base), height=32, width=16)
    before, tensors = config.fit_settings(), torch.load(file, weights_only=True)
    next(iter(tensors.values())).view(-1)[-1] += 1
    torch.save(tensors, file)
    assert config.fit_settings() != before
    turbo = CycleGanTurboConfig.small(base_model=str(base))
    there = turbo.fit_settings()
    file.write_bytes(b"other")
    assert turbo.fit_settings() != there


def test_the_key_follows_the_last_byte_and_the_settings(base):
    keys = [fingerprint(str(base))]
    weights = base / "unet/diffusion_pytorch_model.safetensors"
    with open(weights, "r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    keys.append(fingerprint(str(base)))
    save_scheduler(base, "DDPMScheduler", {"rescale_betas_zero_snr": True})
    keys.append(fingerprint(str(base)))
    (base / "README.md").write_text("nothing that is read")
    assert len(set(keys)) == 3 and fingerprint(str(base)) == keys[-1]


def test_a_judge_is_read_as_carefully(tmp_path):
    encoder = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            image_size=32,
            patch_size=16,
        )
    )
    encoder.save_pretrained(tmp_path / "judge")
    config = CycleGanTurboConfig.small(judge_model=str(tmp_path / "judge"))
    make_discriminator(config)
    key, file = config.fit_settings(), tmp_path / "judge/model.safetensors"
    tensors = load_file(file)
    name = sorted(tensors)[0]
    save_file(tensors | {name: tensors[name] * float("nan")}, file, {"format": "pt"})
    assert config.fit_settings() != key
    with pytest.raises(WeightsError, match=f"judge_model .*{name.split('.')[-1]} holds values"):
        make_discriminator(config)
    save_file({other: tensors[other] for other in tensors if other != name}, file, {"format": "pt"})
    with pytest.raises(ValueError, match="lacks 1 weights"):
        make_discriminator(config)
    file.write_bytes(LFS)
    with pytest.raises(WeightsError, match="judge_model .*model.safetensors is a Git LFS pointer"):
        make_discriminator(config)

"""The base model's recipe: tokenizer, bank, resumable training, a folder that plain diffusers loads."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from vireid_lib.miniworld import captions, pretrain_networks
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.pretrain import pretrain
from vireid_lib.miniworld.pretrain_networks import (
    MONOCHROME,
    BankConfig,
    CaptionerConfig,
    DenoiserConfig,
    PretrainConfig,
    TextConfig,
    VaeConfig,
    build_text,
    build_tokenizer,
)
from vireid_lib.miniworld.pretrain_tasks import DenoiserTask, monochrome, write_prompt

BASE_MODEL = Path(pretrain_networks.__file__).parent / "base_model"
TINY = PretrainConfig(
    bank=BankConfig(images=80, held_out=8),
    vae=VaeConfig(channels=(8, 8, 16), latent_channels=4, groups=4, steps=3, batch=4),
    text=TextConfig(width=16, layers=1, heads=2),
    denoiser=DenoiserConfig(channels=(8, 16, 16), groups=4, steps=4, batch=4, warmup=2),
    captioner=CaptionerConfig(channels=(8, 8, 8, 8), steps=3, batch=4),
)
MIXED = TINY.model_copy(update={"denoiser": TINY.denoiser.model_copy(update={"monochrome": 0.5})})


def test_every_caption_word_is_one_token_and_any_string_can_be_told_apart():
    tokenizer = build_tokenizer(captions.vocabulary(), max_length=40)
    for word in captions.vocabulary():
        assert len(tokenizer.tokenize(word)) == 1 + 2 * word.count("-")
    first, second = (tokenizer(code).input_ids for code in ("b8zBXKoH", "q3rTWmeY"))
    assert first != second and tokenizer.unk_token_id not in first[1:-1]
    assert tokenizer.add_tokens(["<id-0>"]) == 1
    assert "<id-0>" in tokenizer.tokenize("a b8zBXKoH photo of <id-0> person")


def test_the_shipped_tokenizer_is_rebuilt_and_captions_fit(tmp_path):
    tokenizer, _ = build_text(TextConfig(), seed=0)
    tokenizer.save_pretrained(tmp_path)
    shipped = BASE_MODEL / "tokenizer/tokenizer.json"
    assert json.loads((tmp_path / "tokenizer.json").read_text()) == json.loads(shipped.read_text())
    told = map(captions.caption, islice(people_stream(0, "pretraining"), 300))
    longest = max(len(tokenizer(f"a street photo of {each}").input_ids) for each in told)
    assert longest <= TextConfig().length


def test_prompts_drop_and_shorten():
    rng = np.random.default_rng(0)
    config = DenoiserConfig(drop_caption=0.5, shorten=0.5, name_scene=0.5)
    caption = "bald person wearing red coat, black trousers, white shoes"
    prompts = {write_prompt(caption, "street", config, rng) for _ in range(200)}
    assert {"", f"a photo of {caption}", f"a street photo of {caption}"} < prompts
    turned = {write_prompt(caption, "street", config, rng, monochrome=True) for _ in range(200)}
    assert {"", f"a monochrome photo of {caption}", f"a monochrome street photo of {caption}"} < turned
    assert all("monochrome" in prompt for prompt in turned - {""})
    known = set(captions.vocabulary()) | {"a", "street", "photo", "of"}
    assert all(word.strip(",") in known for prompt in prompts for word in prompt.split())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each recipe, from nothing: its folder, and what its denoiser was fed, step by step."""
    found, real = {}, DenoiserTask.losses
    for name, config in (("plain", TINY), ("mixed", MIXED)):
        folder, fed = tmp_path_factory.mktemp(name), []

        def watched(self, step, fed=fed):
            network = self.modules["network"]
            self.modules["network"] = lambda ids, noised, times: (
                fed.append((ids, noised)) or network(ids, noised, times)
            )
            try:
                return real(self, step)
            finally:
                self.modules["network"] = network

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DenoiserTask, "losses", watched)
            pretrain(folder, config=config, device="cpu", progress=False)
        found[name] = folder, fed
    return found


UNET, VAE = (f"model/{part}/diffusion_pytorch_model.safetensors" for part in ("unet", "vae"))


def test_a_stopped_run_resumes_bit_for_bit_and_diffusers_loads_the_result(runs, tmp_path, monkeypatch):
    options = dict(config=TINY, device="cpu", checkpoint_every=2, progress=False)
    real = DenoiserTask.losses

    def stops(self, step):
        if step == 3:
            raise KeyboardInterrupt
        return real(self, step)

    monkeypatch.setattr(DenoiserTask, "losses", stops)
    with pytest.raises(KeyboardInterrupt):
        pretrain(tmp_path, **options)
    monkeypatch.setattr(DenoiserTask, "losses", real)
    recipe = pretrain(tmp_path, **options)
    assert recipe["steps"] == {"vae": 3, "denoiser": 4, "captioner": 3} and 0 < recipe["quality"]["psnr"] < 60
    assert 0 <= recipe["quality"]["captioner"]["words"] <= 1
    assert json.loads((tmp_path / "model" / "recipe.json").read_text()) == recipe
    for name in ("model/captioner/model.safetensors", UNET, VAE):
        whole, parts = (load_file(folder / name) for folder in (runs["plain"][0], tmp_path))
        assert all(torch.equal(tensor, parts[key]) for key, tensor in whole.items())
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "model", safety_checker=None)
    assert pipeline.vae.config.scaling_factor > 0 and pipeline.scheduler.config.prediction_type == "v_prediction"


def test_monochrome_pictures_are_grey_and_no_two_alike():
    images = torch.rand(1, 3, 16, 8, generator=torch.Generator().manual_seed(0)).expand(40, -1, -1, -1) * 2 - 1
    turned = monochrome(images, torch.Generator().manual_seed(1))
    assert torch.equal(turned[:, 0], turned[:, 1]) and torch.equal(turned[:, 0], turned[:, 2])
    assert turned.min() >= -1 and turned.max() <= 1
    light, contrast = turned.mean((1, 2, 3)), turned.std((1, 2, 3))
    assert light.std() > 0.1 and contrast.max() > 1.3 * contrast.min()  # exposure, tone curve, contrast
    assert (torch.corrcoef(turned[:, 0].flatten(1)).amin(1) < 0.99).all()  # grain, and how colours count


def test_a_share_of_the_batch_is_monochrome_and_the_rest_as_without(runs):
    """The pictures that the denoiser sees, and what it is told of them."""
    (_, plain), (folder, mixed) = runs["plain"], runs["mixed"]
    tokenizer = StableDiffusionPipeline.from_pretrained(folder / "model", safety_checker=None).tokenizer
    (word,) = tokenizer(MONOCHROME, add_special_tokens=False).input_ids
    turned = 0
    for (ids, noised), (mixed_ids, other) in zip(plain, mixed, strict=True):
        same = (noised == other).flatten(1).all(1)
        told = (mixed_ids == word).any(1)
        assert not (told & same).any() and torch.equal(ids[same], mixed_ids[same])
        turned += int((~same).sum())
    assert 4 <= turned <= 12  # of 16, a half


def test_the_shipped_model_is_small_and_made_with_the_defaults():
    weights = list(BASE_MODEL.rglob("*.safetensors"))
    assert len(weights) == 4 and sum(file.stat().st_size for file in weights) <= 12e6
    recipe = json.loads((BASE_MODEL / "recipe.json").read_text())["config"]
    assert PretrainConfig.model_validate_json(json.dumps(recipe)) == PretrainConfig()

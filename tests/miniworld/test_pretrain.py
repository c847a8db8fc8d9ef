"""The base model's recipe: tokenizer, bank, resumable training, a folder that plain diffusers loads."""

import json
from itertools import islice

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file
from toys import stopped

from vireid_lib.generators.dive.base_model import EMBEDDED
from vireid_lib.miniworld import captions
from vireid_lib.miniworld import pretrain as script
from vireid_lib.miniworld.people import people_stream


def tiny(**denoiser):
    return script.recipe(
        bank={"images": 16, "held_out": 4},
        vae={"channels": (8, 8, 16), "latent_channels": 4, "groups": 4, "steps": 3, "batch": 4},
        text={"width": 16, "layers": 1, "heads": 2},
        denoiser={"channels": (8, 16, 16), "groups": 4, "steps": 4, "batch": 4, "warmup": 2} | denoiser,
        captioner={"channels": (8, 8, 8, 8), "steps": 3, "batch": 4},
    )


RED = "bald person wearing red coat, black trousers, white shoes"


def test_every_caption_word_is_one_token_and_any_string_can_be_told_apart():
    tokenizer = script.build_tokenizer(captions.vocabulary(), max_length=40)
    for word in captions.vocabulary():
        assert len(tokenizer.tokenize(word)) == 1 + 2 * word.count("-")
    first, second = (tokenizer(code).input_ids for code in ("b8zBXKoH", "q3rTWmeY"))
    assert first != second and tokenizer.unk_token_id not in first[1:-1]
    assert tokenizer.add_tokens(["<id-0>"]) == 1
    assert "<id-0>" in tokenizer.tokenize("a b8zBXKoH photo of <id-0> person")


def test_the_shipped_model_is_small_and_its_tokenizer_takes_whole_captions(tmp_path):
    weights = list(EMBEDDED.rglob("*.safetensors"))
    assert len(weights) == 4 and sum(file.stat().st_size for file in weights) <= 12e6
    tokenizer, _ = script.build_text(script.recipe())
    tokenizer.save_pretrained(tmp_path)
    files = (folder / "tokenizer.json" for folder in (tmp_path, EMBEDDED / "tokenizer"))
    assert len({json.dumps(json.loads(file.read_text())) for file in files}) == 1
    told = map(captions.caption, islice(people_stream(0, "pretraining"), 300))
    longest = max(len(tokenizer(f"a street photo of {each}").input_ids) for each in told)
    assert longest <= tokenizer.model_max_length == 48
    with pytest.raises(ValueError, match="vae has no setting 'step'"):
        script.recipe(vae={"step": 1})
    with pytest.raises(ValueError, match="autoencoder has no setting 'steps'"):
        script.recipe(autoencoder={"steps": 1})


@pytest.mark.parametrize("kind", [[], ["monochrome"]])
def test_prompts_drop_and_shorten(kind):
    rng, told = np.random.default_rng(0), {"monochrome": bool(kind)}
    settings = tiny(drop_caption=0.5, shorten=0.5, name_scene=0.5).denoiser
    prompts = {script.write_prompt(RED, "street", settings, rng, **told) for _ in range(200)}
    assert {"", *(" ".join(["a", *kind, *scene, "photo of", RED]) for scene in ([], ["street"]))} < prompts
    assert all(prompt.split()[1:2] == kind for prompt in prompts - {""} if kind)
    known = {*captions.vocabulary(), *kind, "a", "street", "photo", "of"}
    assert all(word.strip(",") in known for prompt in prompts for word in prompt.split())


def test_a_stopped_run_resumes_bit_for_bit_and_diffusers_loads_the_result(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = dict(config=tiny(), device="cpu", checkpoint_every=2, progress=False)
    script.pretrain(whole, **options)
    with stopped(script.DenoiserTask, 3):
        script.pretrain(parts, **options)
    made = script.pretrain(parts, **options)
    assert made["steps"] == {"vae": 3, "denoiser": 4, "captioner": 3} and 0 < made["quality"]["psnr"] < 60
    assert 0 <= made["quality"]["captioner"]["words"] <= 1
    assert json.loads((parts / "model" / "recipe.json").read_text()) == made
    files = [file.relative_to(whole) for file in (whole / "model").rglob("*.safetensors")]
    assert len(files) == 4
    for file in files:
        one, other = load_file(whole / file), load_file(parts / file)
        assert all(torch.equal(tensor, other[key]) for key, tensor in one.items()), file
    pipeline = StableDiffusionPipeline.from_pretrained(parts / "model", safety_checker=None)
    assert pipeline.vae.config.scaling_factor > 0 and pipeline.scheduler.config.prediction_type == "v_prediction"


def test_monochrome_pictures_are_grey_and_no_two_alike():
    images = torch.rand(1, 3, 16, 8, generator=torch.Generator().manual_seed(0)).expand(40, -1, -1, -1) * 2 - 1
    turned = script.monochrome(images, torch.Generator().manual_seed(1))
    assert torch.equal(turned[:, 0], turned[:, 1]) and torch.equal(turned[:, 0], turned[:, 2])
    assert turned.min() >= -1 and turned.max() <= 1
    light, contrast = turned.mean((1, 2, 3)), turned.std((1, 2, 3))
    assert light.std() > 0.1 and contrast.max() > 1.3 * contrast.min()  # exposure, tone curve, contrast
    assert (torch.corrcoef(turned[:, 0].flatten(1)).amin(1) < 0.99).all()  # grain, and how colours count


def test_a_share_of_the_batch_is_monochrome_and_the_rest_as_without():
    """What the denoiser sees, and what it is told of it, in four steps."""
    rng, fed = np.random.default_rng(0), {}
    bank = script.Bank(rng.integers(0, 255, (16, 64, 32, 3), dtype=np.uint8), [RED] * 16, ["street"] * 16)
    latents = rng.normal(size=(16, 2, 4, 16, 8)).astype(np.float16)
    vae, unet = script.build_vae(tiny()), script.build_unet(tiny(), (4, 16, 8))
    tokenizer, text = script.build_text(tiny(monochrome=1.0))
    for share in (0.0, 0.5):
        networks, config = {"text": text, "unet": unet}, tiny(monochrome=share)
        task = script.DenoiserTask(networks, tokenizer, latents, vae, bank, config)
        ids, noised = [], []
        text.register_forward_pre_hook(lambda _, given, ids=ids: ids.append(given[0]))
        unet.register_forward_pre_hook(lambda _, given, noised=noised: noised.append(given[0]))
        for step in range(4):
            task.losses(step)
        fed[share] = torch.cat(ids[:4]), torch.cat(noised[:4])
    (ids, noised), (mixed_ids, other) = fed.values()
    same = (noised == other).flatten(1).all(1)
    told = (mixed_ids == tokenizer.convert_tokens_to_ids(script.MONOCHROME)).any(1)
    assert not (told & same).any() and torch.equal(ids[same], mixed_ids[same])
    assert 4 <= (~same).sum() <= 12  # of 16, a half

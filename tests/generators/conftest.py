"""A tiny random Stable Diffusion of real classes, and a table of a few random images, made once."""

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

from vireid_lib.data import tables
from vireid_lib.generators import build, load
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.miniworld.pretrain_networks import build_tokenizer
from vireid_lib.training.determinism import threads


def write_tiny_base(folder, prediction):
    torch.manual_seed(0)
    tokenizer = build_tokenizer(["a", "photo", "of", "person", "red", "coat"], max_length=32)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=32,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=(8, 4),
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        latent_channels=4,
        block_out_channels=(8, 8, 16),
        norm_num_groups=4,
        sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        scaling_factor=0.5,
    )
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear", prediction_type=prediction, clip_sample=False, steps_offset=1
    )
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    """Folder of a tiny base model that predicts v."""
    return write_tiny_base(tmp_path_factory.mktemp("base") / "model", "v_prediction")


@pytest.fixture(scope="session")
def tiny_table(tmp_path_factory):
    """Two people in both modalities, two external ones in visible light: 24 images of 32x16 pixels."""
    root, rng, rows = tmp_path_factory.mktemp("images"), np.random.default_rng(0), []
    for identity, camera, modality, split in [
        ("mini_vi/0001", "mini_vi/1", "visible", "train"),
        ("mini_vi/0001", "mini_vi/3", "infrared", "train"),
        ("mini_vi/0002", "mini_vi/2", "visible", "val"),
        ("mini_vi/0002", "mini_vi/6", "infrared", "val"),
        ("mini_market/0001", "mini_market/1", "visible", "external"),
        ("mini_market/0007", "mini_market/1", "visible", "external"),
    ]:
        for number in range(4):
            path = root / f"{identity}-{camera}-{number}.png".replace("/", "_")
            Image.fromarray(rng.integers(0, 255, (32, 16, 3), dtype=np.uint8)).save(path)
            rows.append(
                {
                    "path": str(path),
                    "identity": identity,
                    "camera": camera,
                    "modality": modality,
                    "split": split,
                    "source": "real",
                    "seed": pd.NA,
                }
            )
    return tables.validate(pd.DataFrame(rows), "tiny table")


@pytest.fixture
def tiny_config(tiny_base):
    """Settings that fine-tune in seconds."""
    return DiveConfig(
        base_model=str(tiny_base),
        seed=3,
        height=32,
        width=16,
        code_length=4,
        vectors_per_token=2,
        lora_rank=2,
        steps=6,
        batch=4,
        learning_rate=1e-2,
        checkpoint_every=2,
        sampling_steps=4,
        guidance=2.0,
        sampling_batch=3,
    )


@pytest.fixture(scope="session")
def toy_people(tmp_path_factory):
    """Six people whose coats are blue to red on green in visible light, and grey on a dark ground in infrared, and two
    external ones in visible light: 84 images of 32x24 pixels."""
    root, stream, rows = tmp_path_factory.mktemp("toy"), np.random.default_rng(0), []
    for place in range(8):
        own = place < 6
        identity, shade = f"{'toy' if own else 'market'}/{place:04d}", 255 * place / 7
        for modality, camera in (("visible", "toy/1"), ("infrared", "toy/3")) if own else (("visible", "market/1"),):
            ground = (60, 150, 60) if modality == "visible" else (30, 30, 30)
            coat = (shade, 40, 255 - shade) if modality == "visible" else (90 + shade / 2,) * 3
            for number in range(6):
                pixels, left = np.full((32, 24, 3), ground, float), 3 * int(stream.integers(1, 4))
                pixels[6:28, left : left + 12] = coat
                pixels += stream.normal(0, 6, (32, 24, 1))
                path = root / f"{identity}-{modality}-{number}.png".replace("/", "_")
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
                rows.append(
                    {
                        "path": str(path),
                        "identity": identity,
                        "camera": camera,
                        "modality": modality,
                        "split": "train" if own else "external",
                        "source": "real",
                        "seed": pd.NA,
                    }
                )
    return tables.validate(pd.DataFrame(rows), "toy people")


@pytest.fixture(scope="session")
def modality_pixels():
    """Stacks the images of a table's training people in a modality: uint8 [n, height, width, 3]."""

    def pixels(table, modality):
        rows = table[(table["modality"] == modality) & (table["split"] == "train")]
        return np.stack([np.array(Image.open(path).convert("RGB")) for path in rows["path"]])

    return pixels


@pytest.fixture(scope="session")
def fit_to_toys(toy_people, tmp_path_factory):
    """Fits a generator, by name and settings, to all toy people, alike on any number of cores; returns it and its
    folder."""

    def fit(name, config):
        config = config.model_copy(update={"fit_on": "target+external"})
        generator, folder = build(name, config, device="cpu", progress=False), tmp_path_factory.mktemp("learnt")
        with threads(1):
            generator.fit(toy_people, folder)
        return generator, folder

    return fit


@pytest.fixture(params=[("visible", "infrared", "toy/3"), ("infrared", "visible", "toy/1")], ids="-".join)
def still_to_go(request, toy_people, modality_pixels):
    """How far a generator's mean translation is from the target modality's mean image, as a share of the way from the
    mean input; in both directions."""
    here, there, camera = request.param

    def share(generator, *, count=None, pixels=modality_pixels):
        images, target = pixels(toy_people, here)[:count], pixels(toy_people, there).mean(0)
        made = generator.translate(images, "toy/0000", camera)
        return np.linalg.norm(made.mean(0) - target) / np.linalg.norm(images.mean(0) - target)

    return share


@pytest.fixture
def check_gallery(toy_people, modality_pixels, tmp_path):
    """What a fitted folder yields: a gallery of two external people, and the translations of the one that was fitted.
    Returns the generator that was loaded from it."""

    def check(name, learnt):
        again = load(name, learnt[1], device="cpu", progress=False)
        made = again.expand(["market/0006", "market/0007"], ["toy/3"], 2, 1, tmp_path, source=toy_people)
        assert len(made) == 4 and (made["source"] == name).all() and (made["modality"] == "infrared").all()
        images = modality_pixels(toy_people, "visible")
        assert np.array_equal(again.translate(images, "", "toy/3"), learnt[0].translate(images, "", "toy/3"))
        return again

    return check


class _Stopped(Exception):
    pass


@pytest.fixture
def check_resume(toy_people, tmp_path, monkeypatch):
    """A training that is stopped in its step `stop` continues at its checkpoint `started_at`, to the same networks."""

    def check(name, config, task, *, stop, started_at, where="step"):
        whole = build(name, config, device="cpu", progress=False)
        whole.fit(toy_people, tmp_path / "whole")
        real = getattr(task, where)

        def stops(self, *arguments):
            if arguments[-1] == stop:
                raise _Stopped
            return real(self, *arguments)

        parts = build(name, config, device="cpu", progress=False)
        with monkeypatch.context() as patch, pytest.raises(_Stopped):
            patch.setattr(task, where, stops)
            parts.fit(toy_people, tmp_path / "parts")
        parts.fit(toy_people, tmp_path / "parts")
        assert parts.history.started_at == started_at
        ours, theirs = parts.networks.state_dict(), whole.networks.state_dict()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)

    return check

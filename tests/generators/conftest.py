"""A tiny random Stable Diffusion of real classes, tables of a few images, and the generators' tiny settings."""

from functools import cache
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.data.strict import read_yaml
from vireid_lib.generators.base.batches import Batches
from vireid_lib.miniworld.pretrain import build_tokenizer
from vireid_lib.training.determinism import threads

SETTINGS = read_yaml(Path(__file__).with_name("tiny.yaml"))


def table_of(rows):
    columns = ["path", "identity", "camera", "modality", "split"]
    return tables.build([dict(zip(columns, row, strict=True)) for row in rows], "a table for tests")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    """Folder of a tiny base model that predicts v."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer(["a", "photo", "of", "person", "red", "coat"], max_length=32)
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"vocab_size": len(tokenizer), "max_position_embeddings": 32}
    text = CLIPTextModel(CLIPTextConfig(**sizes, **special))
    blocks = {"down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"), "block_out_channels": (16, 32)}
    blocks |= {"up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "layers_per_block": 1, "norm_num_groups": 8}
    attention = {"cross_attention_dim": 16, "attention_head_dim": 2}
    unet = diffusers.UNet2DConditionModel(sample_size=(8, 4), in_channels=4, out_channels=4, **blocks, **attention)
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3}
    blocks |= {"block_out_channels": (8, 8, 16), "norm_num_groups": 4}
    vae = diffusers.AutoencoderKL(latent_channels=4, sample_size=32, scaling_factor=0.5, **blocks)
    noise = {"beta_schedule": "scaled_linear", "prediction_type": "v_prediction"}
    parts = {"vae": vae, "text_encoder": text, "tokenizer": tokenizer, "unet": unet}
    parts |= {"scheduler": diffusers.DDIMScheduler(**noise, clip_sample=False, steps_offset=1)}
    without = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    folder = tmp_path_factory.mktemp("base") / "model"
    diffusers.StableDiffusionPipeline(**parts, **without).save_pretrained(folder)
    return folder


@pytest.fixture
def vanilla(tiny_base):
    """Makes diffusers' own pipeline of the tiny base model, with its DPM-Solver, to which the options go."""

    def make(**options):
        pipeline = diffusers.StableDiffusionPipeline.from_pretrained(tiny_base, safety_checker=None).to(torch.float32)
        own = pipeline.scheduler.config
        pipeline.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(
            own, timestep_spacing="linspace", **options
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return make


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
            rows.append((str(path), identity, camera, modality, split))
    return table_of(rows)


@pytest.fixture(scope="session")
def tiny(tiny_base):
    """Tiny settings of a generator, with changes: see `tiny.yaml`."""

    def config(name, **changes):
        kind, own = generators.generator_class(name).config_class, SETTINGS.get(name, {}).get("tiny", {})
        base = {"base_model": str(tiny_base)} if "base_model" in kind.model_fields else {}
        return kind.small(**own | base | changes)

    return config


@pytest.fixture
def task_of(tiny, toy_people):
    """Call it with a generator's name and changes of its tiny settings: its training on all toy people."""

    def make(name, **changes):
        generator = generators.build(name, tiny(name, **changes), device="cpu", progress=False)
        size = (generator.config.height, generator.config.width)
        return generator.make_task(Batches(toy_people, size, None))

    return make


@pytest.fixture
def tiny_config(tiny):
    """Settings with which DiVE fits `tiny_table` in seconds."""
    return tiny("dive", width=16, seed=3, visible_branch="camera", sampling_steps=4, sampling_batch=3)


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
                rows.append((str(path), identity, camera, modality, "train" if own else "external"))
    return table_of(rows)


@pytest.fixture(scope="session")
def learnt(tiny, toy_people, tmp_path_factory):
    """Fits a generator to all toy people until it has learned, once; returns it and its folder."""

    @cache
    def fit(name):
        settings = SETTINGS[name]["learns"] | {"checkpoint_every": 0, "fit_on": "target+external"}
        generator = generators.build(name, tiny(name, **settings), device="cpu", progress=False)
        folder = tmp_path_factory.mktemp(name)
        with threads(1):  # alike on any number of cores
            generator.fit(toy_people, folder)
        return generator, folder

    return fit


@pytest.fixture(scope="session")
def pixels_of(toy_people):
    """The images of the toy's training people in a modality, at a generator's size: uint8 [n, height, width, 3]."""

    def pixels(generator, modality):
        rows = toy_people[(toy_people["modality"] == modality) & (toy_people["split"] == "train")]
        size = (generator.config.height, generator.config.width)
        return np.array(load_images(rows["path"].tolist(), size, cache=None))

    return pixels

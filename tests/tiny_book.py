"""A tiny open book: a world of a few people, a random Stable Diffusion of real classes, four steps of fine-tuning."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from diffusers import StableDiffusionPipeline
from matplotlib import ticker

from vireid_lib.evaluation import Trial
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.miniworld.pretrain_networks import (
    DenoiserConfig,
    TextConfig,
    VaeConfig,
    build_denoiser,
    build_scheduler,
    build_text,
    build_vae,
)
from vireid_lib.viz import Picture


@pytest.fixture(scope="session")
def tiny_base_model(tmp_path_factory):
    """Folder of a random base model with the miniature one's classes and latents."""
    denoiser = DenoiserConfig(channels=(16, 16, 32), groups=8)
    tokenizer, text = build_text(TextConfig(width=16, layers=1, heads=2, length=40), seed=0)
    folder = tmp_path_factory.mktemp("base") / "model"
    StableDiffusionPipeline(
        vae=build_vae(VaeConfig(channels=(8, 8, 8), latent_channels=4, groups=4), height=64, seed=0),
        text_encoder=text,
        tokenizer=tokenizer,
        scheduler=build_scheduler(denoiser),
        safety_checker=None,
        unet=build_denoiser(denoiser, text_width=16, latent_shape=(4, 16, 8), seed=0),
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_profile(tiny_base_model):
    """Everything as small as it can be."""
    size = {
        "train_ids": 4,
        "val_ids": 2,
        "test_ids": 3,
        "images_per_camera": 2,
        "external_ids": 3,
        "external_images": 4,
        "market_test_ids": 1,
        "infrared_images": 2,
    }
    dive = {
        "base_model": str(tiny_base_model),
        "height": 64,
        "width": 32,
        "code_length": 4,
        "lora_rank": 2,
        "steps": 4,
        "vectors_per_token": 2,
        "batch": 4,
        "learning_rate": 1e-2,
        "sampling_steps": 4,
        "guidance": 2.0,
    }
    return Profile.model_validate(
        {
            "name": "tiny",
            "title": "As small as it can be",
            "world": {"seed": 0, "size": size},
            "data": {
                "target": "mini_vi",
                "external": "mini_market",
                "roots": {"mini_vi": "mini_vi", "mini_market": "mini_market"},
            },
            "images": {"height": 64, "width": 32},
            "reid": {
                "backbone": "small",
                "seeds": [0],
                "training_sets": ["real", "grayscale", "dive", "oracle_ir"],
                "config": {"steps": 2, "identities": 2, "images": 2},
            },
            "generators": {"dive": dive, "dive_from_image": {"variant_of": "dive", "start": "image"}},
            "expand": {"identities": 3, "per_camera": 2, "min_images": 2},
            "evaluation": {"protocol": "sysu-mm01", "modes": ["all"], "trials": 2},
            "device": "cpu",
        }
    )


@pytest.fixture(scope="session")
def tiny_book(tiny_profile, tmp_path_factory):
    """A book whose stages are shared by the tests of this folder."""
    return Run(tiny_profile, tmp_path_factory.mktemp("tiny") / "workspace")


@pytest.fixture(scope="session")
def with_generators(tiny_book):
    """Call it with settings of generators: the tiny book with these on top of its own."""

    def run(settings):
        own = {name: {**tiny_book.profile.generators.get(name, {}), **changes} for name, changes in settings.items()}
        generators = {**tiny_book.profile.generators, **own}
        return tiny_book.with_profile(tiny_book.profile.model_copy(update={"generators": generators}))

    return run


class SmokeBook:
    """Runs the book on the profile `smoke`, as a user does."""

    command = (sys.executable, "-c", "import sys; from vireid_lib.cli import main; sys.exit(main())", "book")

    def __call__(self, workspace: Path, *more: str) -> subprocess.CompletedProcess:
        command = [*self.command, "--profile", "smoke", "--workspace", str(workspace), *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=3000)


@pytest.fixture(scope="session")
def run_smoke_book():
    """Call it with a workspace and further options of `vireid book`."""
    return SmokeBook()


@pytest.fixture(scope="session")
def smoke_book(run_smoke_book, tmp_path_factory):
    """The finished workspace, whose path has what paths should not have, and what the command printed."""
    workspace = tmp_path_factory.mktemp("smoke") / "a wörkspace"
    return workspace, run_smoke_book(workspace)


@pytest.fixture(autouse=True)
def every_axis_has_a_name(monkeypatch):
    """Whatever a test of this folder draws: no numbers along an axis that nobody names."""
    draw = Picture.png

    def png(picture: Picture) -> bytes:
        if picture.get_layout_engine() is not None:  # not yet drawn
            assert not (found := nameless(picture)), f"{picture.alt}: numbers without a name along {found}"
        return draw(picture)

    monkeypatch.setattr(Picture, "png", png)


def nameless(picture: Picture) -> list[str]:
    """The axes ("x" or "y") with numbers of which none in the same column or row of panels says what they are."""
    picture.draw_without_rendering()
    drawn = [axes for axes in picture.axes if axes.get_visible() and axes.axison and axes.get_label() != "<colorbar>"]
    found = []
    for axes in drawn:
        for name in "xy":
            beside = [other for other in drawn if _line(other, name) == _line(axes, name)]
            names = [getattr(other, f"{name}axis").get_label_text() for other in beside]
            names += [getattr(figure, f"_sup{name}label", None) for figure in (axes.figure, picture)]
            if _has_numbers(getattr(axes, f"{name}axis")) and not any(names):
                found.append(name)
    return found


def _has_numbers(axis) -> bool:
    words = ticker.FixedFormatter, ticker.FuncFormatter, ticker.NullFormatter  # set_xticks with labels makes the second
    if isinstance(axis.get_major_formatter(), words):
        return False
    return any(tick.label1.get_visible() and tick.label1.get_text() for tick in axis.get_major_ticks())


def _line(axes, name: str):
    place = axes.get_subplotspec()
    return axes if place is None else place.colspan if name == "x" else place.rowspan


@pytest.fixture(scope="session")
def made_up_trial():
    """Features of made-up people under four cameras, and the trial in which infrared images ask visible ones."""

    def trial(people: int = 12, seed: int = 0) -> tuple[torch.Tensor, Trial]:
        rows = [
            {
                "path": f"/{person}/{camera}/{image}.jpg",
                "identity": f"set/{person}",
                "camera": f"set/{camera}",
                "split": "test",
            }
            for person in range(people)
            for camera in (1, 2, 3, 6)
            for image in range(2)
        ]
        table = pd.DataFrame(rows)
        generator = torch.Generator().manual_seed(seed)
        own = torch.randn(people, 16, generator=generator)
        noise = torch.randn(len(table), 16, generator=generator)
        features = own.repeat_interleave(8, 0) + 1.5 * noise
        asks = table["camera"].isin(["set/3", "set/6"])
        return features, Trial(table[asks], table[~asks], "one")

    return trial

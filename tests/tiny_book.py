"""A tiny open book: a world of a few people, a random Stable Diffusion of real classes, four steps of fine-tuning."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from diffusers import StableDiffusionPipeline

from vireid_lib.data.strict import read_yaml
from vireid_lib.evaluation import Trial
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.settings import changed
from vireid_lib.miniworld.pretrain import build_scheduler, build_text, build_unet, build_vae, recipe


@pytest.fixture(scope="session")
def tiny_base_model(tmp_path_factory):
    """Folder of a random base model with the miniature one's classes and latents."""
    vae = {"channels": (8, 8, 8), "latent_channels": 4, "groups": 4}
    text = {"width": 16, "layers": 1, "heads": 2, "length": 40}
    small = recipe(seed=0, vae=vae, text=text, denoiser={"channels": (16, 16, 32), "groups": 8})
    tokenizer, text = build_text(small)
    folder = tmp_path_factory.mktemp("base") / "model"
    parts = {"vae": build_vae(small), "text_encoder": text, "tokenizer": tokenizer, "scheduler": build_scheduler(small)}
    without = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    StableDiffusionPipeline(**parts, unet=build_unet(small, (4, 16, 8)), **without).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_profile(tiny_base_model):
    """Everything as small as it can be: see `tiny_book.yaml`."""
    values = read_yaml(Path(__file__).with_name("tiny_book.yaml"))
    values["generators"]["dive"]["base_model"] = str(tiny_base_model)
    return Profile.model_validate(values)


@pytest.fixture(scope="session")
def tiny_book(tiny_profile, tmp_path_factory):
    """A book whose stages are shared by the tests of this folder."""
    return Run(tiny_profile, tmp_path_factory.mktemp("tiny") / "workspace")


@pytest.fixture(scope="session")
def tiny_run(tiny_book):
    """Call it with settings under dotted keys: the tiny book with these in place of its own."""
    return lambda changes: tiny_book.with_profile(changed(tiny_book.profile, changes, "test"))


@pytest.fixture(scope="session")
def vireid():
    """Runs the command, as a user does: `vireid("book", "--profile", "smoke", ...)`; with `alone`, on one core, where
    tiny trainings run in turn: starting a process for each costs more than they do."""

    def run(*arguments: object, alone: bool = False) -> subprocess.CompletedProcess:
        code = "import sys; from vireid_lib.cli import main; sys.exit(main())"
        if alone and hasattr(os, "sched_setaffinity"):
            cores, worker = sorted(os.sched_getaffinity(0)), int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
            code = f"import os; os.sched_setaffinity(0, {{{cores[worker % len(cores)]}}}); {code}"
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=3000)

    return run


@pytest.fixture(scope="session")
def smoke_profile(tmp_path_factory):
    """File of the profile `smoke` with shorter trainings."""
    file = tmp_path_factory.mktemp("profile") / "short.yaml"
    shorter = {"reid.config.steps": 12, "generators.dive": {"steps": 15, "checkpoint_every": 5}}
    profile = changed(load_profile("smoke"), shorter, "test").model_copy(update={"name": "short"})
    file.write_text(yaml.safe_dump(profile.model_dump()))
    return str(file)


@pytest.fixture(scope="session")
def smoke_book(vireid, smoke_profile, tmp_path_factory):
    """The finished workspace, whose path has what paths should not have, and what the command printed. Trainings that
    chapters write out by hand are short."""
    workspace = tmp_path_factory.mktemp("smoke") / "a wörkspace"
    return workspace, vireid("book", "--profile", smoke_profile, "--workspace", workspace, "-p", "steps=10")


@pytest.fixture(scope="session")
def made_up_trial():
    """Features of made-up people under four cameras, and the trial in which infrared images ask visible ones."""

    def trial(people: int = 12, seed: int = 0) -> tuple[torch.Tensor, Trial]:
        places = [(person, camera, image) for person in range(people) for camera in (1, 2, 3, 6) for image in range(2)]
        rows = [(f"/{one}/{two}/{three}.jpg", f"set/{one}", f"set/{two}", "test") for one, two, three in places]
        table = pd.DataFrame(rows, columns=["path", "identity", "camera", "split"])
        generator = torch.Generator().manual_seed(seed)
        own = torch.randn(people, 16, generator=generator)
        noise = torch.randn(len(table), 16, generator=generator)
        features = own.repeat_interleave(8, 0) + 1.5 * noise
        asks = table["camera"].isin(["set/3", "set/6"])
        return features, Trial(table[asks], table[~asks], "one")

    return trial

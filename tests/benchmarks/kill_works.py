"""What `kill_at_random.py` kills: trainings, samplers, stages and checkpoints, each as small as it can be."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from vireid_lib.data.contents import write_atomically
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.datasets import world
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.provenance import RESULT
from vireid_lib.training import checkpoint, loop
from vireid_lib.training.binding import bind


def profile(method: str) -> Profile:
    """The profile `smoke` with fewer people and shorter trainings, each with several checkpoints."""
    held = load_profile("smoke").model_dump()
    size = {"train_ids": 4, "val_ids": 2, "test_ids": 3, "images_per_camera": 2, "infrared_images": 2}
    held["world"]["size"] = size | {"external_ids": 3, "external_images": 4, "market_test_ids": 1}
    length = {"steps": 8, "checkpoint_every": 2}
    sizes = {"decoder_blocks": 1, "mlp_width": 16, "judge_layers": 2, "latent_dim": 8, "latent_width": 8}
    sizes |= {"identities": 2, "images": 2}
    held["generators"] = {
        "dive": held["generators"]["dive"] | length,
        "cyclegan": length | {"generator_width": 4, "blocks": 1, "discriminator_width": 4, "batch": 2, "pool": 4},
        "jsia": length | dict.fromkeys(("style_dim", "style_width", "judge_width"), 4) | sizes,
    }
    held["expand"] |= {"identities": 3, "min_images": 2, "per_camera": 4}
    held["reid"] |= {"method": method, "config": {"steps": 8, "identities": 2, "images": 2}}
    if method == "jsia":
        held["reid"]["config"] |= {"generation_identities": 2, "generate_every": 1}
    return Profile.model_validate(held)


def opened(folder: Path, method: str = "agw") -> Run:
    return Run(profile(method), folder)


def drawn(folder: Path) -> None:
    world(opened(folder))


def fitted(name: str) -> Callable[[Path], object]:
    return lambda folder: opened(folder).fit(name)


def pictures(name: str) -> Callable[[Path], object]:
    return lambda folder: opened(folder).synthesize(name)


def one_training(method: str) -> Callable[[Path], None]:
    """A ReID training with a checkpoint after every second step, rather than after every 200th."""
    train = loop.train

    def run(folder: Path) -> None:
        loop.train = lambda task, **options: train(task, **options | {"checkpoint_every": 2})
        opened(folder, method).evaluate("real", 0)

    return run


def checkpoints(folder: Path) -> None:
    """Nothing but checkpoints, each made from the one before; every fifth is written twice."""
    step, tensors, _ = checkpoint.load(folder) or (0, {"x": torch.zeros(300, 300)}, {})
    for done in range(step + 1, 81):
        values = torch.rand(300, 300, generator=torch.Generator().manual_seed(done))
        tensors = {"x": tensors["x"] * 0.9 + values}
        for _ in range(1 + (done % 5 == 0)):
            checkpoint.save(folder, done, tensors, {"done": done})


def renamed(folder: Path) -> None:
    """Nothing but stages: some find a folder without a record in their place, some unfinished work whose record or
    whose training's settings a power failure has emptied."""
    cache = Cache(folder)
    for number in range(24):
        stage = "renamed", {"number": number}, {}, lambda own: {"value": _values(own)}
        done, mark = cache.stage(*stage), folder / f"broken_{number}"
        if (fault := number % 4) and not mark.exists():
            write_atomically(mark, b"")
            if fault in (2, 3):
                (done.folder / (RESULT if fault == 2 else "training.json")).write_text("")
            if fault in (1, 3):
                (done.folder / RESULT).unlink()
            if fault in (2, 3):
                os.rename(done.folder, done.folder.with_name(f"{done.key}.partial"))
        cache.stage(*stage)


def _values(own: Path) -> float:
    """What a small training leaves in its stage, and its outcome."""
    bind(own / "training.json", {"steps": 3}, what="another training")
    step, tensors, _ = checkpoint.load(own / "checkpoints") or (0, {"x": torch.ones(4)}, {})
    for done in range(step + 1, 4):
        tensors = {"x": tensors["x"] * 1.5}
        checkpoint.save(own / "checkpoints", done, tensors, {})
    return tensors["x"].sum().item()


class Work(NamedTuple):
    """What is killed: `run` does it in a folder, and continues what it finds there; `before` makes, unbroken, what it
    needs; its `share` of the kills is in percent."""

    run: Callable[[Path], object]
    before: tuple[Callable[[Path], object], ...]
    share: int


WORKS = {
    "the world's drawing": Work(drawn, (), 6),
    "DiVE's fine-tuning": Work(fitted("dive"), (drawn,), 15),
    "ReID training (AGW)": Work(one_training("agw"), (drawn,), 12),
    "CycleGAN's training": Work(fitted("cyclegan"), (drawn,), 10),
    "JSIA's joint training": Work(
        one_training("jsia"), (drawn, lambda folder: opened(folder, "jsia").starting_point("real", 0)), 10
    ),
    "DiVE's gallery": Work(pictures("dive"), (drawn, fitted("dive")), 10),
    "CycleGAN's gallery": Work(pictures("cyclegan"), (drawn, fitted("cyclegan")), 10),
    "the cache's rename": Work(renamed, (), 12),
    "a checkpoint's write": Work(checkpoints, (), 12),
}

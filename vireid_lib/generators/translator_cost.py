"""The cost of a translator: steps of its real training at their size, timed with fresh networks on random pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import nn

from vireid_lib.data.cameras import camera_keys
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.cost import (
    LARGE,
    Estimate,
    disk_bytes,
    place_name,
    step_cost,
    steps_text,
    timed,
    weights_bytes,
)
from vireid_lib.training import hub
from vireid_lib.training.determinism import deterministic_kernels
from vireid_lib.training.loop import accelerator_for

if TYPE_CHECKING:
    from vireid_lib.generators.config import TranslatorConfig
    from vireid_lib.generators.translator import Translator

PATIENCE = 10.0
"""Seconds that a step may take on a CPU; of one that would take longer, a smaller batch is measured and scaled."""

LEAST = {"batch": 2, "identities": 2, "images": 2, "visible_only": 0, "feature_identities": 2, "feature_images": 2}
"""Settings of a small batch."""

FEW, SHORT, PICTURES = 32, 2, 2
"""Identities whose images stand for the table; sampling steps, and pictures on a CPU, that are timed."""


@dataclass(frozen=True)
class Measured:
    """`seconds`, `kept` (bytes) and `images` of each kind of step; seconds of a `picture`; numbers of weights
    `trained`, in a `checkpoint` and `fitted`; `fixed`: bytes of memory that do not depend on the batch."""

    seconds: dict[int, float]
    kept: dict[int, int]
    images: dict[int, int]
    picture: float
    trained: int
    checkpoint: int
    fitted: int
    fixed: int

    def scaled(self, step: int, images: int) -> float:
        """How many times as much a step on so many images takes as the measured one."""
        return images / self.images[step]


def estimate(generator: Translator, table: pd.DataFrame, synthetic: int = 0) -> Estimate:
    """The cost of fitting to `table` (rows that `config.fitted_rows` gave) and making `synthetic` images.

    Neither the generator nor the random state changes; no image is read and nothing is fetched.
    """
    config, device = generator.config, generator.device
    size = (config.height, config.width)
    outline = generator.task_class.outline(config, Batches(table, size, None, blank=True))
    kinds = outline.typical_steps()
    images = {step: outline.images_in(step) for step in kinds}
    published = config.model_copy(update=config.published_length())
    published = generator.task_class.outline(published, outline.batches).steps
    words = f"{steps_text(outline.steps, published)} of {max(images.values())} images at {size[0]} x {size[1]}"

    def unmeasured(reason: str) -> Estimate:
        disk = disk_bytes(len(table), synthetic, *size, 0, 0)
        return Estimate(len(table), words, outline.steps, synthetic, {}, reason, None, disk)

    absent = [name for name in _models(config) if not _is_here(name)]
    if absent:
        return unmeasured(f"{absent[0]} is not on this machine yet, the first run fetches it")
    without = {"pretrained": None} if getattr(config, "pretrained", None) else {}  # as fast without ImageNet's weights
    whole = config.model_copy(update={"steps": outline.steps, **without})
    found, said = _within(generator, whole, _some(table), kinds, images, device)
    if found is None:
        return unmeasured(f"a single step of so large a model takes minutes on {place_name(device)}")
    words += f"; {found.trained / 1e6:,.1f} million parameters trained"
    training = sum(found.seconds[step] * found.scaled(step, images[step]) * times for step, times in kinds.items())
    whole_step = device.type == "cuda" and found.images == images  # what a GPU said of a whole step is the truth
    needed = {step: found.kept[step] if whole_step else outline.step_bytes(step) for step in kinds}
    scaled = {step: round(found.kept[step] * found.scaled(step, images[step])) for step in kinds}
    memory = found.fixed + max(scaled[step] if needed[step] is None else needed[step] for step in kinds)
    return Estimate(
        len(table),
        words,
        outline.steps,
        synthetic,
        {"training": training, "sampling": found.picture * synthetic},
        place_name(device) + said,
        memory,
        disk_bytes(len(table), synthetic, *size, found.checkpoint, found.fitted),
    )


def _within(
    generator: Translator,
    config: TranslatorConfig,
    table: pd.DataFrame,
    kinds: dict[int, int],
    images: dict[int, int],
    device: torch.device,
) -> tuple[Measured | None, str]:
    """A measurement of whole batches where this machine can do them, else of small ones; and what was scaled, in words.
    None for a model that is too large for a CPU."""
    changed = {name: min(value, getattr(config, name)) for name, value in LEAST.items() if hasattr(config, name)}
    small, said = config.model_copy(update=changed), ""
    if hasattr(config, "sampling_steps") and config.sampling_steps > SHORT:
        said = f"; {SHORT} of {config.sampling_steps} sampling steps were measured and scaled"
    try:
        found = _measure(generator, config if device.type == "cuda" else small, table, kinds, device)
        too_much, why = False, ""
        if found is not None and device.type != "cuda" and small != config:
            too_much = max(found.seconds[s] * found.scaled(s, images[s]) for s in kinds) > PATIENCE
            if not too_much:
                found = _measure(generator, config, table, kinds, device)
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        found, too_much, why = _measure(generator, small, table, kinds, device), True, ", as whole ones do not fit"
    if too_much:
        said = f"; batches of {max(found.images.values())} images were measured and scaled{why}{said}"
    return found, said


def _measure(
    generator: Translator, config: TranslatorConfig, table: pd.DataFrame, kinds: dict[int, int], device: torch.device
) -> Measured | None:
    batches = Batches(table, (config.height, config.width), None, blank=True)
    with torch.random.fork_rng(), deterministic_kernels(device.type == "cpu"):
        own = type(generator)(config, device=str(device), progress=False)
        task = own.make_task(batches)
        modules = [*task.modules.values(), *(each for each in task.extras.values() if isinstance(each, nn.Module))]
        total = sum(value.numel() for module in modules for value in module.parameters())
        if device.type == "cpu" and total > LARGE:
            return None
        accelerator = accelerator_for(config.precision, str(device))
        task.bind(accelerator, seed=0)
        try:
            task.prepare(accelerator)

            def update(step: int) -> None:
                task.before_step(step)
                task.step(accelerator, step)
                task.after_step(step)

            costs = {step: step_cost(lambda step=step: update(step), modules, device) for step in kinds}
        finally:
            task.release(accelerator)
        trained, fixed = sum(value.numel() for value in task.trained()), weights_bytes(modules)
        own.networks, own._record = nn.ModuleDict(task.fitted()).to(device).eval(), {"cameras": batches.cameras}
        fitted = sum(value.numel() for value in own._weights().values())
        return Measured(
            {step: seconds for step, (seconds, _) in costs.items()},
            {step: kept for step, (_, kept) in costs.items()},
            {step: task.images_in(step) for step in kinds},
            _picture(own, batches),
            trained,
            trained if task.trainable_only else total,
            fitted,
            fixed,
        )


def _picture(own: Translator, batches: Batches) -> float:
    """Seconds of an infrared picture."""
    config, scale = own.config, 1.0
    count = config.sampling_batch if own.device.type == "cuda" else min(PICTURES, config.sampling_batch)
    if hasattr(config, "sampling_steps") and config.sampling_steps > SHORT:
        scale, own.config = config.sampling_steps / SHORT, config.model_copy(update={"sampling_steps": SHORT})
    camera = next(name for name, modality in batches.cameras.items() if modality == "infrared")
    items = own.asked(batches.names[0], camera, range(count))
    images = [np.array(batches.pixels[np.zeros(count, int)])] * (2 if own.from_pairs else 1)
    return timed(lambda: own.pictures(images, items), own.device) * scale / count


def _some(table: pd.DataFrame) -> pd.DataFrame:
    """Two rows of some identities under each camera, those with both modalities first; and one of every camera."""
    keyed = table.assign(_camera=camera_keys(table))
    both = keyed.groupby("identity")["modality"].nunique().sort_values(ascending=False, kind="stable")
    some = keyed[keyed["identity"].isin(both.index[:FEW])].groupby(["identity", "_camera"]).head(2)
    every = keyed.groupby("_camera").head(1)
    return table.loc[sorted({*some.index, *every.index})].reset_index(drop=True)


def _models(config: TranslatorConfig) -> list[str]:
    return [getattr(config, name) for name in ("base_model", "judge_model") if getattr(config, name, None)]


def _is_here(name: str) -> bool:
    """Whether a model lies on this machine."""
    from vireid_lib.generators.dive import base  # brings diffusers

    part = "config.json"  # of a model that is no pipeline
    return base.is_here(name) or (Path(name).expanduser() / part).exists() or hub.held(name, part) is not None

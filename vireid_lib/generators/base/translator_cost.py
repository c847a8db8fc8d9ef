"""The cost of a translator: steps of its real training at their size, timed with fresh networks on random pixels."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import nn

from vireid_lib.data.tables import camera_keys
from vireid_lib.generators.base import cost
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.cost import Estimate
from vireid_lib.training import hub
from vireid_lib.training.determinism import deterministic_kernels

if TYPE_CHECKING:
    from vireid_lib.generators.base.config import TranslatorConfig
    from vireid_lib.generators.base.translator import Translator

PATIENCE = 10.0  # seconds of a step on a CPU; of one that would take longer, a smaller batch is measured and scaled
LEAST = {"batch": 2, "identities": 2, "images": 2, "visible_only": 0, "feature_identities": 2, "feature_images": 2}
FEW, SHORT, PICTURES = 32, 2, 2  # identities that stand for the table; sampling steps, and pictures on a CPU, timed


def estimate(generator: Translator, table: pd.DataFrame, synthetic: int = 0) -> Estimate:
    """The cost of fitting to `table` (rows that `config.fitted_rows` gave) and making `synthetic` images. Neither the
    generator nor the random state changes; no image is read and nothing is fetched."""
    config = generator.config
    size = (config.height, config.width)
    outline = generator.task_class.outline(config, Batches(table, size, None, blank=True))
    kinds = outline.typical_steps()
    images = {step: outline.images_in(step) for step in kinds}
    published = config.model_copy(update=config.published_length())
    published = generator.task_class.outline(published, outline.batches).steps
    words = f"{cost.steps_text(outline.steps, published)} of {max(images.values())} images at {size[0]} x {size[1]}"
    named = [getattr(config, name, None) for name in ("base_model", "judge_model")]
    found, seconds, memory, weights = None, {}, None, (0, 0)
    if absent := [name for name in named if name and not _is_here(name)]:
        where = f"{absent[0]} is not on this machine yet, the first run fetches it"
    else:
        without = {"pretrained": None} if getattr(config, "pretrained", None) else {}  # as fast without ImageNet's
        whole = config.model_copy(update={"steps": outline.steps, **without})
        found, where = _within(generator, whole, _some(table), images)
    if found is not None:
        words += f"; {found.trained / 1e6:,.1f} million parameters trained"
        training = sum(found.costs[step][0] * times for step, times in kinds.items())
        seconds = {"training": training, "sampling": found.picture * synthetic}
        measured = generator.device.type == "cuda" and found.images == images  # a GPU, on a whole step, tells the truth
        told = {} if measured else {step: outline.step_bytes(step) for step in kinds}
        memory = found.fixed + max(told.get(step) or found.costs[step][1] for step in kinds)
        weights = (found.checkpoint, found.fitted)
    disk = cost.disk_bytes(len(table), synthetic, *size, *weights)
    return Estimate(len(table), words, outline.steps, synthetic, seconds, where, memory, disk)


def _within(
    generator: Translator, config: TranslatorConfig, table: pd.DataFrame, images: dict[int, int]
) -> tuple[SimpleNamespace | None, str]:
    """A measurement of whole batches where this machine can do them, else of small ones, and on what, in words. None
    for a model that is too large for a CPU."""
    changed = {name: min(value, getattr(config, name)) for name, value in LEAST.items() if hasattr(config, name)}
    small, place, why = config.model_copy(update=changed), cost.place_name(generator.device), ""
    try:
        found = _measure(generator, config if generator.device.type == "cuda" else small, table, images)
        if found is None:
            return None, f"a single step of so large a model takes minutes on {place}"
        if found.images != images and max(seconds for seconds, _ in found.costs.values()) <= PATIENCE:
            found = _measure(generator, config, table, images)
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        found, why = _measure(generator, small, table, images), ", as whole ones do not fit"
    if found.images != images:
        place += f"; batches of {max(found.images.values())} images were measured and scaled{why}"
    if getattr(config, "sampling_steps", 0) > SHORT:
        place += f"; {SHORT} of {config.sampling_steps} sampling steps were measured and scaled"
    return found, place


def _measure(
    generator: Translator, config: TranslatorConfig, table: pd.DataFrame, whole: dict[int, int]
) -> SimpleNamespace | None:
    """The `costs` of each kind of step (seconds, bytes), scaled to a whole batch from one of `images`; seconds of a
    `picture`; numbers of weights `trained`, in a `checkpoint` and `fitted`; `fixed` bytes, whatever the batch."""
    device = generator.device
    batches = Batches(table, (config.height, config.width), None, blank=True)
    with torch.random.fork_rng(), deterministic_kernels(device.type == "cpu"):
        own = type(generator)(config, device=str(device), progress=False)
        task = own.make_task(batches)
        modules = [*task.modules.values(), *(each for each in task.extras.values() if isinstance(each, nn.Module))]
        total = sum(value.numel() for module in modules for value in module.parameters())
        if device.type == "cpu" and total > cost.LARGE:
            return None
        costs, fixed = cost.step_costs(task, modules, whole, config.precision, str(device), learns=True)
        own.networks, own._record = nn.ModuleDict(task.fitted()).to(device).eval(), {"cameras": batches.cameras}
        trained, fitted = (sum(each.numel() for each in held) for held in (task.trained(), own._weights().values()))
        images, checkpoint = {step: task.images_in(step) for step in whole}, trained if task.trainable_only else total
        shares = {step: count / images[step] for step, count in whole.items()}
        costs = {step: (seconds * shares[step], round(size * shares[step])) for step, (seconds, size) in costs.items()}
        sizes = {"trained": trained, "checkpoint": checkpoint, "fitted": fitted, "fixed": fixed}
        return SimpleNamespace(costs=costs, images=images, picture=_picture(own, batches), **sizes)


def _picture(own: Translator, batches: Batches) -> float:
    """Seconds of an infrared picture."""
    config, scale = own.config, 1.0
    count = config.sampling_batch if own.device.type == "cuda" else min(PICTURES, config.sampling_batch)
    if getattr(config, "sampling_steps", 0) > SHORT:
        scale, own.config = config.sampling_steps / SHORT, config.model_copy(update={"sampling_steps": SHORT})
    camera = next(name for name, modality in batches.cameras.items() if modality == "infrared")
    items = own.asked(batches.names[0], camera, range(count))
    images = [np.array(batches.pixels[np.zeros(count, int)])] * (2 if own.from_pairs else 1)
    return cost.timed(lambda: own.pictures(images, items), own.device) * scale / count


def _some(table: pd.DataFrame) -> pd.DataFrame:
    """Two rows of some identities under each camera, those with both modalities first; and one of every camera."""
    keyed = table.assign(_camera=camera_keys(table))
    both = keyed.groupby("identity")["modality"].nunique().sort_values(ascending=False, kind="stable")
    some = keyed[keyed["identity"].isin(both.index[:FEW])].groupby(["identity", "_camera"]).head(2)
    every = keyed.groupby("_camera").head(1)
    return table.loc[sorted({*some.index, *every.index})].reset_index(drop=True)


def _is_here(name: str) -> bool:
    """Whether a model lies on this machine."""
    from vireid_lib.generators.dive import base_model  # brings diffusers

    part = "config.json"  # of a model that is no pipeline
    return base_model.is_here(name) or (Path(name).expanduser() / part).exists() or hub.held(name, part) is not None

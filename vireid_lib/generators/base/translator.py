"""What generators share that turn images of one modality into the other with networks of their own."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from torch import Tensor, nn

from vireid_lib.data.contents import write_atomically
from vireid_lib.data.images import to_float
from vireid_lib.data.tables import MODALITIES, OTHER, camera_in_table, camera_key
from vireid_lib.generators.base import plans, translator_cost
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.config import TranslatorConfig
from vireid_lib.generators.base.cost import WORTH_AN_ESTIMATE, Estimate
from vireid_lib.generators.base.galleries import Pictures, to_pictures
from vireid_lib.generators.base.generator import Generator
from vireid_lib.generators.base.networks import Images
from vireid_lib.generators.base.plans import GalleryRequest, SampleRequest
from vireid_lib.generators.base.translation_task import TranslationTask
from vireid_lib.training import processes, seeds
from vireid_lib.training.loop import train
from vireid_lib.training.weights import read_tensors

WEIGHTS, TRAINING = "networks.safetensors", "training"


class Translator(Generator):
    """Base of trained image-to-image generators. Subclasses say what is trained and how pictures are made.

    A fitted folder holds `networks.safetensors`, `generator.json` (settings, cameras) and the training's checkpoints
    and history."""

    needs = MODALITIES
    config_class: ClassVar[type[TranslatorConfig]]
    task_class: ClassVar[type[TranslationTask]]
    knows_cameras: ClassVar[bool] = False  # whether two cameras of a modality show the same image differently
    networks: nn.ModuleDict | None = None  # those that make pictures, after `fit` or `load`

    def make_networks(self) -> dict[str, nn.Module]:
        """Fresh networks of those kept after training, by name."""
        raise NotImplementedError

    def make_task(self, batches: Batches) -> TranslationTask:
        """The training, with fresh networks drawn from torch's global random state."""
        return self.task_class(self.config, batches)

    def estimate(self, table: pd.DataFrame, synthetic: int = 0) -> Estimate:
        return translator_cost.estimate(self, table, synthetic)

    def batch_divisor(self, table: pd.DataFrame) -> int:
        size = (self.config.height, self.config.width)
        return math.gcd(*self.task_class.outline(self.config, Batches(table, size, None, blank=True)).parted())

    @property
    def from_pairs(self) -> bool:
        """Whether `expand` makes each picture of two images, as a setting `expansion` may say."""
        return getattr(self.config, "expansion", "translate") != "translate"

    def plan(self, order: GalleryRequest) -> list[SampleRequest]:
        """Translations of the identity's images of the other modality, or pictures between two."""
        modalities = {camera: self.modality(camera) for camera in order.cameras}
        order = replace(order, source=self.source_rows(order.source))
        return plans.plan(order, modalities, knows_cameras=self.knows_cameras, pairs=self.from_pairs)

    @torch.no_grad()
    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        return to_pictures(self._fitted()[f"to_{items[0].modality}"](self.floats(images[0])))

    def floats(self, images: Pictures) -> Images:
        """Grey levels as networks take them: in -1..1, on the device."""
        return to_float(images, self.device) * 2 - 1

    def learn(self, table: pd.DataFrame, folder: Path) -> dict[str, Any]:
        config = self.config
        with processes.first_alone():  # which decodes the images for all
            batches = Batches(table, (config.height, config.width), self.cache)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.integer(config.seed, "weights"))
            task = self.make_task(batches)
        new = task.steps >= WORTH_AN_ESTIMATE and processes.count() == 1 and not (folder / TRAINING).exists()
        if self.progress and new:
            print(self.estimate(table).to_text(folder), flush=True)
        task.name, task.config = self.name, {"settings": config.fit_settings(), "table": batches.digest}
        how = {"checkpoint_every": config.checkpoint_every, "precision": config.precision, "progress": self.progress}
        place = {"folder": folder / TRAINING, "device": str(self.device)}
        self.history = train(task, steps=task.steps, seed=config.seed, **place, **how)
        self.networks = nn.ModuleDict(task.fitted()).to(self.device).eval()
        record = {"cameras": batches.cameras, "identities": len(batches.names), "steps": task.steps}
        record |= {"weights": self.write_weights(folder, self._weights()), "seconds": round(self.history.seconds, 1)}
        return record | {"final_losses": {name: loss for name, loss in self.history[-1].items() if name != "step"}}

    def write_weights(self, folder: Path, weights: Mapping[str, Tensor]) -> str:
        """Write `networks.safetensors`; returns its sha256."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        content = safetensors.torch.save(tensors)
        if processes.index() == 0:
            write_atomically(folder / WEIGHTS, content)
        return hashlib.sha256(content).hexdigest()

    @torch.no_grad()
    def restore(self, folder: Path) -> None:
        with torch.random.fork_rng(devices=[]):
            self.networks = nn.ModuleDict(self.make_networks())
        own, kept = self._weights(), read_tensors(folder / WEIGHTS)
        if own.keys() != kept.keys():
            names = sorted(own.keys() ^ kept.keys())[:2]
            raise ValueError(f"{folder / WEIGHTS} and {self.name}'s networks differ in {', '.join(names)}. Fit anew.")
        for name, value in own.items():
            value.copy_(kept[name])
        self.networks.to(self.device).eval()

    def summary(self) -> dict[str, Any]:
        """Size, length and last losses of the training."""
        names = ("steps", "images", "identities", "final_losses", "weights")
        parameters = sum(parameter.numel() for parameter in self._fitted().parameters())
        return {name: self._record[name] for name in names} | {"parameters": parameters}

    def gallery_settings(self, order: GalleryRequest) -> dict[str, Any]:
        return {"weights": self._record["weights"]}

    def translate(self, images: Pictures, identity: str, camera: str) -> Pictures:
        """Show `images` of the other modality than the camera's as that camera would. Raises ValueError: a camera that
        it was not fitted to, or images of another size than it was fitted at."""
        items = self.asked(identity, camera, range(self.config.seed, self.config.seed + len(images)))
        size = (self.config.height, self.config.width)
        if images.shape[1:3] != size:
            raise ValueError(f"{self.name} was fitted at {size} pixels, not {images.shape[1:3]}: resize them first.")
        batch = self.config.sampling_batch
        parts = [slice(place, place + batch) for place in range(0, len(images), batch)]
        return np.concatenate([self.pictures([images[part]], items[part]) for part in parts])

    def asked(self, identity: str, camera: str, numbers: Iterable[int]) -> list[SampleRequest]:
        """Requests of pictures of images of the other modality than the camera's, one for each seed; of no files.
        Raises ValueError for a camera that it was not fitted to."""
        modality = self.modality(camera)
        about = {"source_images": ("",), "from_modality": OTHER[modality], "modality": modality}
        return [SampleRequest(identity, camera_in_table(camera), Path(), (seed,), **about) for seed in numbers]

    def check_modality(self, modality: str) -> str:
        """The modality. Raises ValueError for a word that is none."""
        if modality not in MODALITIES:
            raise ValueError(f"{self.name} knows the modalities {' and '.join(MODALITIES)}, not {modality!r}.")
        return modality

    def modality(self, camera: str) -> str:
        """What the camera records. Raises ValueError for one that it was not fitted to; names those it was."""
        self._fitted()
        cameras = self._record["cameras"]
        if camera not in cameras:
            raise ValueError(f"{self.name} was not fitted to camera {camera!r}; those are {', '.join(cameras)}.")
        return cameras[camera]

    def camera_keys(self, items: Sequence[SampleRequest]) -> list[str]:
        """The cameras of requested pictures, as the generator names them; see `tables.camera_keys`."""
        return [camera_key(item.camera, item.modality, self._record["cameras"]) for item in items]

    def _weights(self) -> dict[str, Tensor]:
        """What a fitted folder holds of the networks; the rest comes with `make_networks`."""
        return self._fitted().state_dict()

    def _fitted(self) -> nn.ModuleDict:
        if self.networks is None:
            raise ValueError(f"This {self.name} is not fitted: call fit(table, folder), or load(folder).")
        return self.networks

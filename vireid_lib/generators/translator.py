"""What generators share that turn images of one modality into the other with networks of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from torch import Tensor, nn

from vireid_lib.data.cameras import camera_in_table, camera_key
from vireid_lib.data.contents import write_atomically
from vireid_lib.data.images import load_images
from vireid_lib.data.text import read_json
from vireid_lib.generators import galleries, plans
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.config import TranslatorConfig
from vireid_lib.generators.galleries import Pictures
from vireid_lib.generators.interface import Capability, refuse_other_settings, training_rows_only
from vireid_lib.generators.plans import OTHER, Planned
from vireid_lib.training import devices, processes, seeds
from vireid_lib.training.loop import History, train
from vireid_lib.training.task import Task
from vireid_lib.training.weights import read_tensors

RECORD, WEIGHTS, TRAINING = "generator.json", "networks.safetensors", "training"


class TranslationTask(Task):
    """A training whose networks `kept` make the pictures afterwards; `steps` is its length."""

    steps: int
    kept: tuple[str, ...]

    def fitted(self) -> dict[str, nn.Module]:
        """The networks that make the pictures, once training is over; an average of them, say."""
        return {name: self.modules[name] for name in self.kept}


class Translator:
    """Base of trained image-to-image generators. Subclasses say what is trained and how pictures are made.

    A fitted folder holds `networks.safetensors`, `generator.json` (settings, cameras) and the training's checkpoints
    and history.

    Attributes:
        trained_only: the folder gets those weights alone that have a gradient; the others come with `make_networks`.
        networks: those that make pictures, after `fit` or `load`.
        history: losses of the training, after `fit`.
    """

    name: str
    capabilities: frozenset[Capability] = frozenset({"expand", "translate"})
    config_class: ClassVar[type[TranslatorConfig]]
    trained_only: ClassVar[bool] = False

    def __init__(
        self,
        config: TranslatorConfig | None = None,
        *,
        cache: Path | None = None,
        device: str | None = None,
        progress: bool = True,
    ) -> None:
        """
        Args:
            cache: folder of decoded images, or None to keep them in memory.
            device: "cpu", or None for the best one there is.
        """
        self.config = config or self.config_class()
        self.cache, self.progress = cache, progress
        self.device = devices.resolved(device)
        self.networks: nn.ModuleDict | None = None
        self.history = History()
        self._record: dict[str, Any] = {}
        self._table: pd.DataFrame | None = None

    def make_networks(self) -> dict[str, nn.Module]:
        """Fresh networks of those kept after training, by name."""
        raise NotImplementedError(f"{type(self).__name__} has no networks")

    def make_task(self, batches: Batches) -> TranslationTask:
        """The training, with fresh networks drawn from torch's global random state."""
        raise NotImplementedError(f"{type(self).__name__} has no training")

    def about(self) -> dict[str, Any]:
        """What else to keep beside the weights, as JSON values."""
        return {}

    def pictures(self, starts: Sequence[Pictures], items: Sequence[Planned]) -> Pictures:
        """The pictures of items that are alike in modality and in that of their starts.

        Args:
            starts: for each place in `item.starts`, the items' images there, at the networks' size.
        """
        raise NotImplementedError(f"{type(self).__name__} makes no pictures")

    @property
    def starts_from_two(self) -> bool:
        """Whether `expand` makes each picture of two images."""
        return False

    @property
    def knows_cameras(self) -> bool:
        """Whether two cameras of a modality show the same image differently."""
        return False

    def plan(
        self,
        identities: Sequence[str],
        cameras: Sequence[str],
        per_camera: int,
        seed: int,
        folder: Path,
        source: pd.DataFrame,
    ) -> list[Planned]:
        """What `expand` is to make: translations of the person's images of the other modality, or pictures between
        two."""
        modalities = {camera: self.modality(camera) for camera in cameras}
        asked = (identities, cameras, per_camera, seed, folder, source, modalities)
        if self.starts_from_two:
            return plans.plan_pairs(*asked)
        return plans.plan(*asked, knows_cameras=self.knows_cameras)

    def fit(self, table: pd.DataFrame, folder: Path) -> None:
        """Train on those rows of `table` that `config.fitted_rows` leaves.

        Args:
            table: training rows of both modalities, and external visible rows if there are any.

        Raises:
            ValueError: test rows, infrared images of an external identity, or no image of a modality.
        """
        training_rows_only(table, f"{self.name}.fit")
        leaked = table[(table["split"] == "external") & (table["modality"] == "infrared")]
        if len(leaked):
            raise ValueError(
                f"{self.name}.fit: {len(leaked)} external rows are infrared, the first "
                f"{leaked['path'].iloc[0]}: pass the external set's visible rows only."
            )
        table = self.config.fitted_rows(table)
        for modality in OTHER:
            if not (table["modality"] == modality).any():
                raise ValueError(f"{self.name}.fit: the table has no {modality} image; it learns from both modalities.")
        folder, config = Path(folder), self.config
        folder.mkdir(parents=True, exist_ok=True)
        self._table = table
        batches = Batches(self._table, (config.height, config.width), self.cache)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.integer(config.seed, "weights"))
            task = self.make_task(batches)
        task.name, task.config = self.name, {"settings": config.fit_settings(), "table": batches.digest}
        self.history = train(
            task,
            steps=task.steps,
            folder=folder / TRAINING,
            seed=config.seed,
            device=str(self.device),
            checkpoint_every=config.checkpoint_every,
            precision=config.precision,
            progress=self.progress,
        )
        self.networks = nn.ModuleDict(task.fitted()).to(self.device).eval()
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self._weights().items()}
        weights = safetensors.torch.save(tensors)
        self._record = {
            "generator": self.name,
            "config": config.model_dump(mode="json"),
            "cameras": batches.cameras,
            "images": len(table),
            "identities": len(batches.names),
            "steps": task.steps,
            "weights": hashlib.sha256(weights).hexdigest(),
            "seconds": round(self.history.seconds, 1),
            "final_losses": {name: value for name, value in self.history[-1].items() if name != "step"},
            **self.about(),
        }
        if processes.index() == 0:
            write_atomically(folder / WEIGHTS, weights)
            write_atomically(folder / RECORD, json.dumps(self._record, indent=1).encode())
        processes.wait()

    @classmethod
    def load(
        cls,
        folder: Path,
        config: TranslatorConfig | None = None,
        *,
        cache: Path | None = None,
        device: str | None = None,
        progress: bool = True,
    ) -> Translator:
        """What `fit` left in `folder`; see `Generator.load`."""
        folder = Path(folder)
        if not (folder / RECORD).exists():
            raise FileNotFoundError(f"{folder} holds no fitted {cls.name} ({RECORD} is missing): run fit first.")
        record = read_json(folder / RECORD)
        there = cls.config_class(**record["config"])
        config = config or there
        refuse_other_settings(folder, there.fit_settings(), config.fit_settings())
        made = cls(config, cache=cache, device=device, progress=progress)
        made._record = record
        with torch.random.fork_rng(devices=[]):
            made.networks = nn.ModuleDict(made.make_networks())
        made._take(read_tensors(folder / WEIGHTS), folder)
        made.networks.to(made.device).eval()
        return made

    def summary(self) -> dict[str, Any]:
        """Size, length and last losses of the training."""
        names = ("steps", "images", "identities", "final_losses", "weights")
        parameters = sum(parameter.numel() for parameter in self._fitted().parameters())
        return {name: self._record[name] for name in names} | {"parameters": parameters}

    def expand(
        self,
        identities: Sequence[str],
        cameras: Sequence[str],
        per_camera: int,
        seed: int,
        folder: Path,
        *,
        source: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Pictures of the identities under the cameras, made from images of `source`; see `Generator.expand`.

        Raises:
            ValueError: a camera that it was not fitted to, or an identity without images to start from.
        """
        self._fitted()
        rows = self._table if source is None else source
        if rows is None:
            raise ValueError(f"{self.name} was loaded, not fitted: give expand() the images to start from as `source`.")
        planned = self.plan(identities, cameras, per_camera, seed, Path(folder), rows)
        size = (self.config.height, self.config.width)

        def make(items: Sequence[Planned], attempt: int) -> Pictures:
            count = len(items[0].starts)
            starts = [load_images([item.starts[k] for item in items], size, cache=None).pixels for k in range(count)]
            return self.pictures(starts, items)

        settings = self.config.sampling_settings() | {
            "seed": seed,
            "per_camera": per_camera,
            "cameras": list(cameras),
            "identities": list(identities),
            "weights": self._record["weights"],
        }
        del settings["sampling_batch"]
        return galleries.write(
            planned,
            make,
            Path(folder),
            source=self.name,
            settings=settings,
            batch=self.config.sampling_batch,
            group=lambda item: (item.from_modality, item.modality, len(item.starts)),
            progress=self.progress,
        )

    def translate(self, images: Pictures, identity: str, camera: str) -> Pictures:
        """Show `images` of the other modality than the camera's as that camera would; whom they show makes no
        difference.

        Raises:
            ValueError: a camera that it was not fitted to, or images of another size than it was fitted at.
        """
        self._fitted()
        modality, size = self.modality(camera), (self.config.height, self.config.width)
        if images.shape[1:3] != size:
            raise ValueError(
                f"{self.name} was fitted at {size[0]}x{size[1]} pixels and got images of "
                f"{images.shape[1]}x{images.shape[2]}: resize them first."
            )
        items = [
            Planned(
                identity, camera_in_table(camera), Path(), (self.config.seed + place,), ("",), OTHER[modality], modality
            )
            for place in range(len(images))
        ]
        batch = self.config.sampling_batch
        parts = [slice(place, place + batch) for place in range(0, len(images), batch)]
        return np.concatenate([self.pictures([images[part]], items[part]) for part in parts])

    def modality(self, camera: str) -> str:
        """What the camera records. Raises ValueError for one that it was not fitted to; names those it was."""
        cameras = self._record["cameras"]
        if camera not in cameras:
            raise ValueError(f"{self.name} was not fitted to camera {camera!r}; those are {', '.join(cameras)}.")
        return cameras[camera]

    def camera_key(self, camera: str, modality: str) -> str:
        """The camera of a row of that modality, as the generator names it; see `vireid_lib.data.cameras`."""
        return camera_key(camera, modality, self._record["cameras"])

    def camera_keys(self, items: Sequence[Planned]) -> list[str]:
        """The cameras of planned pictures, as the generator names them."""
        return [self.camera_key(item.camera, item.modality) for item in items]

    def _weights(self) -> dict[str, Tensor]:
        if self.trained_only:
            return {name: value for name, value in self._fitted().named_parameters() if value.requires_grad}
        return self._fitted().state_dict()

    @torch.no_grad()
    def _take(self, kept: dict[str, Tensor], folder: Path) -> None:
        own = self._weights()
        if own.keys() != kept.keys():
            lacks, extra = sorted(own.keys() - kept.keys())[:2], sorted(kept.keys() - own.keys())[:2]
            raise ValueError(
                f"{folder / WEIGHTS} does not fit {self.name}'s networks: it lacks {lacks} and has, "
                f"besides, {extra}. Fit anew."
            )
        for name, value in own.items():
            value.copy_(kept[name])

    def _fitted(self) -> nn.ModuleDict:
        if self.networks is None:
            raise ValueError(f"This {self.name} is not fitted: call fit(table, folder), or load(folder).")
        return self.networks

"""DiVE as a generator: fit on two modalities plus an external visible set, expand to new infrared people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from vireid_lib.data import tables
from vireid_lib.data.contents import write_atomically
from vireid_lib.data.text import read_json
from vireid_lib.generators import plans
from vireid_lib.generators.dive import expand as expansion
from vireid_lib.generators.dive import forecast, latents, parallel, vocabulary
from vireid_lib.generators.dive.base import load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.finetune import finetune
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.generators.dive.selection import fitted_rows
from vireid_lib.generators.interface import Capability, refuse_other_settings
from vireid_lib.training import devices, processes
from vireid_lib.training.loop import History

RECORD, TRAINING, CACHE, TABLE = "dive.json", "training", "cache", "fitted_to.csv"
SOURCE_TABLE = "started_from.csv"
WORTH_A_FORECAST = 500  # steps or images; measuring less would take a good part of its time


class Dive:
    """Diffusion-based VI-ReID data expansion (Dai, Lu, Li).

    Use: `dive = Dive(config); dive.fit(table, folder); dive.expand(...)`, or `Dive.load(folder)` for a fitted
    one. A fitted folder holds `tokens.safetensors`, `lora/<branch>/pytorch_lora_weights.safetensors`,
    `dive.json` (settings, codes, base model's digest) and the training's checkpoints and history.

    Attributes:
        model: the mounted model, after `fit` or `load`.
        history: losses of the fine-tuning, after `fit`.
    """

    name = expansion.SOURCE
    config_class = DiveConfig

    def __init__(
        self,
        config: DiveConfig,
        *,
        device: str | None = None,
        cache: Path | None = None,
        progress: bool = True,
        processes: int | None = None,
    ) -> None:
        """
        Args:
            device: "cpu", or None for the best one there is.
            cache: folder for decoded images and latents; None keeps them in the fitted folder.
            processes: that share fitting and sampling; None takes one for each GPU. The result is the same to
                rounding.
        """
        self.config, self.device, self.cache, self.progress = config, device, cache, progress
        self.processes = processes
        self.model: DiveModel | None = None
        self.history = History()
        self._folder: Path | None = None
        self._record: dict[str, Any] = {}

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Both: text-only sampling expands, a noised grey image is translated."""
        return frozenset({"expand", "translate"})

    def fit(self, table: pd.DataFrame, folder: Path) -> None:
        """Fine-tune on `table`: training rows of both modalities and external visible rows.

        Raises:
            ValueError: test rows; or infrared images of an external identity (they are what is to be made).
        """
        table = fitted_rows(table, self.config)
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        count = self.processes or parallel.share_of(self.config.batch, parallel.gpus(self.device))
        if count > 1 and processes.count() == 1:  # what the processes did is found done below
            tables.save(table, folder / TABLE)
            parallel.run({"do": "fit", "table": str(folder / TABLE), **self._about(folder)}, folder, count)
        config, device = self.config, devices.resolved(self.device)
        base = load_base(config.base_model)
        self._record = {
            "config": config.to_json(),
            "base_model_digest": latents.digest(base.unet),
            "vocabulary": (words := vocabulary.build(table, config)).to_json(),
            "infrared": sorted(set(table.loc[table["modality"] == "infrared", "camera"])),
            "images": len(table),
        }
        self.model = DiveModel(base, words, config, seed=config.seed).to(device)
        new = config.steps >= WORTH_A_FORECAST and not (folder / TRAINING).exists()
        if new and (self.progress or processes.count() > 1):  # a step of several processes needs them all
            expected = forecast.forecast(table, config, device=self.device, model=self.model)
            if self.progress:
                print(expected.to_text(folder), flush=True)
        with processes.first_alone():
            encoded = latents.encode(
                table["path"].tolist(),
                base.vae,
                (config.height, config.width),
                cache=self.cache or folder / CACHE,
                progress=self.progress,
            )
        self.history = finetune(
            self.model, table, encoded, folder / TRAINING, device=self.device, progress=self.progress
        )
        self._record["seconds"] = round(self.history.seconds, 1)
        self._folder = folder
        if processes.index() == 0:
            self.model.save(folder)
            write_atomically(folder / RECORD, json.dumps(self._record, indent=1).encode())
        processes.wait()

    @classmethod
    def load(
        cls,
        folder: Path,
        config: DiveConfig | None = None,
        *,
        device: str | None = None,
        cache: Path | None = None,
        progress: bool = True,
    ) -> Dive:
        """A fitted DiVE.

        Args:
            config: None takes the fitted one; otherwise it may differ in what only sampling uses.

        Raises:
            FileNotFoundError: nothing was fitted there.
            ValueError: `config` says something else about what was fitted; names the settings.
        """
        folder = Path(folder)
        if not (folder / RECORD).exists():
            raise FileNotFoundError(f"{folder} holds no fitted DiVE ({RECORD} is missing): run fit first.")
        record = read_json(folder / RECORD)
        there = DiveConfig(**record["config"])
        config = config or there
        refuse_other_settings(folder, there.fit_settings(), config.fit_settings())
        dive = cls(config, device=device, cache=cache, progress=progress)
        dive._record, dive._folder = record, folder
        dive.model = DiveModel.load(folder, vocabulary.Vocabulary(**record["vocabulary"]), config)
        dive.model.to(devices.resolved(device))
        return dive

    def summary(self) -> dict[str, Any]:
        """What was fitted, in a few JSON values for a result record."""
        model = self._fitted()
        return {
            "steps": self.config.steps,
            "batch": self.config.batch,
            "tokens": len(model.vocabulary.identities),
            "codes": model.vocabulary.views,
            "branches": model.branches.names,
            "base_model": self.config.base_model,
            "base_model_digest": self._record["base_model_digest"],
            "final_loss": self.history[-1]["total"] if self.history else None,
        }

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
        """Infrared images of the identities under the cameras; resumable. See `Generator.expand`.

        Args:
            source: with `start: "image"`, a table with the visible images to start from.

        Raises:
            ValueError: an identity or camera that the model was not fitted to, a camera that is not infrared, or
                no image to start from.
        """
        model, config = self._fitted(), self.config
        unknown = sorted(set(identities) - set(model.vocabulary.identities))
        if unknown:
            raise ValueError(
                f"DiVE has no token for {len(unknown)} of these identities, the first {unknown[0]!r}: only people "
                "whose images it was fitted to can be generated."
            )
        for camera in cameras:
            model.vocabulary.view(camera)
            if camera not in self._record["infrared"]:
                known = ", ".join(self._record["infrared"])
                raise ValueError(f"{camera!r} is not an infrared camera that DiVE was fitted to; those are {known}.")
        visible = None
        if config.start == "image":
            if source is None:
                raise ValueError('With start: "image", give expand() the table of visible images as `source`.')
            visible = source[source["modality"] == "visible"]
        count = self.processes or parallel.gpus(self.device)
        if count > 1 and processes.count() == 1:
            self._expand_elsewhere(count, identities, cameras, per_camera, seed, Path(folder), visible)
        plan = plans.plan(
            identities, cameras, per_camera, seed, Path(folder), visible, knows_cameras=config.views == "multi"
        )
        settings = config.sampling_settings() | {
            "base_model": config.base_model,
            "seed": seed,
            "per_camera": per_camera,
            "cameras": list(cameras),
            "identities": list(identities),
            "prompts": model.prompts(identities[:1] * len(cameras), cameras),
            "weights": model.digest(),
        }
        if self.progress and len(plan) >= WORTH_A_FORECAST:
            print(forecast.sampling_text(model, identities[0], cameras[0], len(plan)), flush=True)
        return expansion.run_plan(model, plan, Path(folder), settings=settings, progress=self.progress)

    def translate(
        self, images: UInt8[np.ndarray, "n height width 3"], identity: str, camera: str
    ) -> UInt8[np.ndarray, "n height width 3"]:
        """Start from the noised grey images (`strength` of the schedule) and show them as `camera` would."""
        model = self._fitted()
        model.vocabulary.view(camera)
        requests = [Request(identity, camera, self.config.seed + index) for index in range(len(images))]
        return sample(model, requests, images=images)

    def _expand_elsewhere(
        self,
        count: int,
        identities: Sequence[str],
        cameras: Sequence[str],
        per_camera: int,
        seed: int,
        folder: Path,
        visible: pd.DataFrame | None,
    ) -> None:
        """The images, in several processes; `expand` then finds them done."""
        folder.mkdir(parents=True, exist_ok=True)
        if visible is not None:
            tables.save(visible, folder / SOURCE_TABLE)
        parallel.run(
            {
                "do": "expand",
                "fitted": str(self._folder.resolve()),
                "identities": list(identities),
                "cameras": list(cameras),
                "per_camera": per_camera,
                "seed": seed,
                "source": visible is not None and str(folder / SOURCE_TABLE),
                **self._about(folder),
            },
            folder,
            count,
        )

    def _about(self, folder: Path) -> dict[str, Any]:
        return {
            "config": self.config.model_dump(mode="json"),
            "folder": str(folder.resolve()),
            "device": self.device,
            "cache": self.cache and str(self.cache),
            "progress": self.progress,
        }

    def _fitted(self) -> DiveModel:
        if self.model is None:
            raise ValueError("This DiVE is not fitted: call fit(table, folder), or Dive.load(folder).")
        return self.model

"""DiVE as a generator: fit on two modalities plus an external visible set, expand to new infrared people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8

from vireid_lib.data import tables
from vireid_lib.generators.dive import expand as expansion
from vireid_lib.generators.dive import latents, vocabulary
from vireid_lib.generators.dive.base import load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.finetune import finetune
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.generators.interface import Capability, training_rows_only
from vireid_lib.training.loop import History

RECORD, TABLE, TRAINING, CACHE = "dive.json", "fitted.csv", "training", "cache"


class Dive:
    """Diffusion-based VI-ReID data expansion (Dai, Lu, Li).

    Use: `dive = Dive(config); dive.fit(table, folder); dive.expand(...)`, or `Dive.load(folder)` for a fitted
    one. A fitted folder holds `tokens.safetensors`, `lora/<branch>/pytorch_lora_weights.safetensors`,
    `dive.json` (settings, codes, base model's digest), `fitted.csv` and the training's checkpoints and history.

    Attributes:
        model: the mounted model, after `fit` or `load`.
        history: losses of the fine-tuning, after `fit`.
    """

    name = expansion.SOURCE

    def __init__(
        self,
        config: DiveConfig,
        *,
        seed: int = 0,
        device: str | None = None,
        cache: Path | None = None,
        progress: bool = True,
    ) -> None:
        """
        Args:
            device: "cpu", or None for the best one there is.
            cache: folder for decoded images and latents; None keeps them in the fitted folder.
        """
        self.config, self.seed, self.device, self.cache, self.progress = config, seed, device, cache, progress
        self.model: DiveModel | None = None
        self.history = History()
        self._table = pd.DataFrame()

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Both: text-only sampling expands, a noised grey image is translated."""
        return frozenset({"expand", "translate"})

    def fit(self, table: pd.DataFrame, folder: Path) -> None:
        """Fine-tune on `table`: training rows of both modalities and external visible rows.

        Raises:
            ValueError: test rows; or infrared images of an external identity (they are what is to be made).
        """
        training_rows_only(table, "DiVE.fit")
        leaked = table[(table["split"] == "external") & (table["modality"] == "infrared")]
        if len(leaked):
            raise ValueError(f"DiVE.fit: {len(leaked)} external rows are infrared, the first {leaked['path'].iloc[0]}: "
                             "pass the external set's visible rows only.")  # fmt: skip
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        base = load_base(self.config.base_model)
        device = torch.device(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        base.vae.to(device)
        encoded = latents.encode(
            table["path"].tolist(), base.vae, (self.config.height, self.config.width),
            cache=self.cache or folder / CACHE, progress=self.progress,
        )  # fmt: skip
        digest = latents.digest(base.unet)
        words = vocabulary.build(table, self.config)
        self.model = DiveModel(base, words, self.config, seed=self.seed).to(device)
        self.history = finetune(
            self.model, table, encoded, folder / TRAINING, seed=self.seed, device=self.device, progress=self.progress
        )
        self._table = table.reset_index(drop=True)
        self.model.save(folder)
        tables.save(self._table, folder / TABLE)
        record = {
            "config": self.config.model_dump(mode="json"), "seed": self.seed, "vocabulary": words.to_json(),
            "base_model_digest": digest, "seconds": self.history.seconds,
        }  # fmt: skip
        (folder / RECORD).write_text(json.dumps(record, indent=1))

    @classmethod
    def load(cls, folder: Path, *, device: str | None = None, progress: bool = True, **overrides: object) -> Dive:
        """A fitted DiVE; `overrides` change sampling settings (guidance, sampling_steps, start, ...).

        Raises:
            FileNotFoundError: nothing was fitted there.
        """
        folder = Path(folder)
        if not (folder / RECORD).exists():
            raise FileNotFoundError(f"{folder} holds no fitted DiVE ({RECORD} is missing): run fit first.")
        record = json.loads((folder / RECORD).read_text())
        dive = cls(DiveConfig(**(record["config"] | overrides)), seed=record["seed"], device=device, progress=progress)
        dive.model = DiveModel.load(folder, vocabulary.Vocabulary(**record["vocabulary"]), dive.config)
        dive.model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        dive._table = tables.load(folder / TABLE)
        return dive

    def expand(
        self, identities: Sequence[str], cameras: Sequence[str], per_camera: int, seed: int, folder: Path
    ) -> pd.DataFrame:
        """Infrared images of the identities under the cameras; resumable. See `Generator.expand`.

        Raises:
            ValueError: an identity or camera that the model was not fitted to, or one that is not infrared.
        """
        model, config = self._fitted(), self.config
        unknown = sorted(set(identities) - set(model.vocabulary.identities))
        if unknown:
            raise ValueError(
                f"DiVE has no token for {len(unknown)} of these identities, the first {unknown[0]!r}: only people "
                "whose images it was fitted to can be generated."
            )
        infrared = set(self._table.loc[self._table["modality"] == "infrared", "camera"])
        for camera in cameras:
            model.vocabulary.view(camera)
            if camera not in infrared:
                raise ValueError(f"{camera!r} is not an infrared camera; those are {', '.join(sorted(infrared))}.")
        visible = self._table[self._table["modality"] == "visible"] if config.start == "image" else None
        plan = expansion.make_plan(identities, cameras, per_camera, seed, Path(folder), visible)
        names = ("base_model", "sampling_steps", "guidance", "start", "strength", "height", "width")
        settings = {name: getattr(config, name) for name in names} | {
            "seed": seed, "per_camera": per_camera, "identities": list(identities), "cameras": list(cameras),
            "tokens": latents.digest(model.rows), "prompts": model.prompts(identities[:1], cameras[:1]),
        }  # fmt: skip
        return expansion.run_plan(model, plan, Path(folder), settings=settings, progress=self.progress)

    def translate(
        self, images: UInt8[np.ndarray, "n height width 3"], identity: str, camera: str
    ) -> UInt8[np.ndarray, "n height width 3"]:
        """Start from the noised grey images (`strength` of the schedule) and show them as `camera` would."""
        model = self._fitted()
        model.vocabulary.view(camera)
        requests = [Request(identity, camera, self.seed + index) for index in range(len(images))]
        return sample(model, requests, images=images)

    def _fitted(self) -> DiveModel:
        if self.model is None:
            raise ValueError("This DiVE is not fitted: call fit(table, folder), or Dive.load(folder).")
        return self.model

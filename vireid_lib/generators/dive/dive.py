"""DiVE as a generator: fit on two modalities plus an external visible set, expand to new infrared images."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from vireid_lib.generators.base import plans
from vireid_lib.generators.base.cost import WORTH_AN_ESTIMATE, Estimate
from vireid_lib.generators.base.galleries import Pictures
from vireid_lib.generators.base.generator import Generator
from vireid_lib.generators.base.plans import GalleryRequest, SampleRequest
from vireid_lib.generators.dive import cost, latents, prompts, tone
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.finetune import DiveTask
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.generators.dive.tokens import identity_captions
from vireid_lib.training import processes
from vireid_lib.training.loop import train

TRAINING, CACHE = "training", "cache"


class Dive(Generator):
    """Diffusion-based VI-ReID data expansion (Dai, Lu, Li). Text-only sampling expands; a noised grey image is
    translated. A fitted folder holds what `DiveModel.save` writes, `generator.json` (settings, codes, base model's
    digest) and the training's checkpoints and history.

    Attributes:
        model: the mounted model, after `fit` or `load`.
    """

    name = "dive"
    config_class = DiveConfig
    needs = ("infrared",)
    model: DiveModel | None = None
    _curves: dict[str, tone.Curve]  # of the mounted model, by camera

    def learn(self, table: pd.DataFrame, folder: Path) -> dict[str, Any]:
        config, cache, captions = self.config, self.cache or folder / CACHE, {}
        base = load_base(config.base_model)
        digest, words = latents.digest(base.unet), prompts.build(table, config)
        if config.token_init == "caption":
            with processes.first_alone():
                captions = identity_captions(table, config, device=self.device, cache=cache)
        self.model = DiveModel(base, words, config, captions=captions).to(self.device)
        new = config.steps >= WORTH_AN_ESTIMATE and not (folder / TRAINING).exists()
        if new and (self.progress or processes.count() > 1):  # a step of several processes needs them all
            expected = self.estimate(table)
            if self.progress:
                print(expected.to_text(folder), flush=True)
        size, paths = (config.height, config.width), table["path"].tolist()
        with processes.first_alone():
            encoded = latents.encode(paths, base.vae, size, cache=cache, progress=self.progress)
            levels, self._curves = tone.levels(table, self.model, cache=cache), {}
        task, place = DiveTask(self.model, table, encoded), {"folder": folder / TRAINING, "device": self.device_asked}
        how = {"checkpoint_every": config.checkpoint_every, "precision": config.precision, "progress": self.progress}
        self.history = train(task, steps=config.steps, seed=config.seed, **place, **how)
        task.take_average()
        if processes.index() == 0:
            self.model.save(folder)
        return {
            "base_model_digest": digest,
            "vocabulary": asdict(words),
            "infrared": sorted(set(table.loc[table["modality"] == "infrared", "camera"])),
            "external": tone.people(table),
            "levels": levels,
            "seconds": round(self.history.seconds, 1),
        } | ({"captions": captions} if captions else {})

    def batch_divisor(self, table: pd.DataFrame) -> int:
        return self.config.batch

    def estimate(self, table: pd.DataFrame, synthetic: int = 0) -> Estimate:
        return cost.estimate(self, table, synthetic)

    def restore(self, folder: Path) -> None:
        if self.config.tone == "cameras" and "levels" not in self._record:
            raise ValueError(
                f"{folder} does not say which grey levels its cameras' images have, as no converted release does: set "
                "tone: drawn, or fit DiVE anew."
            )
        self._curves = {}
        self.model = DiveModel.load(folder, prompts.Vocabulary(**self._record["vocabulary"]), self.config)
        self.model.to(self.device)

    def summary(self) -> dict[str, Any]:
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

    @property
    def captions(self) -> dict[str, str]:
        """What each identity's token started from, with `token_init: caption`."""
        return self._record.get("captions", {})

    def plan(self, order: GalleryRequest) -> list[SampleRequest]:
        """Pictures from noise, or with `start: "image"` from the visible images of `source`. Raises ValueError: an
        identity or camera that it was not fitted to, a camera that is not infrared, or no image to start from."""
        model, infrared = self._fitted(), self._record["infrared"]
        for identity in order.identities:
            model.tokens.names(identity)
        for camera in order.cameras:
            shown = model.vocabulary.key(camera, "infrared")
            model.vocabulary.view(shown)
            if shown not in infrared:
                known = ", ".join(infrared)
                raise ValueError(f"{camera!r} is not an infrared camera that DiVE was fitted to; those are {known}.")
        rows = self.source_rows(order.source) if self.config.start == "image" else None
        visible = None if rows is None else rows[rows["modality"] == "visible"]
        return plans.plan(replace(order, source=visible), knows_cameras=self.config.views == "multi")

    def gallery_settings(self, order: GalleryRequest) -> dict[str, Any]:
        model = self._fitted()
        cameras = [model.vocabulary.key(camera, "infrared") for camera in order.cameras]
        said = model.prompts([*order.identities[:1]] * len(cameras), cameras)
        return {"base_model": self.config.base_model, "prompts": said, "weights": model.digest()}

    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        requests = [Request(item.identity, self._key(item), item.seeds[0]) for item in items]
        made = sample(self._fitted(), requests, images=images[0] if images else None)
        if self.config.tone == "drawn":
            return made
        return tone.corrected(made, [self.tone_curve(each.camera) for each in requests])

    def tone_curve(self, camera: str) -> tone.Curve:
        """The curve of `tone: cameras`; drawn once."""
        model = self._fitted()
        if camera not in self._curves:
            real, people = self._record["levels"][camera], self._record["external"]
            self._curves[camera] = tone.curve(model, camera, real, people)
        return self._curves[camera]

    def group(self, item: SampleRequest) -> int:
        """Pictures of one LoRA branch are made together."""
        return self._fitted().vocabulary.branch(self._key(item))

    def translate(self, images: Pictures, identity: str, camera: str) -> Pictures:
        """Start from the noised grey images (`strength` of the schedule) and show them as `camera` would; `tone` is for
        pictures from text."""
        model = self._fitted()
        model.vocabulary.view(camera)
        requests = [Request(identity, camera, self.config.seed + index) for index in range(len(images))]
        return sample(model, requests, images=images)

    def _key(self, item: SampleRequest) -> str:
        return self._fitted().vocabulary.key(item.camera, item.modality)

    def _fitted(self) -> DiveModel:
        if self.model is None:
            raise ValueError("This dive is not fitted: call fit(table, folder), or load(folder).")
        return self.model

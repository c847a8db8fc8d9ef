"""What an experiment depends on: settings, data folders, cache and device; and its stages."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pandas as pd

from vireid_lib import user_paths
from vireid_lib.data.manifest import load_manifest
from vireid_lib.experiment import method_registry, settings
from vireid_lib.experiment.cache import Cache, NotMade
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.provenance import StageRecord

if TYPE_CHECKING:
    from pydantic import BaseModel

    from vireid_lib.reid.config import ReidConfig
    from vireid_lib.reid.method import Method


class Fetched(NamedTuple):
    """A value, and whether older code made a stage that it comes from."""

    value: Any
    older: bool


class MissingData(FileNotFoundError):
    """A data set is not where the profile and --data-root say."""


class Context:
    """What an experiment depends on: settings, the folder of the results, that of the real data sets (empty for the
    miniature world); `pipeline.Run` adds the verbs. Raises MissingData if the profile reads real data and no folder, or
    a wrong one, was given.

    Attributes:
        tables: the data sets' tables that have been read, for `datasets.read`.
        skipped_images: {data set: images that cannot be read and are left out}, of the sets read so far.
    """

    def __init__(self, profile: Profile, workspace: str | Path, data_root: str | Path = "") -> None:
        self.profile = profile
        self.data_root = user_paths.absolute(data_root) if data_root else None
        if self.data_root is not None and not os.path.isdir(self.data_root):  # Path's own raises for long names
            wanted = ", ".join(profile.data.roots.values())
            raise MissingData(f"--data-root {self.data_root} is not a folder; give the one that holds {wanted}.")
        if profile.world is None:
            for name in profile.data.roots:
                self.dataset_root(name)
        self.folder = user_paths.absolute(workspace)
        self.tables: dict[str, object] = {}
        self.skipped_images: dict[str, int] = {}

    def __reduce__(self) -> tuple:
        """For other processes, which read tables and look for a device themselves."""
        return type(self), (self.profile, self.folder, self.data_root or "")

    def with_profile(self, profile: Profile) -> Self:
        """The run with other settings, in the same workspace, which makes stages only if this one's does; tables of
        images that both read are read once."""
        other = type(self)(profile, self.folder, self.data_root or "")
        other.tables, other.skipped_images = self.tables, self.skipped_images
        if "cache" in vars(self):
            other.cache = self.cache
        return other

    def with_method(self, method: str, changes: Mapping[str, object] | None = None) -> Self:
        """The run with another ReID method, or other settings of it; see `settings.with_method`."""
        return self.with_profile(settings.with_method(self.profile, method, changes))

    def stage(
        self,
        name: str,
        config: Mapping[str, object],
        inputs: Mapping[str, object],
        make: Callable[[Path], Mapping[str, object] | None],
        **about: object,
    ) -> StageRecord:
        """Make or fetch a stage; see `Cache.stage`. Where the profile skips broken images, the record's values say
        under "skipped_images" how many were left out."""
        skips = self.profile.data.broken_images == "skip"
        also = {"skipped_images": sum(self.skipped_images.values())} if skips else None
        return self.cache.stage(name, config, inputs, make, manifests=self.manifests, also=also, **about)

    def fetched(self, ask: Callable[[Self], Any]) -> Fetched | None:
        """What `ask(run)` returns where all the stages that it asks for are finished, else None; nothing is made. They
        are found by the keys that the run's settings and today's code give, so that no other results are among them.
        `ask`: gets the run with a cache that makes nothing, e.g. `lambda own: own.evaluate("real", 0)`."""
        own = self.with_profile(self.profile)
        own.cache = self.cache.reading()
        try:
            return Fetched(ask(own), own.cache.older)
        except NotMade:
            return None

    @property
    def method(self) -> type[Method]:
        """The ReID method."""
        return method_registry.method_class(self.profile.reid.method)

    @cached_property
    def reid_config(self) -> ReidConfig:
        return settings.reid_config(self.profile)

    @cached_property
    def generator_config(self) -> Callable[[str], BaseModel]:
        """The settings of a generator, or of a variant of the profile's, by name."""
        return lru_cache(partial(settings.generator_config, self.profile))

    @cached_property
    def device(self) -> str:
        """The device: the profile's, or for "auto" CUDA where there is one, else the CPU. Raises ValueError if there is
        no such device on this machine."""
        if self.profile.device == "cpu":
            return "cpu"
        from vireid_lib.training import devices  # torch takes a second to come

        try:
            return str(devices.resolved(self.profile.device))
        except ValueError as error:
            raise ValueError(f"profile {self.profile.name}: key device: {error}") from None

    @cached_property
    def cache(self) -> Cache:
        return Cache(self.folder, device=self.device)

    @property
    def machine(self) -> dict[str, object]:
        """What the steps compute on: no result depends on it, but for rounding."""
        return {"device": self.device, "cache": self.cache.files}

    @property
    def validation(self) -> bool:
        """Whether the validation identities are held out and ranked, to choose settings."""
        return self.profile.evaluation.identities == "validation"

    @property
    def miniature(self) -> bool:
        """Whether it runs on the world that it draws itself; such numbers are no reproduction of a paper."""
        return self.profile.world is not None

    @property
    def splits(self) -> list[int]:
        """The data set's published training splits: RegDB has one per trial, the others have one."""
        evaluation = self.profile.evaluation
        return list(range(1, evaluation.trials + 1)) if evaluation.protocol == "regdb" else [1]

    @property
    def infrared_cameras(self) -> list[str]:
        """The target's cameras that generators imitate, e.g. "sysu_mm01/3"."""
        name, chosen = self.profile.data.target, self.profile.expand.cameras
        numbers = load_manifest(name).camera_numbers("infrared") if chosen == "infrared" else chosen
        return [f"{name}/{number}" for number in numbers]

    @property
    def manifests(self) -> dict[str, str]:
        """Digest of the manifest of each of the profile's data sets, for records."""
        return {name: load_manifest(name).digest() for name in self.profile.data.roots}

    def dataset_root(self, name: str, world: Path | None = None) -> Path:
        """Folder of a data set, e.g. "sysu_mm01"; in the drawn miniature world, whose folder is `world`. Raises
        MissingData if it does not exist, or no --data-root was given."""
        place, profile = Path(self.profile.data.roots[name]), self.profile.name
        base = world if world is not None else self.data_root
        if base is None and not place.is_absolute():
            where = "inside the folder that --data-root names or beside the profile's file"
            remedy = 'pass --data-root DIR (in a notebook: data_root = "DIR")'
            raise MissingData(f"Profile {profile} reads {name} from {place}, {where}; {remedy}.")
        root = place if place.is_absolute() else base / place
        if not os.path.isdir(root):
            remedy = "Check --data-root, or copy the profile and change data.roots."
            raise MissingData(f"{root} does not exist; profile {profile} expects {name} there. {remedy}")
        return root

    def summary(self) -> dict[str, str]:
        """What it works on, for a reader."""
        profile, config, seeds = self.profile, self.reid_config, len(self.profile.reid.seeds)
        evaluation, data = profile.evaluation, profile.data
        protocol = f"{evaluation.protocol}, {', '.join(evaluation.modes)}, {evaluation.trials} trials"
        protocol += f" of each of {evaluation.galleries} galleries" * (evaluation.galleries > 1)
        reid = f"{profile.reid.method}, {profile.reid.backbone} backbone, {seeds} seed{'s' * (seeds > 1)}"
        found = {"profile": f"{profile.name}: {profile.title}", "target": data.target}
        found |= {"external": data.external or "none", "images": f"{config.height} × {config.width} pixels"}
        return found | {"ReID": reid, "protocol": protocol, "device": self.device}

    def _repr_html_(self) -> str:
        return pd.Series(self.summary()).to_frame().style.format(escape="html").hide(axis="columns").to_html()

"""The generators' side of a run: fitted generators, their galleries, and the training sets that are made of these."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.tables import OTHER
from vireid_lib.experiment import datasets, settings
from vireid_lib.experiment.context import Context
from vireid_lib.experiment.datasets import Datasets
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.training_sets import blends, cameras_of, expansion_of, translations, trimmed

if TYPE_CHECKING:
    from pydantic import BaseModel

    from vireid_lib.generators.base.generator import Generator


class Generating(Context):
    """A run that fits generators and lets them make images; `pipeline.Run` adds trainings and evaluations."""

    def data(self, split: int = 1) -> Datasets:
        """The tables of the profile's data sets; of RegDB's ten splits the one named."""
        return datasets.read(self, split)

    def fit(self, generator: str, split: int = 1, *, external: bool = True) -> StageRecord:
        """Fit a generator to the target's training images and the external visible ones, as its settings say.

        Args:
            generator: its name, or that of a variant of the profile's.
            external: False leaves the external images out, whatever the settings say.
        """
        rows = self.fitted_rows(generator, split, external=external)
        return self._fit(generator, self.generator_config(generator), rows)

    def fitted_rows(self, generator: str, split: int = 1, *, external: bool = True) -> pd.DataFrame:
        """The images that a generator is fitted to; see `fit`."""
        from vireid_lib.generators.base.generator import refuse_identities

        data = self.data(split)
        parts = (data.train_rows(), data.external if external else None)
        table = tables.concat(*(rows for rows in parts if rows is not None))
        refuse_identities(table, data.test(), f"{generator} on {self.profile.data.target}")
        return self.generator_config(generator).fitted_rows(table)

    def generator(self, name: str, split: int = 1, *, external: bool = True, **sampling: object) -> Generator:
        """A fitted generator; `sampling` replaces settings of its pictures, e.g. start="image". See `fit`."""
        from vireid_lib.experiment.steps.synthesize import load

        options = {"name": settings.generator_name(self.profile, name), **self.machine}
        config = self.generator_config(name).model_copy(update=sampling)
        return load(fitted=self.fit(name, split, external=external).folder, config=config, **options)

    def gallery(self, name: str, split: int = 1) -> StageRecord:
        """The stage of `synthesize`. Values: images, distinct (how many differ), identities, cameras."""
        from vireid_lib.experiment.steps.synthesize import expand

        external, config, fitted = self.data(split).external, self.generator_config(name), self.fit(name, split)
        asked = {"cameras": self.infrared_cameras, "per_camera": self.profile.expand.per_camera}
        asked["identities"] = sorted(external["identity"].unique())
        return self._make(expand, f"gallery_{name}", name, config, fitted, external, **asked)

    def synthesize(self, generator: str, split: int = 1) -> pd.DataFrame:
        """The infrared images of the external identities that a generator makes, as rows of the image table."""
        from vireid_lib.experiment.steps.synthesize import load_gallery

        return load_gallery(self.gallery(generator, split))

    def training_set(self, name: str, split: int = 1) -> pd.DataFrame:
        """V* = V ∪ V_ext and I* = I ∪ I_ext of training set `name`: "real" is the target alone; a generator's name adds
        the external visible images and its gallery; "flow2flow.tse" and the like add images of the training identities
        (see `training_sets`)."""
        data = self.data(split)
        real = data.train_rows(hold_out_validation=self.validation)
        if name == "real":
            return real
        if expansion_of(name):
            made = self.more_images(name, split)
            return tables.concat(real, made[made["identity"].isin(set(real["identity"]))])
        added = tables.concat(data.external, self.synthesize(name, split))
        identities = datasets.most_seen(data.external)[: self.profile.reid.expanded]
        return tables.concat(real, added[added["identity"].isin(identities)])

    def with_fit(self, training_set: str, seed: int) -> Self:
        """The run whose generator is fitted as the trainings of `seed` on `training_set` want it: fit f of
        `expand.fits` has the generator's seed + f, for its weights and for its pictures. Fit 0 is this run."""
        if not (fit := settings.fit_of(self.profile, training_set, seed)):
            return self
        name = settings.trained_generator(self.profile, training_set)
        own = {**self.profile.generators.get(name, {}), "seed": self.generator_config(name).seed + fit}
        changed = {"generators": {**self.profile.generators, name: own}}
        return self.with_profile(self.profile.model_copy(update=changed))

    def more_images(self, training_set: str, split: int = 1) -> pd.DataFrame:
        """What a training set such as "flow2flow.tse" adds to the real images. The generator has seen no external
        image. Their sources are not "real"."""
        from vireid_lib.experiment.steps.synthesize import expand, load_gallery, translate

        expansion, real = expansion_of(training_set), self.data(split).train_rows()
        name = expansion.generator
        config, fitted, found = self.generator_config(name), self.fit(name, split, external=False), []
        if "tse" in expansion.kinds:
            by_blending = {"expansion": "interpolate"} if "expansion" in type(config).model_fields else {}
            blending = config.model_copy(update=by_blending)
            for asked, total in blends(real, expansion):
                made = self._make(expand, f"expansion_{name}", name, blending, fitted, real, **asked)
                found.append(trimmed(load_gallery(made), total))
        if "cmg" in expansion.kinds:
            for rows, cameras in translations(real, expansion):
                made = self._make(translate, f"translation_{name}", name, config, fitted, rows, cameras=cameras)
                found.append(load_gallery(made))
        return tables.concat(*found)

    def translated(
        self, training_set: str, rows: pd.DataFrame, split: int = 1
    ) -> tuple[pd.DataFrame, list[StageRecord]]:
        """Images in the other modality, row by row, by the generator of a training set such as "flow2flow.cmg"; and the
        stages that made them. Raises ValueError if the training set has no translations, or an image could not be
        translated."""
        from vireid_lib.experiment.steps.synthesize import load_gallery, one_each, translate

        expansion = expansion_of(training_set)
        if expansion is None or "cmg" not in expansion.kinds:
            why = "has no translations, with which reid.config.describe: compensate describes a test image"
            raise ValueError(f"Training set {training_set!r} {why}: take one with cmg, or describe: both_heads.")
        learnt, records, paths, name = self.data(split).train_rows(), [], {}, expansion.generator
        config, fitted = self.generator_config(name), self.fit(name, split, external=False)
        for modality, other in OTHER.items():
            own, asked = rows[rows["modality"] == modality], cameras_of(learnt, other)
            record = self._make(translate, f"translation_{name}", name, config, fitted, own, cameras=asked)
            made = set(load_gallery(record)["path"])
            planned = one_each(own, asked, config.seed, record.folder)
            paths |= {each.source_images[0]: str(each.path) for each in planned if str(each.path) in made}
            records.append(record)
        if lost := [path for path in rows["path"] if path not in paths]:
            first = f"{len(lost)} test images, the first {lost[0]}"
            raise ValueError(f"{name} gave no usable picture of {first}: take describe: both_heads, or fit it longer.")
        return rows.assign(path=rows["path"].map(paths), modality=rows["modality"].map(OTHER)), records

    def _fit(self, name: str, config: BaseModel, table: pd.DataFrame, threads: int = 2) -> StageRecord:
        from vireid_lib.experiment.steps.fit import fit

        base = settings.generator_name(self.profile, name)
        make = partial(fit, name=base, config=config, table=table, threads=threads, **self.machine)
        inputs, code = {"table": table}, [generators.generator_class(base)]
        return self.stage(f"fit_{base}", config.fit_settings(), inputs, make, code=code, seeds=[config.seed])

    def _make(
        self, do: Callable, stage: str, name: str, config: BaseModel, fit: StageRecord, rows: pd.DataFrame, **asked: Any
    ) -> StageRecord:
        """Have a fitted generator make images of `rows`: `do` is a function of `steps.synthesize`."""
        base = settings.generator_name(self.profile, name)
        options = {"name": base, "config": config, "fitted": fit.folder, "source": rows, **asked}
        make, about = partial(do, **options, **self.machine), config.sampling_settings() | asked
        inputs, code = {"fitted": fit, "source": rows}, [generators.generator_class(base)]
        return self.stage(stage, about | {"seed": config.seed}, inputs, make, code=code, seeds=[config.seed])

"""A run: the settings, data, cache and device of an experiment, and the five verbs of all generators and methods.

    run = experiment.open("mini")
    run.data()                     # the tables of target and external set
    run.fit("dive")                # a fitted generator
    run.synthesize("dive")         # its gallery, as rows of the image table
    run.train("dive", seed=0)      # a network, trained on real images and that gallery
    run.evaluate("dive", seed=0)   # its test features, and its scores under the protocol

Each makes, or fetches, stages of the cache (`experiment.cache`), and continues where it was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from vireid_lib import generators
from vireid_lib.data import tables
from vireid_lib.data.tables import OTHER
from vireid_lib.experiment import datasets, methods, settings, variants
from vireid_lib.experiment.cache import Finished
from vireid_lib.experiment.context import Context
from vireid_lib.experiment.datasets import Datasets
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.training_sets import adds_external, blends, cameras_of, expansion_of, translations, trimmed

if TYPE_CHECKING:
    from jaxtyping import Float
    from pydantic import BaseModel
    from torch import Tensor, nn

    from vireid_lib.evaluation.protocols import EvaluationProtocol
    from vireid_lib.generators.base import Generator
    from vireid_lib.reid.config import ReidConfig


class Run(Context):
    """An experiment with its verbs; see `Context` for what it is made of."""

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

    def synthesize(self, generator: str, split: int = 1) -> pd.DataFrame:
        """The infrared images of the external identities that a generator makes, as rows of the image table."""
        from vireid_lib.experiment.steps.synthesize import load_gallery

        return load_gallery(self.gallery(generator, split))

    def training_set(self, name: str, split: int = 1, *, validation: bool = False) -> pd.DataFrame:
        """V* = V ∪ V_ext and I* = I ∪ I_ext of training set `name`: "real" is the target alone; a generator's name adds
        the external visible images and its gallery; "flow2flow.tse" and the like add images of the training identities
        (see `training_sets`)."""
        data = self.data(split)
        real = data.train_rows(hold_out_validation=validation)
        if name == "real":
            return real
        if expansion_of(name):
            made = self.more_images(name, split)
            return tables.concat(real, made[made["identity"].isin(set(real["identity"]))])
        added = tables.concat(data.external, self.synthesize(name, split))
        identities = datasets.most_seen(data.external)[: self.profile.reid.expanded]
        return tables.concat(real, added[added["identity"].isin(identities)])

    def with_fit(self, training_set: str, seed: int) -> Run:
        """The run whose generator is fitted as the trainings of `seed` on `training_set` want it: fit f of
        `expand.fits` has the generator's seed + f, for its weights and for its pictures. Fit 0 is this run."""
        if not (fit := settings.fit_of(self.profile, training_set, seed)):
            return self
        name = settings.trained_generator(self.profile, training_set)
        own = {**self.profile.generators.get(name, {}), "seed": self.generator_config(name).seed + fit}
        changed = {"generators": {**self.profile.generators, name: own}}
        return self.with_profile(self.profile.model_copy(update=changed))

    def train(
        self, training_set: str, seed: int, split: int = 1, *, validation: bool = False, progress: bool = True
    ) -> StageRecord:
        """Train the profile's ReID method on a training set. Values: steps, images_in_a_batch, images_seen.

        Args:
            split: of the data set's published training splits; see `splits`.
            validation: train without the validation identities, to choose settings.

        Raises:
            ValueError, FileNotFoundError: see `check_draw`; nothing was trained or fitted.
        """
        self.check_draw(validation=validation)
        table, config = self._set(training_set, seed, split, validation), self.reid_config
        if steps_of_epoch := self.epoch_steps(training_set, seed, split, validation=validation):
            config = config.model_copy(update={"epoch_steps": steps_of_epoch})
        inputs: dict[str, object] = {"table": table}
        if config.method in methods.JOINT:
            inputs["start"] = self.starting_point(training_set, seed, split, validation=validation)
        start = inputs["start"].folder if "start" in inputs else None
        about = {"config": config.model_dump(), "training": training_set, "seed": seed, "split": split}
        about |= {"weights": read} if (read := config.weights_read()) else {}
        options = {"config": config, "table": table, "seed": seed, "start": start, "machine": self.machine(progress)}
        make, code = partial(methods.train, **options), [methods.module(config.method)]
        return self.stage(f"train_{training_set}", about, inputs, make, code=code, seeds=[seed])

    def _set(self, training_set: str, seed: int, split: int, validation: bool) -> pd.DataFrame:
        """The training set as the trainings of a seed have it; see `with_fit`."""
        return self.with_fit(training_set, seed).training_set(training_set, split, validation=validation)

    def evaluate(self, training_set: str, seed: int, *, validation: bool = False, progress: bool = True) -> StageRecord:
        """Train on a training set, then rank the test images in every mode of the profile. With RegDB's ten splits,
        ten networks are trained and each is tested on its own.

        Args:
            validation: rank the validation identities instead, which were held out.

        Values: "evaluations": {mode: `Evaluation.to_dict()`}, which `results.score_table` reads; "trainings":
        {split: steps, images_in_a_batch, images_seen, minutes, stage}.
        """
        from vireid_lib.experiment.steps.evaluate import evaluate

        evaluation, about = self.profile.evaluation, self.about_evaluation(training_set, seed, validation=validation)
        trained, ranked, translated, protocols, inputs = {}, {}, {}, {}, {}
        for split in self.splits:
            trained[split] = self.train(training_set, seed, split, validation=validation, progress=progress)
            ranked[split] = self.data(split).test(validation=validation)
            protocols[split] = {mode: self.protocol(mode, split, whole=validation) for mode in evaluation.modes}
            inputs |= {f"trained_{split}": trained[split], f"ranked_{split}": ranked[split]}
            if self.reid_config.needs_translations:
                own = self.with_fit(training_set, seed)
                translated[split], made = own.translated(training_set, ranked[split], split)
                inputs |= {f"translated_{place}_{split}": record for place, record in enumerate(made)}
        if (file := datasets.permutation_file(self)) is not None:
            inputs["permutations"] = file
        options = {"trained": trained, "ranked": ranked, "translated": translated, "protocols": protocols}
        return self.stage(
            f"evaluate_{training_set}",
            about,
            inputs,
            partial(evaluate, **options, machine=self.machine(progress)),
            code=[methods.module(self.profile.reid.method)],
            seeds=[seed],
            protocol=evaluation.protocol,
        )

    def about_evaluation(self, training_set: str, seed: int, *, validation: bool = False) -> dict[str, object]:
        """The settings in the key of `evaluate`, which are quick to tell: the rest takes a look at every image."""
        about = {
            "dataset": self.profile.data.target,
            "external": self.profile.data.external if adds_external(training_set) else None,
            "method": self.profile.reid.method,
            "training": training_set,
            "generator": settings.generator_name(self.profile, training_set),
            "seed": seed,
            "evaluation": self.profile.evaluation.model_dump(),
            "settings": variants.resolved(self.profile, training_set, validation=validation),
        }
        if (fits := self.profile.expand.fits) > 1 and settings.trained_generator(self.profile, training_set):
            about |= {"fits": fits, "fit": settings.fit_of(self.profile, training_set, seed)}
        return about

    def fitted_rows(self, generator: str, split: int = 1, *, external: bool = True) -> pd.DataFrame:
        """The images that a generator is fitted to; see `fit`."""
        from vireid_lib.generators.base import refuse_identities

        data = self.data(split)
        parts = (data.train_rows(), data.external if external else None)
        table = tables.concat(*(rows for rows in parts if rows is not None))
        refuse_identities(table, data.test(), f"{generator} on {self.profile.data.target}")
        return self.generator_config(generator).fitted_rows(table)

    def generator(self, name: str, split: int = 1, *, external: bool = True, **sampling: object) -> Generator:
        """A fitted generator; `sampling` replaces settings of its pictures, e.g. start="image". See `fit`."""
        from vireid_lib.experiment.steps import FITTED

        config = self.generator_config(name).model_copy(update=sampling)
        base = settings.generator_name(self.profile, name)
        folder = self.fit(name, split, external=external).folder / FITTED
        return generators.load(base, folder, config, cache=self.cache.files, device=self.device)

    def gallery(self, name: str, split: int = 1) -> StageRecord:
        """The stage of `synthesize`. Values: images, distinct (how many differ), identities, cameras."""
        from vireid_lib.experiment.steps.synthesize import expand

        external, config, fitted = self.data(split).external, self.generator_config(name), self.fit(name, split)
        asked = {"cameras": self.infrared_cameras, "per_camera": self.profile.expand.per_camera}
        asked["identities"] = sorted(external["identity"].unique())
        return self._make(expand, f"gallery_{name}", name, config, fitted, external, **asked)

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
            raise ValueError(
                f"Training set {training_set!r} has no translations, with which reid.config.describe: compensate "
                "describes a test image: take one with cmg, or describe: both_heads."
            )
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
            raise ValueError(
                f"{name} gave no usable picture of {len(lost)} test images, the first {lost[0]}: take "
                "describe: both_heads, or fit it longer."
            )
        return rows.assign(path=rows["path"].map(paths), modality=rows["modality"].map(OTHER)), records

    def network(self, training_set: str, seed: int, split: int = 1) -> tuple[nn.Module, ReidConfig]:
        """A trained network, in evaluation mode on the CPU, and its settings."""
        return methods.load(self.train(training_set, seed, split).folder)

    def features(
        self, training_set: str, seed: int, split: int = 1, *, plain: bool = False
    ) -> tuple[Float[Tensor, "images dim"], pd.DataFrame]:
        """Test features of a trained network, and the rows that they belong to.

        Args:
            plain: of the images as they are, for distances between images; otherwise as the method is tested.
        """
        return load_features(self.evaluate(training_set, seed), split, plain=plain), self.data(split).test()

    def finished(self, training_set: str, seed: int, *, validation: bool = False) -> StageRecord | None:
        """`evaluate` if it is done, else None."""
        found = self.fetched(lambda own: own.evaluate(training_set, seed, validation=validation, progress=False))
        return None if found is None else found.value

    def protocol(self, mode: str | None = None, split: int = 1, *, whole: bool = False) -> EvaluationProtocol:
        """The profile's protocol in one of its modes (the first by default).

        Args:
            whole: rank everybody in one gallery, whatever `evaluation.galleries` says: rows of few identities.
        """
        from vireid_lib.evaluation.protocols import build_protocol

        evaluation = self.profile.evaluation
        options = dict(evaluation.settings)
        if whole:
            options.pop("galleries", None)
        if evaluation.protocol == "regdb":
            options["trial"] = split
        else:
            options["trial_count"] = evaluation.trials
        if (file := datasets.permutation_file(self)) is not None:
            options["permutation_file"] = file
        return build_protocol(evaluation.protocol, mode or evaluation.modes[0], **options)

    def check_draw(self, *, validation: bool = False) -> None:
        """Draw the galleries of every mode once, where the profile asks for the official ones or for several: a file
        that is missing or does not fit the images, or too few identities, must not be found out after the training.

        Raises:
            ValueError: the file or an image that it names is wrong, or there are fewer identities than the galleries
                need; the message says which, and what to do.
            FileNotFoundError: there is no such file, or no data set.
        """
        if isinstance(self.cache, Finished):
            return  # nothing will be trained
        if datasets.permutation_file(self) is not None or self.profile.evaluation.galleries > 1:
            ranked = self.data().test(validation=validation)
            for mode in self.profile.evaluation.modes:
                self.protocol(mode, whole=validation).trials(ranked)

    def epoch_steps(self, training_set: str, seed: int, split: int = 1, *, validation: bool = False) -> int | None:
        """Steps that make an epoch of a training, by which its length and schedule count (`reid.length` and
        `reid.epoch_batch` of the profile); None leaves it to the method's sampler, or there is nothing that counts
        so."""
        from vireid_lib.reid.batches import steps_per_epoch

        config, reid = self.reid_config, self.profile.reid
        counted, equal = config.model_copy(update=reid.epoch_batch), reid.length == "equal"
        if config.epoch_steps or not {"epochs", "drops"} & set(config.in_epochs):
            return None
        if counted == config and (training_set == "real" or not equal):
            return None
        table = self._set("real" if equal else training_set, seed, split, validation)
        return steps_per_epoch(methods.method_class(config.method), table, counted, seed=seed)

    def starting_point(
        self, training_set: str, seed: int, split: int = 1, *, validation: bool = False, progress: bool = False
    ) -> StageRecord:
        """The fitted generator that a method of `methods.JOINT` starts from; all trainings of a seed share it."""
        rows, config = self.starting_settings(training_set, seed, split, validation=validation)
        return self._fit(self.profile.reid.method, config, rows, threads=1, progress=progress)

    def starting_settings(
        self, training_set: str, seed: int, split: int = 1, *, validation: bool = False
    ) -> tuple[pd.DataFrame, BaseModel]:
        """The rows and the settings of that fit."""
        method, table = self.profile.reid.method, self._set(training_set, seed, split, validation)
        return methods.module(method).starting_point(table, self.generator_config(method), seed, self.reid_config)

    def _fit(
        self, name: str, config: BaseModel, table: pd.DataFrame, *, threads: int = 2, progress: bool = True
    ) -> StageRecord:
        from vireid_lib.experiment.steps.fit import fit

        base = settings.generator_name(self.profile, name)
        make = partial(fit, name=base, config=config, table=table, machine=self.machine(progress), threads=threads)
        inputs, code = {"table": table}, [generators.generator_class(base)]
        return self.stage(f"fit_{base}", config.fit_settings(), inputs, make, code=code, seeds=[config.seed])

    def _make(
        self,
        do: Callable,
        stage: str,
        name: str,
        config: BaseModel,
        fitted: StageRecord,
        source: pd.DataFrame,
        **asked: object,
    ) -> StageRecord:
        """Have a fitted generator make images of `source`: `do` is a function of `steps.synthesize`."""
        base = settings.generator_name(self.profile, name)
        options = {"name": base, "config": config, "fitted": fitted.folder, "source": source, **asked}
        make, about = partial(do, **options, machine=self.machine()), config.sampling_settings() | asked
        inputs, code = {"fitted": fitted, "source": source}, [generators.generator_class(base)]
        return self.stage(stage, about | {"seed": config.seed}, inputs, make, code=code, seeds=[config.seed])


def load_features(evaluated: StageRecord, split: int = 1, *, plain: bool = False) -> Float[Tensor, "images dim"]:
    """Test features that `Run.evaluate` left; see `Run.features`."""
    from vireid_lib.experiment.steps import features_file
    from vireid_lib.training import weights

    return weights.read_file(evaluated.folder / features_file(split))["plain" if plain else "features"]

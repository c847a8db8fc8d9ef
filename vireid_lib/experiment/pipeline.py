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

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from vireid_lib.experiment import datasets, method_registry, settings, variants
from vireid_lib.experiment.generating import Generating
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.training_sets import adds_external

if TYPE_CHECKING:
    from jaxtyping import Float
    from pydantic import BaseModel
    from torch import Tensor, nn

    from vireid_lib.evaluation.protocols import EvaluationProtocol
    from vireid_lib.reid.config import ReidConfig


class Run(Generating):
    """An experiment with its verbs; see `Context` for what it is made of, `Generating` for the first three."""

    def train(self, training_set: str, seed: int, split: int = 1) -> StageRecord:
        """Train the profile's ReID method on a training set; `split`: of the data set's published training splits.
        Values: steps, images_in_a_batch, images_seen. Raises ValueError, FileNotFoundError: see `check_draw`; nothing
        was trained or fitted."""
        self.check_draw()
        table, config = self._set(training_set, seed, split), self.reid_config
        if steps_of_epoch := self.epoch_steps(training_set, seed, split):
            config = config.model_copy(update={"epoch_steps": steps_of_epoch})
        inputs: dict[str, object] = {"table": table}
        if (start := self.starting_point(training_set, seed, split)) is not None:
            inputs["start"] = start
        about = {"config": config.model_dump(), "training": training_set, "seed": seed, "split": split}
        about |= {"weights": read} if (read := config.weights_read()) else {}
        options = {"config": config, "table": table, "seed": seed, "start": start and start.folder} | self.machine
        make, code = partial(method_registry.train, **options), [method_registry.module(config.method)]
        return self.stage(f"train_{training_set}", about, inputs, make, code=code, seeds=[seed])

    def _set(self, training_set: str, seed: int, split: int) -> pd.DataFrame:
        """The training set as the trainings of a seed have it; see `with_fit`."""
        return self.with_fit(training_set, seed).training_set(training_set, split)

    def evaluate(self, training_set: str, seed: int) -> StageRecord:
        """Train on a training set, then rank the test images in every mode of the profile. With RegDB's ten splits,
        ten networks are trained and each is tested on its own.

        Values: "evaluations": {mode: `Evaluation.to_dict()`}, which `results.score_table` reads; "trainings":
        {split: steps, images_in_a_batch, images_seen, minutes, stage}.
        """
        from vireid_lib.experiment.steps.evaluate import evaluate

        evaluation, about = self.profile.evaluation, self.about_evaluation(training_set, seed)
        trained, ranked, translated, protocols, inputs = {}, {}, {}, {}, {}
        for split in self.splits:
            trained[split] = self.train(training_set, seed, split)
            ranked[split] = self.data(split).test(validation=self.validation)
            protocols[split] = {mode: self.protocol(mode, split) for mode in evaluation.modes}
            inputs |= {f"trained_{split}": trained[split], f"ranked_{split}": ranked[split]}
            if self.reid_config.needs_translations:
                own = self.with_fit(training_set, seed)
                translated[split], made = own.translated(training_set, ranked[split], split)
                inputs |= {f"translated_{place}_{split}": record for place, record in enumerate(made)}
        if (file := datasets.permutation_file(self)) is not None:
            inputs["permutations"] = file
        options = {"trained": trained, "ranked": ranked, "translated": translated, "protocols": protocols}
        make, code = partial(evaluate, **options, **self.machine), [method_registry.module(self.profile.reid.method)]
        recorded = {"seeds": [seed], "protocol": evaluation.protocol}
        return self.stage(f"evaluate_{training_set}", about, inputs, make, code=code, **recorded)

    def about_evaluation(self, training_set: str, seed: int) -> dict[str, object]:
        """The settings in the key of `evaluate`, which are quick to tell: the rest takes a look at every image."""
        profile, generator = self.profile, settings.generator_name(self.profile, training_set)
        external = profile.data.external if adds_external(training_set) else None
        about = {"dataset": profile.data.target, "external": external, "method": profile.reid.method}
        about |= {"training": training_set, "generator": generator, "seed": seed}
        about["evaluation"] = profile.evaluation.model_dump(exclude={"identities"})
        about["settings"] = variants.resolved(profile, training_set)
        if (fits := self.profile.expand.fits) > 1 and settings.trained_generator(self.profile, training_set):
            about |= {"fits": fits, "fit": settings.fit_of(self.profile, training_set, seed)}
        return about

    def network(self, training_set: str, seed: int, split: int = 1) -> tuple[nn.Module, ReidConfig]:
        """A trained network, in evaluation mode on the CPU, and its settings."""
        return method_registry.load(self.train(training_set, seed, split).folder)

    def features(
        self, training_set: str, seed: int, split: int = 1, *, plain: bool = False
    ) -> tuple[Float[Tensor, "images dim"], pd.DataFrame]:
        """Test features of a trained network, and the rows that they belong to. `plain`: of the images as they are, for
        distances between images; otherwise as the method is tested."""
        rows = self.data(split).test(validation=self.validation)
        return load_features(self.evaluate(training_set, seed), split, plain=plain), rows

    def finished(self, training_set: str, seed: int) -> StageRecord | None:
        """`evaluate` if it is done, else None."""
        found = self.fetched(lambda own: own.evaluate(training_set, seed))
        return None if found is None else found.value

    def protocol(self, mode: str | None = None, split: int = 1, *, whole: bool = False) -> EvaluationProtocol:
        """The profile's protocol in one of its modes (the first by default). `whole`: rank everybody in one gallery,
        whatever `evaluation.galleries` says, as validation identities always are, for they are few."""
        from vireid_lib.evaluation.protocols import build_protocol

        evaluation = self.profile.evaluation
        options = dict(evaluation.settings)
        if whole or self.validation:
            options.pop("galleries", None)
        if evaluation.protocol == "regdb":
            options["trial"] = split
        else:
            options["trial_count"] = evaluation.trials
        if (file := datasets.permutation_file(self)) is not None:
            options["permutation_file"] = file
        return build_protocol(evaluation.protocol, mode or evaluation.modes[0], **options)

    def check_draw(self) -> None:
        """Draw the galleries of every mode once, where the profile asks for the official ones or for several: a file
        that is missing or does not fit the images, or too few identities, must not be found out after the training.
        Raises FileNotFoundError for a missing file, and ValueError for one that is wrong, or too few identities."""
        if not self.cache.makes:
            return  # nothing will be trained
        if datasets.permutation_file(self) is not None or self.profile.evaluation.galleries > 1:
            ranked = self.data().test(validation=self.validation)
            for mode in self.profile.evaluation.modes:
                self.protocol(mode).trials(ranked)

    def epoch_steps(self, training_set: str, seed: int, split: int = 1) -> int | None:
        """Steps that make an epoch of a training, by which its length and schedule count (`reid.length` and
        `reid.epoch_batch` of the profile); None leaves it to the method's sampler, or there is nothing that counts
        so."""
        from vireid_lib.reid.train import steps_per_epoch

        config, reid = self.reid_config, self.profile.reid
        counted, equal = config.model_copy(update=reid.epoch_batch), reid.length == "equal"
        if config.epoch_steps or not {"epochs", "drops"} & set(config.in_epochs):
            return None
        if counted == config and (training_set == "real" or not equal):
            return None
        table = self._set("real" if equal else training_set, seed, split)
        return steps_per_epoch(self.method, table, counted, seed=seed)

    def starting_point(self, training_set: str, seed: int, split: int = 1) -> StageRecord | None:
        """The fitted generator that the method starts from; None if it starts from none."""
        if self.method.starts_from is None:
            return None
        rows, config = self.starting_settings(training_set, seed, split)
        return self._fit(self.method.starts_from, config, rows, threads=1)

    def starting_settings(self, training_set: str, seed: int, split: int = 1) -> tuple[pd.DataFrame, BaseModel]:
        """The rows and the settings of that fit."""
        table, config = self._set(training_set, seed, split), self.generator_config(self.method.starts_from)
        module = method_registry.module(self.profile.reid.method)
        return module.starting_point(table, config, seed, self.reid_config)


def load_features(evaluated: StageRecord, split: int = 1, *, plain: bool = False) -> Float[Tensor, "images dim"]:
    """Test features that `Run.evaluate` left; see `Run.features`."""
    from vireid_lib.experiment.steps import features_file
    from vireid_lib.training import weights

    return weights.read_file(evaluated.folder / features_file(split))["plain" if plain else "features"]

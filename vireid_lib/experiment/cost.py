"""What `--plan` prints: what each generator will make and how long it will take, before anything is started."""

import json
from collections.abc import Iterator, Mapping

from vireid_lib import generators
from vireid_lib.data.strict import FileError
from vireid_lib.disk import readable
from vireid_lib.experiment import method_registry, settings, variants
from vireid_lib.experiment.context import MissingData
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.results import STUDIES, study_of
from vireid_lib.experiment.study import run_of, trainable
from vireid_lib.experiment.training_sets import adds_external, blends, expansion_of, translations

Asked = tuple[Run, str, str, bool]
"""A run, a generator, a training set, and whether networks are trained on it."""


def plan(run: Run, study: str | None = None, parameters: Mapping[str, object] | None = None) -> Iterator[str]:
    """The plan of each generator that the profile's training sets use, or a study with these `parameters`: its rows, or
    its one generator. It reads the data sets' lists and times a few steps. Raises ValueError: the study has neither."""
    said, left = set(), []
    asked = _used(run, run.profile.reid.training_sets) if study is None else _study(run, study, parameters or {}, left)
    for own, name, training, trained in asked:
        if text := _words(run, own, name, training, trained, said):
            yield text
    yield from left
    if not said:
        yield f"no generator: the training sets are {', '.join(run.profile.reid.training_sets)}"


def _words(run: Run, own: Run, name: str, training: str, trained: bool, said: set[str]) -> str:
    """The plan of a generator for a training set, "" if it is among those `said`; `own` has a row's settings on top of
    those of `run`. `trained`: networks are trained on the set, else the generator is fitted once."""
    config, made, joint = own.generator_config(name), synthetic(own, name, training), name == own.method.starts_from
    starts = joint and training == "real"
    external = "" if starts or expansion_of(training) else own.profile.data.external
    if starts:
        rows, config = own.starting_settings(training, own.profile.reid.seeds[0])
    base = settings.generator_name(own.profile, name)
    if (key := json.dumps([base, config.model_dump(mode="json"), made, external])) in said:
        return ""
    said.add(key)
    sets = f"{own.profile.data.target} with {external}" if external else own.profile.data.target
    changed = ""  # the settings that a row changes
    if own.profile != run.profile:
        ours, before = (each.generator_config(name).model_dump(mode="json") for each in (own, run))
        changed = variants.text(variants.difference(ours, before))
    lines = [f"{name} on profile {run.profile.name}, {sets}{', ' * bool(changed)}{changed}:"]
    if not starts:
        rows = own.fitted_rows(name, external=bool(external))
    try:
        expected = generators.build(base, config, device=own.device, progress=False).estimate(rows, made)
        lines += [f"  {line}" for line in expected.to_text(run.cache.folder).splitlines()]
        if joint and hasattr(module := method_registry.module(own.profile.reid.method), "joint_bytes"):
            people = own.data().train_rows()["identity"].nunique()
            needed = module.joint_bytes(own.reid_config, own.generator_config(name), people)
            lines.append(f"  joint        {readable(needed)} of memory in the training with re-identification")
    except (ValueError, FileNotFoundError) as error:  # the next generator may be fitted all the same
        lines.append(f"  can't be fitted: {error}")
    if trained and (count := len(run.splits)) > 1:
        lines.append(f"  all of it {count} times, once for each of the data set's splits")
    fits = min(own.profile.expand.fits, len(own.profile.reid.seeds))
    if trained and fits > 1 and settings.trained_generator(own.profile, name):
        lines.append(f"  all of it {fits} times, once for each of its fits (expand.fits)")
    return "\n".join(lines)


def synthetic(run: Run, name: str, training: str) -> int:
    """Images that a generator makes for a training set."""
    real = run.data().train_rows()
    if expansion := expansion_of(training):
        made = 0
        if "tse" in expansion.kinds:
            made += sum(len(a["identities"]) * len(a["cameras"]) * a["per_camera"] for a, _ in blends(real, expansion))
        if "cmg" in expansion.kinds:
            made += sum(len(rows) for rows, _ in translations(real, expansion))
        return made
    if not adds_external(training) or name != training:
        return 0
    people = run.data().external["identity"].nunique()
    return people * len(run.infrared_cameras) * run.profile.expand.per_camera


def _used(run: Run, trainings: list[str]) -> Iterator[Asked]:
    for training in trainings:
        for name in variants.generators_of(run.profile, training):
            yield run, name, training, True


def _study(run: Run, study: str, parameters: Mapping[str, object], left: list[str]) -> Iterator[Asked]:
    """The generator that a study shows; or those of its rows, then those that it measures itself. `left` gets what
    could not be planned."""
    if study not in STUDIES:
        if (name := parameters.get("generator")) is None:
            raise ValueError(f"Study {study!r} has neither rows nor a generator: there is nothing to plan.")
        yield run, name, name, False
        return
    known = study_of(run, study, parameters)
    for row in trainable(run, known.chosen(bool(parameters.get("full")))):
        try:
            own = run_of(run, row)
        except (FileError, MissingData) as error:
            left.append(f"row {row.name!r} is not planned: {error}")
            continue
        yield from _used(own, [row.training])
    for name in known.generators:
        yield run, name, "real", False

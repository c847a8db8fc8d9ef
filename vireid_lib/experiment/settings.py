"""A profile's nested settings as the classes that own them: ReID method, generators, miniature world."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from vireid_lib.data.strict import FileError, explained, validated
from vireid_lib.did_you_mean import hint
from vireid_lib.experiment import method_registry
from vireid_lib.experiment.profile import VARIANT_OF, Profile
from vireid_lib.experiment.training_sets import expansion_of
from vireid_lib.training.binding import flat

if TYPE_CHECKING:
    from pydantic import BaseModel

    from vireid_lib.miniworld.write import Size
    from vireid_lib.reid.config import ReidConfig


PLACES = {"backbone": "reid.backbone", "height": "images.height", "width": "images.width"}
"""Settings of a method that a profile has outside of `reid.config`."""


def reid_config(profile: Profile, where: str = "") -> "ReidConfig":
    """The ReID method's settings: what was published for the target data set, or the method's recipe for the miniature
    world with the small backbone; the profile's overrides on top. Raises FileError if there is no such method, or
    `reid.config` sets what the method does not have."""

    where = where or f"profile {profile.name}"
    try:
        config_class = method_registry.config_class(profile.reid.method)
    except ValueError as error:
        raise FileError(f"{where}: key reid.method: {error}") from None
    own = {"backbone": profile.reid.backbone, **(profile.images.model_dump() if profile.images else {})}
    for key in profile.reid.config:
        if key in PLACES:
            raise FileError(f"{where}: key reid.config.{key} would contradict {PLACES[key]}; set it there.")
    published = partial(config_class.published, profile.data.target)
    make = config_class.small if profile.reid.backbone == "small" else published
    return explained(lambda: make(**own, **profile.reid.config), config_class, where, "reid.config")


def generator_name(profile: Profile, name: str) -> str:
    """The generator that `name` is: itself, or what it is the profile's variant of."""
    return profile.variants.get(name, name)


def settings_class(profile: Profile, name: str) -> "type[BaseModel]":
    """The class of the settings of a generator, or of a variant of the profile's."""
    from vireid_lib import generators

    return generators.generator_class(generator_name(profile, name)).config_class


def generator_config(profile: Profile, name: str, where: str = "") -> "BaseModel":
    """The settings of a generator: its paper's, or its small recipe in the miniature world; the profile's overrides on
    top. A variant has its own on top of these. Raises FileError if there is no such generator, or the profile sets what
    it does not have."""
    where, key, base = where or f"profile {profile.name}", f"generators.{name}", generator_name(profile, name)
    own = profile.generators.get(name, {})
    settings = own if base == name else {**profile.generators.get(base, {}), **own}
    try:
        config_class = settings_class(profile, name)
    except ValueError as error:
        raise FileError(f"{where}: key {key}: {error}") from None
    make = config_class if profile.world is None else config_class.small
    settings = {key: value for key, value in settings.items() if key != VARIANT_OF}
    return explained(lambda: make(**settings), config_class, where, key)


def trained_generator(profile: Profile, training: str) -> str | None:
    """The generator, or variant, that is fitted to make training set `training`; None where nothing learns."""
    from vireid_lib import generators
    from vireid_lib.generators.base.untrained import Untrained

    expansion = expansion_of(training)
    name = expansion.generator if expansion else training
    if name == "real" or issubclass(generators.generator_class(generator_name(profile, name)), Untrained):
        return None
    return name


def fit_of(profile: Profile, training: str, seed: int) -> int | None:
    """Which of a generator's fits the trainings of `seed` use, from 0 (`expand.fits`); None where nothing is fitted."""
    return None if trained_generator(profile, training) is None else seed % profile.expand.fits


def world_size(profile: Profile, where: str = "") -> "Size | None":
    """The miniature world's size, None if the profile reads real data. Raises FileError if there is no size of that
    name."""
    from vireid_lib.miniworld.write import SIZES, Size

    if profile.world is None:
        return None
    size, where = profile.world.size, where or f"profile {profile.name}"
    if isinstance(size, str):
        if size not in SIZES:
            raise FileError(f"{where}: key world.size is {size!r}; use {' or '.join(SIZES)}, or numbers of your own.")
        return SIZES[size]
    valid = [field.name for field in dataclasses.fields(Size)]
    if unknown := [key for key in size if key not in valid]:
        raise FileError(f"{where}: unknown key world.size.{unknown[0]}; {hint(unknown[0], valid)}")
    return Size(**size)


def check_nested(profile: Profile, where: str) -> None:
    """Let the classes that own the nested settings judge them, before anything runs. Raises FileError for a setting
    that its owner does not have, or of another type."""
    reid_config(profile, where)
    world_size(profile, where)
    for name in profile.generators:
        generator_config(profile, name, where)


def with_method(profile: Profile, method: str, changes: Mapping[str, object] | None = None) -> Profile:
    """The profile with another ReID method, or other settings of it on top of the profile's. Raises FileError if there
    is no such method, or it lacks a setting that the profile or `changes` sets."""
    changed = {"method": method, "config": {**profile.reid.config, **(changes or {})}}
    found = profile.model_copy(update={"reid": profile.reid.model_copy(update=changed)})
    reid_config(found, f"profile {profile.name} with method {method}")
    return found


def changed(profile: Profile, changes: Mapping[str, object], where: str) -> Profile:
    """The profile with some settings in place of its own. Raises FileError: a setting that the profile, the method or
    the generator does not have, or of another type.

    Args:
        changes: under dotted keys, or sections of several settings: `{"reid.config": {"triplet": "hard"}}`.
        where: names the place of `changes` in an error message.
    """
    values = profile.model_dump()
    for name, value in flat(changes).items():
        *sections, key = name.split(".")
        if not sections:
            words = f"write it as in a profile, e.g. reid.config.{name} or generators.dive.{name}."
            raise FileError(f"{where}: {name} names no section; {words}")
        inner = values
        for section in sections:
            if inner.get(section) is None:
                inner[section] = {}
            inner = inner[section]
            if not isinstance(inner, dict):
                raise FileError(f"{where}: {name} is no setting, for {section} is a single value.")
        inner[key] = value
    found = validated(Profile, values, where)
    check_nested(found, where)
    return found


def check_data_sets(profile: Profile, where: str) -> None:
    """Let the data sets' manifests judge what a profile asks of them now, and not when they are first read. Raises
    FileError if there is no such data set, it is of another kind than is wanted, or has another protocol or other
    cameras."""
    from vireid_lib.data.manifest import load_manifest, manifest_names

    def refuse(key: str, why: str) -> NoReturn:
        raise FileError(f"{where}: key {key} {why}.")

    data, rule, cameras = profile.data, profile.evaluation.protocol, profile.expand.cameras
    for key, name in (("data.target", data.target), ("data.external", data.external)):
        if name is not None and name not in manifest_names():
            refuse(key, f"is {name!r}, which is no data set; {hint(name, manifest_names()).rstrip('.')}")
        if name is not None and profile.world is not None and not name.startswith("mini_"):
            refuse(key, f"is {name!r}, which the miniature world does not draw; write `world: null` for data on disk")
    target = load_manifest(data.target)
    if not (infrared := target.camera_numbers("infrared")):
        refuse("data.target", f"is {data.target!r}, which has no infrared images; name a visible-infrared set")
    if target.protocol.rule != rule:
        refuse("evaluation.protocol", f"is {rule!r}, and {data.target} has {target.protocol.rule!r}; write that")
    if cameras != "infrared" and (unknown := sorted(set(cameras) - set(infrared))):
        known = ", ".join(map(str, infrared))
        refuse("expand.cameras", f"names {unknown[0]}; the infrared cameras of {data.target} to name there are {known}")
    if data.external is not None and load_manifest(data.external).camera_numbers("infrared"):
        refuse("data.external", f"is {data.external!r}, whose people have infrared images; name a visible-only set")
    if "gt_bbox" in profile.expand.splits and data.external and "gt_bbox" not in load_manifest(data.external).splits:
        refuse("expand.splits", f"names gt_bbox, which {data.external} lacks; name parts that it has, [train, gallery]")
    if data.external is None and (made := [name for name in profile.reid.training_sets if name != "real"]):
        refuse("reid.training_sets", f"names {made[0]!r}, made of data.external's people; name that set, or remove it")

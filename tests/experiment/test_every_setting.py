"""Every setting is part of the key of some stage that depends on it: a result is never that of other settings."""

import typing
from functools import partial

import pydantic
import pytest

from vireid_lib import generators
from vireid_lib.data.strict import FileError
from vireid_lib.experiment import datasets, method_registry
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.settings import generator_config, reid_config
from vireid_lib.generators.aligngan.joint_training import UNKNOWN

BY_OTHER_TESTS = {
    "reid.length": "on real data only",
    "reid.epoch_batch": "on real data only",
    "data.target": "on real data only",
    "data.broken_images": "on real data only",
    "evaluation.protocol": "on real data only",
    "evaluation.draw": "needs SYSU-MM01's own file",
    "evaluation.reading": "LLCM's",
    "data.external": "its folder is named with it, see below",
    "data.roots": "a table's digest is that of its images, wherever they lie",
    "expand.min_aspect": "all images of the miniature world have one shape; its rows are in the keys",
    "pretrained": "of the large networks, whose weights are inputs",
    "generators.flow2flow.precision": "float32 alone: in another a flow is not invertible",
    "lpips_features": "weights are inputs",
    "lpips_heads": "weights are inputs",
    "generators.dive.captions": "with token_init: caption alone; its file's contents are in the key",
}
"""Settings that the miniature world can't have otherwise, by their full names or their last words."""

NO_RESULT_DEPENDS_ON = {
    "name": "tells profiles apart",
    "title": "for readers",
    "minutes": "a first guess at the time left",
    "device": "recorded with each result; the same up to rounding",
    "reid.seeds": "which trainings there are; each has its seed in its key",
    "reid.training_sets": "which trainings there are; each has its set in its key",
    "expand.counts": "which rows of a figure there are; each is a profile of its own",
    "generators.dive.cuda_graph": "how the same operations are started on a GPU",
    "generators.dive.sampling_batch": "pictures made at once",
}
"""Settings that change no key, and why they need not."""

NOT_OF_EVERY_METHOD = {"deen": ["non_local"], "aligngan": list(UNKNOWN)}
"""Settings that a method refuses, in the miniature world or anywhere."""

DIVE = {"base_model": ["mini"], "height": [72], "width": [40], "strength": [0.5]}
OTHER_VALUES = {f"generators.dive.{name}": values for name, values in DIVE.items()}
OTHER_VALUES |= {"world.size": ["small"], "device": ["auto"], "minutes": [{"01_datasets": 1.0}]}
OTHER_VALUES |= {"expand.identities": [2], "expand.min_images": [5], "expand.cameras": [[3]], "expand.counts": [[1]]}
OTHER_VALUES |= {"evaluation.modes": [["all", "indoor"]], "reid.method": ["caj"], "reid.backbone": ["resnet50"]}
OTHER_VALUES |= {"reid.config.stages": [3], "reid.config.generation_identities": [3]}
"""Where a valid other value can't be guessed from the value and its type."""


@pytest.fixture(scope="module")
def run(tiny_profile, tmp_path_factory):
    """A run whose world is drawn and whose greyscale copies are made, and nothing else."""
    made = Run(tiny_profile, tmp_path_factory.mktemp("settings"))
    made.synthesize("grayscale")
    datasets.world(made, campus=True)
    return made


@pytest.fixture(scope="module")
def keys(stage_keys):
    """The keys of all stages that `asks` ask for with a profile's settings, but for the world's."""

    def keys(run, profile, asks):
        return {(name, key) for name, key in stage_keys(run.with_profile(profile), *asks) if name != "world"}

    return keys


def others(value, annotation):
    """Values that may be valid in place of a setting's."""
    if value is None:
        return [1, 2, 0.1, 0.9, True, "x"]
    options = [option for each in (annotation, *typing.get_args(annotation)) for option in typing.get_args(each)]
    choices = [each for each in options if isinstance(each, str | bool | int) and each != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value / 2, value * 2, value + 0.1, 0.5, 1, *choices]
    if isinstance(value, str):
        return [*choices, f"{value}x"]
    items = list(value)
    if items and isinstance(items[0], int | float):
        return [[each * 2 for each in items], [each / 2 for each in items], [*items, items[-1] + 1], items[:-1]]
    return [items[:-1], [*items, "x"], *([choice] for choice in choices)]


def changed(profile, section, name, value):
    """The profile with another value of one setting; raises ValueError where that is not valid."""
    values = profile.model_dump()
    part = values
    for key in filter(None, section.split(".")):
        part = part.setdefault(key, {})
    part[name] = value
    return Profile.model_validate(values)


def check(keys, run, section, settings, fields, resolve, asks, skip=()):
    """See that each setting changes some key, is listed as needing none, or is left to other tests.

    Args:
        section: of the profile, "reid.config"; "" for the profile itself.
        settings: the values as they are. resolve: profile to the settings that it means.
    """
    before, forgotten, unguessed = keys(run, run.profile, asks), [], []
    for name, value in settings.items():
        full = f"{section}.{name}" if section else name
        if {full, name} & {*BY_OTHER_TESTS, *skip}:
            continue
        for other in [*OTHER_VALUES.get(full, ()), *others(value, fields[name].annotation)]:
            try:
                profile = changed(run.profile, section, name, other)
                if resolve(profile) == resolve(run.profile):
                    continue
            except (ValueError, TypeError, FileError, KeyError):
                continue
            if (keys(run, profile, asks) == before) != (full in NO_RESULT_DEPENDS_ON):
                forgotten.append(full)
            break
        else:
            unguessed.append(full)
    assert not forgotten, "these settings are in no key (or are listed as needing none, and are in one)"
    assert not unguessed, "give these settings another valid value in OTHER_VALUES"


@pytest.mark.parametrize("method", method_registry.names())
def test_settings_of_a_method(keys, run, method):
    reid = {"method": method, "config": {"steps": 2, "identities": 3, "images": 2}}
    profile = run.profile.model_copy(update={"reid": run.profile.reid.model_copy(update=reid)})
    config, asks = reid_config(profile), [lambda own: own.train("real", 0)]
    skip = ("method", "backbone", "height", "width", "form", *NOT_OF_EVERY_METHOD.get(method, ()))
    settings, fields = config.model_dump(), type(config).model_fields
    check(keys, run.with_profile(profile), "reid.config", settings, fields, reid_config, asks, skip)


def check_generator(keys, run, name, asks, only=(), skip=()):
    config = run.generator_config(name)
    settings = {key: value for key, value in config.model_dump().items() if not only or key in only}
    fields = type(config).model_fields
    resolve = partial(generator_config, name=name)
    check(keys, run, f"generators.{name}", settings, fields, resolve, asks, ("form", *skip))


@pytest.mark.parametrize("name", generators.names())
def test_settings_of_a_generator(keys, run, name):
    asks = [lambda own: own.gallery(name)]
    if name == "flow2flow":
        asks += [lambda own, kind=kind: own.more_images(f"flow2flow.{kind}") for kind in ("tse", "cmg")]
    if name == "dive":
        asks += [lambda own: own.gallery("dive_from_image")]
    check_generator(keys, run, name, asks, skip=["start"] if name == "dive" else ())


@pytest.mark.parametrize("name", ["vi_diff", "flow2flow", "cyclegan"])
def test_settings_of_pictures_count_for_the_training_people_too(keys, run, name):
    """CMG's gallery once forgot them: other numbers of sampling steps, the same pictures."""
    sampling = run.generator_config(name).sampling_settings()
    check_generator(keys, run, name, [lambda own: own.more_images(f"{name}.cmg")], only=sampling)


@pytest.mark.parametrize("section", ["", "world", "images", "reid", "expand", "evaluation", "data"])
def test_settings_of_a_profile(keys, run, section):
    part = getattr(run.profile, section) if section else run.profile
    elsewhere = ("generators", "config", "world")
    settings = {
        name: value
        for name, value in part.model_dump().items()
        if not isinstance(getattr(part, name), pydantic.BaseModel) and name not in elsewhere
    }
    asks = [lambda own: own.gallery("dive"), lambda own: own.train("dive", 1)]
    asks += [lambda own, name=name: own.evaluate(name, 0) for name in ("real", "grayscale")]
    check(keys, run, section, settings, type(part).model_fields, lambda profile: profile, asks)


def test_another_external_set_counts(keys, run):
    """Its folder is named with it."""
    roots = {"mini_vi": "mini_vi", "mini_campus": "mini_campus"}
    data = run.profile.data.model_copy(update={"external": "mini_campus", "roots": roots})
    asks = [lambda own: own.gallery("interpolation")]
    before, after = (keys(run, each, asks) for each in (run.profile, run.profile.model_copy(update={"data": data})))
    galleries = [{key for name, key in each if name == "gallery_interpolation"} for each in (before, after)]
    assert all(galleries) and not galleries[0] & galleries[1]

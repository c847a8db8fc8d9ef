"""Every setting is part of the key of some stage that depends on it: a result is never that of other settings."""

import typing

import pydantic
import pytest

from vireid_lib import generators
from vireid_lib.data.strict import FileError
from vireid_lib.experiment import joint_training as joint
from vireid_lib.experiment import pipeline as stages
from vireid_lib.experiment import training_expansion as own_people
from vireid_lib.experiment.completed import Finished
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.run import Book
from vireid_lib.experiment.settings import dive_config, generator_config, reid_config

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
    "pretrained": "of the large networks, whose weights are inputs",
    "lpips_features": "weights are inputs",
    "lpips_heads": "weights are inputs",
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
    "dive.cuda_graph": "how the same operations are started on a GPU",
    "dive.sampling_batch": "pictures made at once",
}
"""Settings that change no key, and why they need not."""

OTHER_VALUES = {
    "dive.base_model": ["mini"],
    "dive.height": [72],
    "dive.width": [40],
    "dive.strength": [0.5],
    "world.size": ["small"],
    "device": ["cuda:1"],
    "minutes": [{"01_datasets": 1.0}],
    "expand.identities": [2],
    "expand.min_images": [5],
    "expand.cameras": [[3]],
    "expand.counts": [[1]],
    "evaluation.modes": [["all", "indoor"]],
    "reid.method": ["caj"],
    "reid.backbone": ["resnet50"],
    "reid.config.stages": [3],
    "reid.config.generation_identities": [3],
}
"""Where a valid other value can't be guessed from the value and its type."""


class Noted(Finished):
    """Notes the key of each stage that is asked for, and passes off as finished what is not."""

    def __init__(self, of):
        super().__init__(of)
        self.keys = set()

    def _finished(self, name, key, made_of):
        self.keys.add((name, key))
        return super()._finished(name, key, made_of) or StageRecord(name, key, self.stages / name / key, {"values": {}})


@pytest.fixture(scope="module")
def book(tiny_profile, tmp_path_factory):
    """A book whose world is drawn and whose greyscale copies are made, and nothing else."""
    made = Book(tiny_profile, tmp_path_factory.mktemp("settings"))
    stages.gallery(made, "grayscale")
    return made


def keys(book, profile, asks):
    """The keys of all stages that `asks` ask for with a profile's settings."""
    own = book.with_profile(profile)
    own.tables = {}
    own.workspace = Noted(book.workspace)
    for ask in asks:
        try:
            ask(own)
        except (FileNotFoundError, ValueError, KeyError):  # what was passed off as finished has no files
            continue
    return own.workspace.keys


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
    for key in filter(None, section.split("/")):
        part = part.setdefault(key, {})
    part[name] = value
    return Profile.model_validate(values)


def check(book, section, place, settings, fields, resolve, asks, skip=()):
    """See that each setting changes some key, is listed as needing none, or is left to other tests.

    Args:
        section: of the profile, "reid/config", and `place`, the same for readers, "reid.config".
        settings: the values as they are. resolve: profile to the settings that it means.
    """
    before, forgotten, unguessed = keys(book, book.profile, asks), [], []
    for name, value in settings.items():
        full = f"{place}.{name}" if place else name
        if {full, name} & {*BY_OTHER_TESTS, *skip}:
            continue
        for other in [*OTHER_VALUES.get(full, ()), *others(value, fields[name].annotation)]:
            try:
                profile = changed(book.profile, section, name, other)
                if resolve(profile) == resolve(book.profile):
                    continue
            except (ValueError, TypeError, FileError, KeyError):
                continue
            if (keys(book, profile, asks) == before) != (full in NO_RESULT_DEPENDS_ON):
                forgotten.append(full)
            break
        else:
            unguessed.append(full)
    assert not forgotten, "these settings are in no key (or are listed as needing none, and are in one)"
    assert not unguessed, "give these settings another valid value in OTHER_VALUES"


@pytest.mark.parametrize("method", joint.names())
def test_settings_of_a_method(book, method):
    profile = book.profile.model_copy(
        update={
            "reid": book.profile.reid.model_copy(
                update={"method": method, "config": {"steps": 2, "identities": 3, "images": 2}}
            )
        }
    )
    config = reid_config(profile)
    check(
        book.with_profile(profile),
        "reid/config",
        "reid.config",
        config.model_dump(),
        type(config).model_fields,
        lambda profile: reid_config(profile).model_dump(),
        [lambda own: stages.reid(own, "real", 0)],
        skip=("method", "backbone", "height", "width", "form", "non_local")
        if method == "deen"
        else ("method", "backbone", "height", "width", "form"),
    )


@pytest.mark.parametrize("name", [each for each in generators.names() if each != "dive"])
def test_settings_of_a_generator(book, name):
    config = generator_config(book.profile, name)
    asks = [lambda own: stages.gallery(own, name)]
    if name == "flow2flow":
        asks += [lambda own, kind=kind: own_people.images(own, f"flow2flow.{kind}") for kind in ("tse", "cmg")]
    check(
        book,
        f"generators/{name}",
        f"generators.{name}",
        config.model_dump(),
        type(config).model_fields,
        lambda profile: generator_config(profile, name).model_dump(),
        asks,
        skip=("form",),
    )


@pytest.mark.parametrize("name", ["vi_diff", "flow2flow", "cyclegan"])
def test_settings_of_pictures_count_for_the_training_people_too(book, name):
    """CMG's gallery once forgot them: other numbers of sampling steps, the same pictures."""
    config = generator_config(book.profile, name)
    sampling = {key: value for key, value in config.model_dump().items() if key in config.sampling_settings()}
    check(
        book,
        f"generators/{name}",
        f"generators.{name}",
        sampling,
        type(config).model_fields,
        lambda profile: generator_config(profile, name).model_dump(),
        [lambda own: own_people.images(own, f"{name}.cmg")],
    )


def test_settings_of_dive(book):
    config = dive_config(book.profile)
    check(
        book,
        "dive",
        "dive",
        config.model_dump(),
        type(config).model_fields,
        lambda profile: dive_config(profile).model_dump(),
        [lambda own: stages.gallery(own, "dive"), lambda own: stages.gallery(own, "dive_from_image")],
        skip=("form", "start"),
    )


@pytest.mark.parametrize("section", ["", "world", "images", "reid", "expand", "evaluation", "data"])
def test_settings_of_a_profile(book, section):
    part = getattr(book.profile, section) if section else book.profile
    elsewhere = ("dive", "generators", "config", "world")
    settings = {
        name: value
        for name, value in part.model_dump().items()
        if not isinstance(getattr(part, name), pydantic.BaseModel) and name not in elsewhere
    }
    asks = [
        lambda own: stages.gallery(own, "dive"),
        lambda own: stages.reid(own, "real", 0),
        lambda own: stages.reid(own, "grayscale", 0),
    ]
    check(book, section, section, settings, type(part).model_fields, lambda profile: profile, asks)


def test_another_external_set_counts(book):
    """Its folder is named with it."""
    data = book.profile.data.model_copy(
        update={"external": "mini_campus", "roots": {"mini_vi": "mini_vi", "mini_campus": "mini_campus"}}
    )
    asks = [lambda own: stages.gallery(own, "grayscale"), lambda own: stages.reid(own, "grayscale", 0)]
    before, after = (
        keys(book, profile, asks) for profile in (book.profile, book.profile.model_copy(update={"data": data}))
    )
    assert before and after and not {name for name, key in before if (name, key) in after} & {"gallery_copies"}

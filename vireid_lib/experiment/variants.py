"""What a number was measured with, setting by setting, and how that differs from what a paper published.

Nobody types a variant. `resolved` lists every setting that a training's result depends on, under its key in a profile
("generators.dive.views", "reid.config.triplet"); evaluations record that list. `published` is the same list for what
was published. Their difference is the variant: empty for a number that was obtained as a paper's was.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

from vireid_lib.data.manifest import load_manifest
from vireid_lib.experiment import method_registry
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.settings import PLACES, changed, generator_config, generator_name, reid_config
from vireid_lib.experiment.training_sets import adds_external, expansion_of

Settings = Mapping[str, object]
"""Values as JSON has them, under dotted keys of a profile."""

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    # Papers count in epochs, and an epoch grows with the images that are added, as in the releases of AGW, CAJ, DEEN.
    "reid": {"length": "published"},
    # DiVE prints no precision. Its release keeps the frozen network in half precision (fp16); bf16 is the nearest here.
    "generators": {"dive": {"precision": "bf16"}},
    # "We generate 18 infrared images for each modality identifier" (DiVE, Implementation Details). Its release expands
    # those with 12 images or more in Market-1501's gt_bbox, all 1,011 of them (Fig. 5): no limit on identities. Images
    # of any shape count; wide ones are left out of fitting alone (`min_aspect` of the generator).
    "expand": {"per_camera": 18, "min_images": 12, "splits": ["gt_bbox"]},
}
"""What was published and is not the default of the class that owns the setting, by section of a profile. Everything
else is the method's `published` for the data set, the generator's default, or the profile's."""

PUBLISHED_ON: Mapping[str, Mapping[str, Any]] = {
    # The paper's 8 characters without one in two codes are impossible for 18 views; 3 are the most that 62 allow.
    "llcm": {"generators": {"dive": {"code_length": 3}}}
}
"""What was published for one data set alone."""

NO_VARIANT: Mapping[str, str] = {
    "method": "scores name their method; numbers are matched by it",
    "seed": "draws one of equals; no paper prints the seeds of its generators",
    "compile": "the same network, compiled: only rounding may differ",
    "channels_last": "the order of a map's numbers in memory: only rounding may differ",
    "cuda_graph": "the same passes, recorded once: only rounding may differ",
    "checkpoint_every": "a training that was resumed ends with the same weights",
    "lpips_features": "where LPIPS' weights lie; `lpips` says whether they are used",
    "lpips_heads": "the same",
    "micro_batch": "the same gradients, computed in parts: only rounding may differ",
    "sampling_batch": "every picture has a seed of its own: only rounding may differ",
    "seeds": "repetitions, over which scores are averaged",
    "fits": "repetitions too; a score names their number",
    "training_sets": "which trainings a chapter compares; each score names its own",
    "config": "listed setting by setting",
    "counts": "which rows the study of DiVE has (its Figure 5)",
}
"""Settings that are no part of a variant, and why. `precision` is one: bfloat16 rounds enough to change rankings."""

UNRECORDED = "not recorded"
"""In place of a setting that did not exist yet when a score was recorded: nobody knows what it would have been."""


def resolved(profile: Profile, training: str) -> dict[str, object]:
    """Every setting that a training on `training` with this profile depends on; data set, external set, training set,
    method, seed and protocol stand in the score itself. Raises ValueError: no such training set, method or generator,
    or (FileError) a setting that it does not have."""
    external = adds_external(training)
    found = {PLACES.get(key, f"reid.config.{key}"): value for key, value in _listed(reid_config(profile)).items()}
    for name in generators_of(profile, training):
        values = generator_config(profile, name).comparable_settings()
        left = {*NO_VARIANT, *(["expansion"] if expansion_of(training) else [])}  # the training set's name says which
        base = f"generators.{generator_name(profile, name)}"
        found |= {f"{base}.{key}": value for key, value in values.items() if key not in left}
    more = _listed(profile.reid)
    if not external:
        more.pop("expanded")
    if training == "real":
        more.pop("length")  # there is no larger set whose epochs could be longer
    found |= {f"reid.{key}": value for key, value in more.items()}
    if external:
        values = _listed(profile.expand)
        cameras, known = values["cameras"], load_manifest(profile.data.target).camera_numbers("infrared")
        every = cameras == "infrared" or sorted(cameras) == known
        values |= {"cameras": "infrared" if every else sorted(cameras), "splits": sorted(values["splits"])}
        found |= {f"expand.{key}": value for key, value in values.items()}
    if profile.world is not None:
        found |= {"world.seed": profile.world.seed, "world.size": profile.world.size}
    return found | {"validation": profile.evaluation.identities == "validation"}


def _listed(settings: object) -> dict[str, object]:
    values = settings.model_dump(mode="json")
    return {key: value for key, value in values.items() if key not in NO_VARIANT}


def generators_of(profile: Profile, training: str) -> list[str]:
    """The generators whose settings a training depends on: the method's own, and the training set's."""
    start = method_registry.method_class(profile.reid.method).starts_from
    names = [] if start is None else [start]
    if own := expansion_of(training):
        return [*names, own.generator]
    return names if training == "real" else [*names, training]


@functools.cache
def as_published(dataset: str, method: str) -> Profile:
    """A profile with everything as it was published for a data set."""
    reid = {"method": method, "backbone": "resnet50", "seeds": [0], "training_sets": ["real"], **PUBLISHED["reid"]}
    there = PUBLISHED_ON.get(dataset, {}).get("generators", {})
    generators = {name: own | there.get(name, {}) for name, own in PUBLISHED["generators"].items()}
    about = {"name": "published", "title": "as published", "world": None, "reid": reid, "generators": generators}
    about |= {"data": {"target": dataset, "roots": {dataset: dataset}}, "expand": PUBLISHED["expand"]}
    return Profile(**about, evaluation={"protocol": "sysu-mm01", "modes": ["all"]})


@functools.cache
def published(dataset: str, method: str, training: str) -> Settings:
    """`resolved` of what was published for a data set."""
    return resolved(as_published(dataset, method), training)


def of_printed(dataset: str, method: str, training: str, changes: Settings, where: str = "") -> dict[str, object]:
    """The variant of a number that a paper prints: what `changes`, on top of what was published, come to. Raises as
    `settings.changed`."""
    if not changes:
        return {}
    own = changed(as_published(dataset, method), changes, where or f"{method} on {training}")
    return difference(resolved(own, training), published(dataset, method, training))


def of_score(dataset: str, method: str, training: str, settings: Settings | None) -> dict[str, object] | None:
    """The variant of a score that was recorded with `settings`; None if nobody knows it: an old record without them,
    or a method or a generator that is no more."""
    if settings is None:
        return None
    try:
        return difference(settings, published(dataset, method, training))
    except ValueError:
        return None


def difference(ours: Settings, other: Settings) -> dict[str, object]:
    """Our value of every setting in which the two differ."""
    return {
        key: ours.get(key, UNRECORDED)
        for key in sorted({*ours, *other})
        if key not in ours or key not in other or ours[key] != other[key]
    }


def text(settings: Settings) -> str:
    """Settings for reading, different for different ones: "expand.per_camera = 4; reid.config.triplet = hard"."""
    return "; ".join(
        f"{key} = {value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items()
    )

"""What a notebook's parameters may be. The runner checks every one before the first chapter starts.

A parameters cell holds lines such as `people = 8  # 2 or more: how many are shown`. The default says the type. The
comment may begin with a kind and a colon: a kind of name (`NAMED`; with an "s", several of them between commas),
"shares", "weights" (a file, or a hub id such as "timm/resnet50.tv_in1k"), or "N or more". Without that, a parameter
that is called as a kind is of that kind, and a number must be at least 1 where its default is, else at least 0.
"""

import math
import re

import yaml
from pydantic import TypeAdapter, ValidationError

from vireid_lib import places
from vireid_lib.data import yaml12
from vireid_lib.experiment.metrics import SCORES
from vireid_lib.experiment.profile import Profile, training_sets
from vireid_lib.nearest import nearest

AT_LEAST = re.compile(r"(\d+) or more")
SHARES, WEIGHTS = "shares", "weights"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
TYPES = {int: "a whole number", float: "a number", bool: "true or false", list: "a list of such values"}
NAMED = ("method", "generator", "metric", "training set")


def _choices(kind: str, profile: Profile | None) -> dict[str, str]:
    """The valid names of a kind, each with what else it is called. A training set is one besides the real images."""
    from vireid_lib import generators
    from vireid_lib.experiment import methods

    if kind == "metric":
        return SCORES
    if kind == "training set":
        return dict.fromkeys(training_sets(profile)[1:], "")
    return dict.fromkeys((methods if kind == "method" else generators).names(), "")


def kind_of(name: str, comment: str) -> str:
    """A parameter's kind, "" if it has none: what its comment begins with, or else its own name."""
    written = comment.partition(":")[0].strip()
    if written in (SHARES, WEIGHTS) or written.removesuffix("s") in NAMED or AT_LEAST.fullmatch(written):
        return written
    return name if name in NAMED else ""


def parse(text: str, default: object, kind: str = "", profile: Profile | None = None) -> object:
    """The value that `text` says, of the default's type and of the parameter's kind; some names depend on the profile
    that the chapters run on. Raises ValueError, with the nearest valid value or all, for another type or value."""
    value = text if isinstance(default, str) else _typed(text, default)
    check(value, default, kind, profile)
    # a notebook runs in its own folder, and not where the command was given
    return str(places.absolute(value)) if kind == WEIGHTS and _is_file(value) else value


def check(value: object, default: object, kind: str = "", profile: Profile | None = None) -> None:
    """Raise ValueError unless a value of the default's type is valid; see `parse`."""
    if kind == WEIGHTS:
        if value and not (_is_file(value) or HUB_ID.fullmatch(value)):
            raise ValueError(f"{value!r} is no file of weights, and no hub id such as timm/resnet50.tv_in1k")
    elif isinstance(value, str):
        several, kind = kind.endswith("s"), kind.removesuffix("s")
        for name in [each.strip() for each in value.split(",")] if several else [value]:
            if kind in NAMED and not (name == "" == default):
                _one_of(name, _choices(kind, profile), kind)
    elif isinstance(value, list):
        if default and not value:
            raise ValueError(f"the list is empty; its default is {default!r}")
        for each in value:
            _number(each, default[0] if default else each, kind)
    else:
        _number(value, default, kind)


def _is_file(value: str) -> bool:
    try:
        return bool(value) and places.absolute(value).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _one_of(name: str, choices: dict[str, str], kind: str) -> None:
    if name not in choices:
        called = {**{other: each for each, other in choices.items() if other}, **{each: each for each in choices}}
        meant = "".join(f"did you mean {called[near]}? " for near in nearest(name, called, cutoff=0.5))
        raise ValueError(f"{name!r} is no {kind}; {meant}There are {', '.join(choices)}")


def _number(value: object, default: object, kind: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if not math.isfinite(value):
        raise ValueError(f"{value} is no finite number; its default is {default!r}")
    if kind == SHARES:
        if not 0 < value <= 1:
            raise ValueError(f"{value} is no share; write a number above 0 and up to 1, such as {default!r}")
        return
    written = AT_LEAST.fullmatch(kind)
    least = int(written[1]) if written else 1 if isinstance(default, int) and default >= 1 else 0
    if value < least:
        raise ValueError(f"{value} is too small; write {least} or more")


def _typed(text: str, default: object) -> object:
    try:
        value = yaml12.load(text)
    except yaml.YAMLError:
        value = text
    kind = list[type(default[0])] if isinstance(default, list) and default else type(default)
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        raise ValueError(f"wants {TYPES[type(default)]} there (its default is {default!r})") from None

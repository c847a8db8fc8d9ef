"""What a notebook's parameters may be. The runner checks every one before the first chapter starts.

A parameters cell holds lines such as `people = 8  # 2 or more: how many are shown`. The default says the type. The
comment may begin with a kind and a colon: a kind of name (`NAMED`; with an "s", several of them between commas),
"shares", "weights" (a file, or a hub id such as "timm/resnet50.tv_in1k"), or "N or more". Without that, a parameter
that is called as a kind is of that kind, and a number must be at least 1 where its default is, else at least 0.
"""

import contextlib
import re
from typing import Annotated

import yaml
from pydantic import AfterValidator, Field, FiniteFloat, TypeAdapter, ValidationError

from vireid_lib import user_paths
from vireid_lib.data.strict import load_yaml
from vireid_lib.did_you_mean import nearest
from vireid_lib.experiment.metrics import SCORES
from vireid_lib.experiment.profile import Profile, training_sets

AT_LEAST = re.compile(r"(\d+) or more")
SHARES, WEIGHTS = "shares", "weights"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
NAMED = ("method", "generator", "metric", "training set")


def kind_of(name: str, comment: str) -> str:
    """A parameter's kind, "" if it has none: what its comment begins with, or else its own name."""
    written = comment.partition(":")[0].strip()
    if written in (SHARES, WEIGHTS) or written.removesuffix("s") in NAMED or AT_LEAST.fullmatch(written):
        return written
    return name if name in NAMED else ""


def parse(text: str, default: object, kind: str = "", profile: Profile | None = None) -> object:
    """The value that `text` says, of the default's type and of the parameter's kind; some names depend on the profile
    that the chapters run on. Raises ValueError, with the nearest valid value or all, for another type or value."""
    value = text
    if not isinstance(default, str):
        with contextlib.suppress(yaml.YAMLError):  # a text is of no other type
            value = load_yaml(text)
    value = check(value, default, kind, profile)
    # a notebook runs in its own folder, and not where the command was given
    return str(user_paths.absolute(value)) if kind == WEIGHTS and _is_file(value) else value


def check(value: object, default: object, kind: str = "", profile: Profile | None = None) -> object:
    """The value, if it is valid beside this default; see `parse`."""
    try:
        return TypeAdapter(_type(default, kind, profile)).validate_python(value, strict=True)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        raise ValueError(f"{why} (its default is {default!r})") from None


def _type(default: object, kind: str, profile: Profile | None) -> object:
    """The type of the values that are valid beside a default."""
    if isinstance(default, str):
        return Annotated[str, AfterValidator(lambda text: _named(text, kind, profile) if text or default else "")]
    if isinstance(default, bool):
        return bool
    if isinstance(default, list):
        return Annotated[list[_type(default[0], kind, profile)], Field(min_length=1)] if default else list
    if kind == SHARES:
        return Annotated[FiniteFloat, Field(gt=0, le=1)]
    written, whole = AT_LEAST.fullmatch(kind), isinstance(default, int)
    least = int(written[1]) if written else int(whole and default >= 1)
    return Annotated[int if whole else FiniteFloat, Field(ge=least)]


def _named(text: str, kind: str, profile: Profile | None) -> str:
    """The text, if it names what there is of its kind."""
    if kind == WEIGHTS:
        if text and not (_is_file(text) or HUB_ID.fullmatch(text)):
            raise ValueError(f"{text!r} is no file of weights, and no hub id such as timm/resnet50.tv_in1k")
    elif (one := kind.removesuffix("s")) in NAMED:
        known = _known(one, profile)
        called = {other: name for name, other in known.items() if other} | {name: name for name in known}
        for name in [text] if kind == one else map(str.strip, text.split(",")):
            if name not in known:
                meant = "".join(f"did you mean {called[near]}? " for near in nearest(name, called, cutoff=0.5))
                raise ValueError(f"{name!r} is no {one}; {meant}There are {', '.join(known)}")
    return text


def _known(kind: str, profile: Profile | None) -> dict[str, str]:
    """The valid names of a kind, each with what else it is called. A training set is one besides the real images."""
    from vireid_lib import generators
    from vireid_lib.experiment import method_registry

    if kind == "metric":
        return SCORES
    if kind == "training set":
        return dict.fromkeys(training_sets(profile)[1:], "")
    return dict.fromkeys((method_registry if kind == "method" else generators).names(), "")


def _is_file(value: str) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a name that no file can have
        return bool(value) and user_paths.absolute(value).is_file()
    return False

"""Strict YAML: every file that people edit is read through here, and a mistake is named with its remedy.

YAML is what version 1.2 means (its core schema, section 10.3.2). PyYAML follows 1.1, to which `010` is eight, `1:30`
ninety, `yes` and `off` truth values, `1_000` a thousand, `2024-01-01` a date and `5e-5` text.
"""

import re
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from vireid_lib.data.text import TextError, read_text
from vireid_lib.did_you_mean import hint


class Strict(BaseModel):
    """Base of the models read from YAML: no unknown keys, no silent conversion, no later changes, finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


class FileError(ValueError):
    """A YAML file that does not say what it should; the message names file, key and remedy."""


def read_yaml(path: Path) -> dict:
    """The mapping in a YAML file. Raises FileError: it is not UTF-8 YAML, no mapping, or writes a key twice."""
    try:
        content = load_yaml(read_text(path))
    except TextError as error:
        raise FileError(str(error)) from None
    except yaml.YAMLError as error:
        raise FileError(f"{path} is not valid YAML, correct it there: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise FileError(f"{path} holds {type(content).__name__}; write `key: value` lines.")
    return content


def read_model(path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a strict model. Raises FileError as `explained`."""
    return validated(model, read_yaml(path), str(path))


def validated(model: type[Model], content: dict, where: str) -> Model:
    """Make `content` a model. Raises FileError as `explained`."""
    return explained(lambda: model.model_validate(content), model, where)


def explained(make: Callable[[], Model], model: type[BaseModel], where: str, prefix: str = "") -> Model:
    """Return `make()`, with pydantic's complaints about `model` put in words. Raises FileError: naming `where` (the
    file), the key, after its section `prefix`, and the nearest valid key or the type that is wanted."""
    try:
        return make()
    except ValidationError as error:
        lines = [_explain(problem, model, prefix) for problem in error.errors()]
        raise FileError(f"{where}: " + "; ".join(lines)) from None


def _explain(problem: dict, model: type[BaseModel], prefix: str) -> str:
    """Turn one of pydantic's problems into one sentence with the key's full name and a remedy."""
    # Pydantic adds the tried type to the place of a value that may have several types; a reader needs none.
    types = ("str", "int", "float", "bool", "none")
    steps = [step for step in problem["loc"] if not (step in types or (isinstance(step, str) and "[" in step))]
    names = [prefix] * bool(prefix) + [f"[{step}]" if isinstance(step, int) else str(step) for step in steps]
    key = ".".join(names).replace(".[", "[")
    if problem["type"] == "extra_forbidden":
        valid = list(_model_at(model, steps[:-1]).model_fields)
        return f"unknown key {key}; {hint(str(steps[-1]), sorted(valid), cutoff=0.5)}"
    if problem["type"] == "missing":
        return f"key {key} is missing; add it."
    message = problem["msg"].removeprefix("Value error, ")
    if not steps:
        return f"{message.rstrip('.')}."
    return f"key {key} is {problem['input']!r}: {message[0].lower()}{message[1:].rstrip('.')}."


def _model_at(model: type[BaseModel], steps: list) -> type[BaseModel]:
    """Return the model class of the section that `steps` lead to."""
    for step in steps:
        if step in model.model_fields:  # otherwise a place in a list, or a key of a mapping to models
            model = _model_in(model.model_fields[step].annotation) or model
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _model_in(inner):
            return found
    return None


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2; a key that a mapping writes twice is an error."""

    yaml_implicit_resolvers = {}

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict:
        seen: set[object] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():  # else PyYAML complains
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key_node, yaml.ScalarNode):  # `{{ name }}`, say, of a template that nobody filled in
                raise _error(f"{reprlib.repr(key)} stands where a key should; write a name", key_node)
            if key in seen:
                raise _error(f"key {key!r} is written twice; remove one", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, KeyError, AttributeError):  # of constructors that an explicit tag gives something else
            tag = node.tag.rsplit(":", 1)[-1]
            raise _error(f"the tag !!{tag} does not fit what it stands before; leave it out", node) from None

    def whole_number(self, node: yaml.ScalarNode) -> int:
        """`-12`, `0o14`, `0xC`; zeros in front mean nothing. What 64 bits cannot hold is an error."""
        text = self.construct_scalar(node)
        number = 1 << 64 if len(text) > 99 else int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if not -(1 << 63) <= number < 1 << 63:
            raise _error(f"{reprlib.repr(text)} is beyond the whole numbers of 64 bits; write a smaller one", node)
        return number


def _error(what: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, node.start_mark)


DECIMAL = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
SCALARS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": rf"{DECIMAL}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
}
for name, pattern in SCALARS.items():
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(f"(?:{pattern})\\Z"), None)
Loader.add_constructor("tag:yaml.org,2002:int", Loader.whole_number)


def load_yaml(text: str) -> object:
    """What a YAML text says. Raises yaml.YAMLError if it is none, or writes a key twice."""
    try:
        return yaml.load(text, Loader=Loader)
    except RecursionError:
        raise yaml.YAMLError("it nests hundreds of brackets; write fewer") from None

"""YAML as version 1.2 means it (its core schema, section 10.3.2). PyYAML follows 1.1, to which `010` is eight, `1:30`
ninety, `yes` and `off` truth values, `1_000` a thousand, `2024-01-01` a date and `5e-5` text."""

import re
import reprlib

import yaml


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


SCALARS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
)
for name, pattern, first in SCALARS:
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(f"(?:{pattern})\\Z"), first)
Loader.add_constructor("tag:yaml.org,2002:int", Loader.whole_number)


def load(text: str) -> object:
    """What a YAML text says. Raises yaml.YAMLError if it is none, or writes a key twice."""
    try:
        return yaml.load(text, Loader=Loader)
    except RecursionError:
        raise yaml.YAMLError("it nests hundreds of brackets; write fewer") from None

"""Values computed with the authors' code: where they lie, how they are read, and the rules that they state in words.

`VIREID_ORACLES` names another folder of the same form, with other sizes, constants and values; the tests take all of
these from the files, so that they run on it unchanged.
"""

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

SHIPPED = Path(__file__).parent / "oracles"
FOLDER = Path(os.environ.get("VIREID_ORACLES") or SHIPPED)
FUNCTIONS = {"sin": np.sin, "cos": np.cos, "sqrt": np.sqrt, "exp": np.exp, "pi": np.pi}


def names(pattern: str) -> list[str]:
    """Names such as "losses/wrt_plain" of the files that a pattern such as "losses/wrt_*" fits, for `parametrize`."""
    found = sorted(path.relative_to(FOLDER).as_posix().rsplit(".", 1)[0] for path in FOLDER.glob(f"{pattern}.npz"))
    assert found or FOLDER != SHIPPED, f"no oracle {pattern}"
    return found


def has(name: str) -> bool:
    """Whether the folder has an oracle."""
    return (FOLDER / f"{name}.npz").exists()


def _there(file: str) -> Path:
    path = FOLDER / file
    if FOLDER != SHIPPED and not path.exists():
        pytest.skip(f"{FOLDER} has no {file}", allow_module_level=True)
    return path


def read(name: str, dtype: torch.dtype | None = None) -> dict[str, torch.Tensor]:
    """The tensors of an oracle by name ("in.…", "w.…", "out.…"); with `dtype`, the floating-point ones in that."""
    with np.load(_there(f"{name}.npz"), allow_pickle=False) as file:
        held = {key: torch.from_numpy(np.array(file[key])) for key in file.files if key != "meta"}
    return {key: value.to(dtype) if dtype and value.is_floating_point() else value for key, value in held.items()}


def weights(held: dict[str, torch.Tensor], renamed: Callable[[str], str | None]) -> dict[str, torch.Tensor]:
    """An oracle's weights under our names; `renamed` gives None for what we have no use for."""
    theirs = [name for name in held if name.startswith("w.")]
    return {own: held[name] for name in theirs if (own := renamed(name.removeprefix("w."))) is not None}


def meta(name: str) -> dict:
    """What an oracle says of itself: sizes, margins, rules."""
    with np.load(_there(f"{name}.npz"), allow_pickle=False) as file:
        return json.loads(bytes(file["meta"]))


def read_json(name: str) -> dict:
    """An oracle that is plain JSON, such as "schedules/lr_and_groups"."""
    return json.loads(_there(f"{name}.json").read_text(encoding="utf-8"))


def schedule(name: str) -> tuple[dict, float]:
    """(what a release's training script sets up, the rate that its rates are multiples of)."""
    held = read_json("schedules/lr_and_groups")
    return held[name], held["meta"]["base_lr"]


def classes_of(groups: list[dict]) -> int:
    """How many identities a recorded optimiser's classifier has: its third group, behind the BN neck's two vectors."""
    return groups[2]["n_values"] // (groups[1]["n_values"] // 2)


def in_name(name: str, letter: str, otherwise: float) -> float:
    """The number behind `_<letter>` in an oracle's name: 0.3 in "ori_triplet_m0.3"."""
    found = re.search(rf"_{letter}(\d+(?:\.\d+)?)", name)
    return float(found[1]) if found else otherwise


def images(about: dict, batch: int | None = None) -> dict[str, torch.Tensor]:
    """{modality: [batch, 3, height, width] in float64} by an oracle's `input_rule`, "x[n,ch,y,x] = sin(…), …".

    Args:
        about: with "input_rule", "spatial" and, where `batch` is None, "batch".
    """
    shape = (batch or about["batch"], 3, *about["spatial"])
    places = dict(zip(("n", "ch", "y", "x"), np.meshgrid(*map(np.arange, shape), indexing="ij"), strict=True))
    made = {}
    for modality in ("visible", "infrared"):
        formula = re.fullmatch(r"x\[n,ch,y,x\] = (.+?)(, equal in .*)?", about["input_rule"][modality])[1]
        made[modality] = torch.from_numpy(_value(formula, **places))
    return made


def fill(name: str, place: int, shape: list[int], rule: dict) -> torch.Tensor:
    """A weight by an oracle's `fill_rule`: of its name, its place in the list, its shape and the constants."""
    of_hash = re.match(r"h = (.+?) mod 2\^(\d+).*?, u = (.+?)(, |$)", rule["hash"])
    index = np.arange(int(np.prod(shape)), dtype=np.uint64)
    constants = {letter: np.uint64(rule[letter]) for letter in "abc"}
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is exact modulo a smaller power of two
        hashed = _value(of_hash[1], i=index, j=np.uint64(place), **constants) % np.uint64(2 ** int(of_hash[2]))
    uniform = _value(of_hash[3], h=hashed.astype(np.float64))
    ending = next((end for end in ("running_var", "running_mean", "bias") if name.endswith(end)), None)
    text = rule[ending or ("weight_ndim_1" if len(shape) == 1 else "weight_ndim_ge_2")]
    formula = re.match(r"value = (.+?)( \(.*\)|, .*)?$", text)[1]
    shares = re.findall(r"([\d.]+) if (?:the name|it) contains '([^']+)'", text)
    otherwise = (re.findall(r"otherwise ([\d.]+)", text) or [1])[0]
    share = float(next((number for number, part in shares if part in name), otherwise))
    filled = _value(formula, u=uniform, m=share, fan_in=int(np.prod(shape[1:])))
    return torch.from_numpy(filled.reshape(shape))


def filled(network: nn.Module, oracle: dict, renamed: Callable[[str], str | None], without: Sequence = ()) -> None:
    """Give a network all weights that an oracle lists, by its `fill_rule`, but for its parts `without` them."""
    held = {}
    for place, (name, shape) in enumerate(oracle["entries"]):
        if (own := renamed(name)) is not None and own.split(".")[0] not in without:
            held[own] = fill(name, place, shape, oracle["fill_rule"])
    missing, unexpected = network.load_state_dict(held, strict=False)
    missing = [name for name in missing if name.split(".")[0] not in without]
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)


def expansion_name(theirs: str) -> str:
    """Ours of a layer of DEEN's DEE: FC12.weight is branch 1's second convolution, FC1.weight its last."""
    number, kind = theirs.removeprefix("FC").split(".")
    branch = int(number[0]) - 1
    return f"restore.{branch}.{kind}" if len(number) == 1 else f"reduce.{branch}.{int(number[1]) - 1}.{kind}"


def _value(formula: str, **known: object) -> np.ndarray:
    """Evaluate a formula of numbers, the functions above and the names that are given; nothing else is known to it."""
    return eval(formula.replace("^", "**"), {"__builtins__": {}}, FUNCTIONS | known)

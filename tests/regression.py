"""What a workspace holds, in digests that survive a redesign: scores, weights of networks and generators, galleries.

    python tests/regression.py WORKSPACE                # compare with the oracle of this kind of processor
    python tests/regression.py WORKSPACE --write NAME   # make it the oracle NAME

The oracles in `tests/oracles/regression.json` are of the smoke book, one for each kind of processor (on the one with
AVX2 with DEN's and Flow2Flow's studies), and of seed 0 of mini. They were made again when the trainings of a seed were
paired (other initial weights and batches). The same bits are expected of the same versions on the same kind of
processor with the same width of vectors; another kind rounds otherwise, which makes another training of every seed. The
oldest oracle names no family, and its "AMD EPYC" is not of family 26.
"""

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from vireid_lib.data import tables
from vireid_lib.experiment import method_registry
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.provenance import StageRecord, hardware, versions
from vireid_lib.experiment.steps import FITTED, TABLE

ORACLE = Path(__file__).parent / "oracles" / "regression.json"
DIGITS = 16


def contents(workspace: Path) -> dict[str, dict[str, list]]:
    """Everything of a workspace that must stay the same: kind → name → sorted digests and scores."""
    found: dict[str, dict[str, set]] = defaultdict(lambda: defaultdict(set))
    records = Cache(workspace).records()
    by_place = {f"{record.name}/{record.key}": record for record in records}
    for record in records:
        kind, _, name = record.name.partition("_")
        if kind == "evaluate":
            for mode, evaluation in record.values["evaluations"].items():
                mean = evaluation["mean"]
                trained = [by_place[each["stage"]] for each in record.values["trainings"].values()]
                weights = "+".join(map(network, trained))
                about = record.result["config"]
                scores = [mean[metric] for metric in ("rank_1", "mean_ap", "mean_inp")]
                key = f"{about['method']} on {about['training']}, seed {about['seed']}, {mode}"
                found["evaluations"][key].add((*scores, weights))
        elif kind == "fit":
            found["generators"][name].add(generator(record.folder / FITTED))
        elif kind == "gallery" and (record.folder / TABLE).exists():
            found["galleries"][name].add(gallery(record))
    return {kind: {name: sorted(held) for name, held in sorted(own.items())} for kind, own in found.items()}


def network(record: StageRecord) -> str:
    """Digest of a trained network's weights."""
    return _tensors(method_registry.load(record.folder)[0].state_dict().values())


def generator(folder: Path) -> str:
    """Digest of what a generator keeps of its fitting."""
    files = [path for path in sorted(folder.rglob("*.safetensors")) if "training" not in path.relative_to(folder).parts]
    return _tensors(tensor for path in files for tensor in safetensors.torch.load_file(path).values())


def gallery(record: StageRecord) -> str:
    """Digest of a gallery's pictures with whom they show and under which camera."""
    held = []
    for row in tables.load(record.folder / TABLE).itertuples():
        pixels = np.asarray(Image.open(row.path).convert("RGB"))
        held.append(f"{row.identity} {row.camera} {hashlib.sha256(pixels.tobytes()).hexdigest()}")
    return hashlib.sha256("\n".join(sorted(held)).encode()).hexdigest()[:DIGITS]


def _tensors(tensors) -> str:
    """Digest of tensors whatever they are called."""
    own = (f"{tuple(each.shape)} {each.dtype} {_bytes(each)}" for each in tensors)
    return hashlib.sha256("\n".join(sorted(own)).encode()).hexdigest()[:DIGITS]


def _bytes(tensor) -> str:
    return hashlib.sha256(tensor.detach().cpu().contiguous().reshape(-1).numpy().tobytes()).hexdigest()


def machine() -> dict[str, str]:
    """What the bits depend on besides the code."""
    kind = {"processor": hardware()["processor"], "vectors": torch.backends.cpu.get_cpu_capability()}
    return {**kind, **{name: versions()[name] for name in ("torch", "numpy", "pillow")}}


def profile_of(workspace: Path) -> str:
    """The profile that a workspace's book was run with."""
    return json.loads((workspace / "book.json").read_text())["profile"]["name"]


def differences(found: dict, expected: dict) -> list[str]:
    """What is not as the oracle has it, a line each. What was not made, or is not in the oracle, is no difference."""
    lines = []
    for kind, own in found.items():
        for name, held in own.items():
            if name not in expected.get(kind, {}):
                continue
            known = [list(each) if isinstance(each, tuple) else each for each in expected[kind][name]]
            for each in held:
                if (list(each) if isinstance(each, tuple) else each) not in known:
                    lines.append(f"{kind}, {name}: {each} is not among {known}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--write", metavar="NAME", help="of the oracle that is made or replaced")
    parser.add_argument("--seed", type=int, help="write the trainings of this seed alone")
    options = parser.parse_args()
    found, oracle = contents(options.workspace), json.loads(ORACLE.read_text()) if ORACLE.exists() else {}
    about = {"profile": profile_of(options.workspace), "machine": machine()}
    if options.write:
        of_seed = "" if options.seed is None else f", seed {options.seed},"
        found["evaluations"] = {name: held for name, held in found["evaluations"].items() if of_seed in name}
        oracle[options.write] = about | found
        ORACLE.write_text(json.dumps(oracle, indent=1, ensure_ascii=False) + "\n")
        return 0
    oldest = about["machine"] | {"processor": about["machine"]["processor"].partition(", family")[0]}  # names no family
    own = [each for each in oracle.values() if each["profile"] == about["profile"]]
    expected = next((each for kind in (about["machine"], oldest) for each in own if each["machine"] == kind), None)
    if expected is None:
        known = "; ".join(f"{each['profile']} on {each['machine']}" for each in oracle.values())
        print(f"The oracles are of {known}; this is {about}: nothing can be compared bit for bit.")
        return 2
    lines = differences(found, expected)
    counted = sum(len(held) for kind, own in found.items() for name, held in own.items() if name in expected[kind])
    print("\n".join(lines) or f"All {counted} that the oracle knows are the same.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

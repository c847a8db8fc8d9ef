"""Converts the authors' released files, a token dictionary and an old-style LoRA, into a fitted folder of ours."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.data.contents import write_atomically
from vireid_lib.generators.base import RECORD
from vireid_lib.generators.dive import latents
from vireid_lib.generators.dive.base import load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import SHARED, Vocabulary
from vireid_lib.training.weights import WeightsError, read_file, refuse_non_finite

# "unet." may be missing; attention processors of diffusers before 0.22 say "processor.to_q_lora.down.weight", those
# after it "to_q.lora.down.weight".
KEY = re.compile(
    r"(?:unet\.)?(?P<block>.+\.attn[12])\.(?:processor\.)?(?P<layer>to_q|to_k|to_v|to_out)(?:\.0)?[._]lora"
    r"\.(?P<part>down\.weight|up\.weight|alpha)"
)


def read_tokens(file: Path) -> dict[str, Float[Tensor, " width"]]:
    """The learned embedding of each person, by the person's name in the release. Raises WeightsError: the file holds
    anything else. The release keeps `learned_embeds_dict` (placeholder to vector) with `name2placeholder`; a plain
    dictionary of placeholders to vectors is read too, by placeholder. Nothing but tensors and names is unpickled."""
    held = _dictionary(file)
    vectors = held.get("learned_embeds_dict", held)
    if "learned_embeds_dict" in held:
        names = held.get("name2placeholder", {})
        missing = sorted(str(name) for name, token in names.items() if token not in vectors)
        if missing or not names:
            lacks = f"no vector for {missing[0]!r}" if missing else "no name2placeholder"
            raise WeightsError(f"{file} holds {lacks}: take the file that the last step wrote.")
        vectors = {str(name): vectors[token] for name, token in names.items()}
    found = {}
    for name, vector in vectors.items():
        if not isinstance(vector, Tensor) or vector.squeeze().ndim != 1:
            raise WeightsError(f"{file}: {name!r} is no vector; a learned_embeds file maps tokens to vectors.")
        found[name] = vector.detach().float().squeeze()
    refuse_non_finite(found, file)
    return found


def read_lora(file: Path) -> dict[str, tuple[Float[Tensor, "rank inputs"], Float[Tensor, "outputs rank"]]]:
    """(down, up) by the name of the layer that they correct; a file's `alpha` is multiplied into `up`. Raises
    WeightsError: a key is not of the U-Net's attention, a part is missing or does not fit the other, or a value is not
    finite."""
    tensors = _dictionary(file)
    refuse_non_finite({key: tensor for key, tensor in tensors.items() if isinstance(tensor, Tensor)}, file)
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        match = KEY.fullmatch(key)
        if not match or not isinstance(tensor, Tensor):
            raise WeightsError(f"{file}: {key!r} is no LoRA of the U-Net's attention, which is all DiVE trains.")
        layer = f"{match['block']}.{match['layer']}" + ".0" * (match["layer"] == "to_out")
        parts.setdefault(layer, {})[match["part"].removesuffix(".weight")] = tensor.detach().float()
    found = {}
    for layer, part in parts.items():
        if not {"down", "up"} <= part.keys():
            raise WeightsError(f"{file}: {layer} has {', '.join(sorted(part))} alone, not down and up.")
        down, up = part["down"], part["up"]
        if down.ndim != 2 or up.ndim != 2 or len(down) != up.shape[1]:
            shapes = f"{tuple(down.shape)} and {tuple(up.shape)}"
            raise WeightsError(f"{file}: {layer} is {shapes}, not (rank, inputs) and (outputs, rank).")
        found[layer] = (down, up * part["alpha"] / len(down) if "alpha" in part else up)
    return found


def convert(
    tokens: Path,
    lora: Path,
    folder: Path,
    *,
    names: Mapping[str, str],
    codes: Mapping[str, str],
    infrared: list[str],
    config: DiveConfig | None = None,
) -> None:
    """Write a fitted folder that `Dive.load` opens.

    Its pictures are asked for as the release asks, "a [k] photo of a [p] person", whatever `config` says. Raises
    WeightsError: a person without a vector, an unknown camera, or files of another base model.

    Args:
        tokens: the released `learned_embeds….bin`.
        lora: the released `pytorch_lora_weights` (.bin or .safetensors); one LoRA, which all codes share.
        names: each identity of ours ("market1501/0002") to its name in the release.
        codes: each camera ("sysu_mm01/3") to the code that the release's prompts give it.
        infrared: the cameras among them that can be generated.
        config: None takes the released form on Stable Diffusion 1.5; the rank comes from the file.
    """
    vectors, layers = read_tokens(tokens), read_lora(lora)
    if absent := sorted(set(names.values()) - vectors.keys()):
        raise WeightsError(
            f"{tokens} knows no {absent[0]!r} (and lacks {len(absent)} names in all); it knows "
            f"{', '.join(sorted(vectors)[:3])}, …."
        )
    if unknown := sorted(set(infrared) - set(codes)):
        raise WeightsError(f"infrared names {unknown[0]!r}, for which codes has none: add it there.")
    own = {"lora_scope": "shared", "vectors_per_token": 1, "templates": "imagenet"}
    own["lora_rank"] = len(next(iter(layers.values()))[0])
    config = (config or DiveConfig(form="release")).model_copy(update=own)
    cameras = {camera: camera for camera in codes}
    words = Vocabulary(sorted(names), dict(codes), cameras, dict.fromkeys(codes, SHARED))
    base = load_base(config.base_model)
    record = {
        "generator": "dive",
        "config": config.recorded(),
        "base_model_digest": latents.digest(base.unet),
        "vocabulary": asdict(words),
        "infrared": sorted(infrared),
        "released": True,
    }
    model = DiveModel(base, words, config)
    _fill(model, {identity: vectors[name] for identity, name in names.items()}, layers, lora)
    Path(folder).mkdir(parents=True, exist_ok=True)
    model.save(Path(folder))
    write_atomically(Path(folder) / RECORD, json.dumps(record, indent=1).encode())


@torch.no_grad()
def _fill(
    model: DiveModel, vectors: Mapping[str, Tensor], layers: Mapping[str, tuple[Tensor, Tensor]], lora: Path
) -> None:
    width = model.rows.rows.shape[1]
    for identity, vector in vectors.items():
        if len(vector) != width:
            raise WeightsError(
                f"{identity!r} has a vector of {len(vector)} numbers and {model.config.base_model} takes {width}: name "
                "the base model that the release was trained on."
            )
        model.rows.rows[model.tokens.row(identity)] = vector
    differing = sorted(layers.keys() ^ model.branches.layers.keys())
    if differing:
        where = "lacks" if differing[0] not in layers else "has"
        raise WeightsError(f"{lora} {where} {differing[0]}, otherwise than {model.config.base_model}'s attention.")
    for name, layer in model.branches.layers.items():
        for own, other in zip((layer.down[0], layer.up[0]), layers[name], strict=True):
            if own.shape != other.shape:
                raise WeightsError(f"{lora}: {name} is {tuple(other.shape)}, not {tuple(own.shape)}.")
            own.copy_(other)


def _dictionary(file: Path) -> dict:
    held = read_file(file)
    if not isinstance(held, dict):
        raise WeightsError(f"{file} holds a {type(held).__name__}, not a dictionary of tensors.")
    return held

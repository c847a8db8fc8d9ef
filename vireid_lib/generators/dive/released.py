"""Converts the authors' released files, a token dictionary and an old-style LoRA, into a fitted folder of ours."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from diffusers.utils.state_dict_utils import convert_unet_state_dict_to_peft
from jaxtyping import Float
from torch import Tensor

from vireid_lib.data.contents import write_atomically
from vireid_lib.generators.base.generator import RECORD
from vireid_lib.generators.dive import latents
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import SHARED, Vocabulary
from vireid_lib.training.weights import WeightsError, read_file, read_weights, refuse_non_finite


def read_tokens(file: Path) -> dict[str, Float[Tensor, " width"]]:
    """The learned embedding of each person, by the person's name in the release. Raises WeightsError: the file holds
    anything else. The release keeps `learned_embeds_dict` (placeholder to vector) with `name2placeholder`; a plain
    dictionary of placeholders to vectors is read too, by placeholder. Nothing but tensors and names is unpickled."""
    held = read_file(file)
    if not isinstance(held, dict):
        raise WeightsError(f"{file} holds a {type(held).__name__}, not a dictionary of tensors.")
    vectors = held.get("learned_embeds_dict", held)
    if vectors is not held:
        names = held.get("name2placeholder", {})
        missing = sorted(str(name) for name, token in names.items() if token not in vectors)
        if missing or not names:
            lacks = f"no vector for {missing[0]!r}" if missing else "no name2placeholder"
            raise WeightsError(f"{file} holds {lacks}: take the file that the last step wrote.")
        vectors = {str(name): vectors[token] for name, token in names.items()}
    for name, vector in vectors.items():
        if not isinstance(vector, Tensor) or vector.squeeze().ndim != 1:
            raise WeightsError(f"{file}: {name!r} is no vector; a learned_embeds file maps tokens to vectors.")
    found = {name: vector.detach().float().squeeze() for name, vector in vectors.items()}
    refuse_non_finite(found, file)
    return found


def read_lora(file: Path) -> dict[str, Tensor]:
    """The U-Net's "<layer>.lora_A.weight" [rank, inputs] and "<layer>.lora_B.weight" [outputs, rank], however diffusers
    spelt them then; a file's `alpha` is multiplied into B. Errors as of `read_weights`."""
    held = read_weights(str(file), "The released LoRA's weights", "Name its pytorch_lora_weights.")
    plain = {key.removeprefix("unet.").replace(".processor.", "."): value.float() for key, value in held.items()}
    found = convert_unet_state_dict_to_peft(plain)
    for key in [key for key in found if key.endswith(".lora.alpha")]:
        layer, alpha = key.removesuffix(".lora.alpha"), found.pop(key)
        down, up = (found.get(f"{layer}.lora_{side}.weight", torch.ones(1)) for side in "AB")
        found[f"{layer}.lora_B.weight"] = up * alpha / len(down)
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
    vectors, tensors = read_tokens(tokens), read_lora(lora)
    if absent := sorted(set(names.values()) - vectors.keys()):
        raise WeightsError(
            f"{tokens} knows no {absent[0]!r} (and lacks {len(absent)} names in all); it knows "
            f"{', '.join(sorted(vectors)[:3])}, …."
        )
    if unknown := sorted(set(infrared) - set(codes)):
        raise WeightsError(f"infrared names {unknown[0]!r}, for which codes has none: add it there.")
    own = {"lora_scope": "shared", "vectors_per_token": 1, "templates": "imagenet"}
    own["lora_rank"] = next((len(tensor) for name, tensor in tensors.items() if name.endswith("lora_A.weight")), 1)
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
    _fill(model, {identity: vectors[name] for identity, name in names.items()}, tensors, lora)
    Path(folder).mkdir(parents=True, exist_ok=True)
    model.save(Path(folder))
    write_atomically(Path(folder) / RECORD, json.dumps(record, indent=1).encode())


@torch.no_grad()
def _fill(model: DiveModel, vectors: Mapping[str, Tensor], tensors: Mapping[str, Tensor], lora: Path) -> None:
    width = model.rows.rows.shape[1]
    for identity, vector in vectors.items():
        if len(vector) != width:
            raise WeightsError(
                f"{identity!r} has a vector of {len(vector)} numbers and {model.config.base_model} takes {width}: name "
                "the base model that the release was trained on."
            )
        model.rows.rows[model.tokens.row(identity)] = vector
    (own,) = model.branches.files(0).values()
    if differing := sorted(tensors.keys() ^ own.keys()):
        where = "lacks" if differing[0] in own else "has"
        raise WeightsError(f"{lora} {where} {differing[0]}, otherwise than {model.config.base_model}'s attention.")
    for name, tensor in own.items():
        if tensor.shape != tensors[name].shape:
            raise WeightsError(f"{lora}: {name} is {tuple(tensors[name].shape)}, not {tuple(tensor.shape)}.")
        tensor.copy_(tensors[name])

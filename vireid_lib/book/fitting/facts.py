"""What a fitted DiVE consists of, as tables: codes, prompt, LoRA branches, identity tokens, what stayed frozen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.generators.dive.base import Base, load_base
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import camera_keys


def history(record: StageRecord) -> pd.DataFrame:
    """The loss over the steps of a training stage: columns step and one per term."""
    file = next(iter(sorted(record.folder.rglob("history.jsonl"))), None)
    if file is None:
        raise FileNotFoundError(f"{record.folder} holds no history.jsonl; delete the folder to make the stage again.")
    return pd.DataFrame([json.loads(line) for line in file.read_text().splitlines()])


def _spelling(model: DiveModel, text: str) -> list[str]:
    """How the tokenizer splits a text, without its end-of-word marks."""
    tokenizer = model.base.tokenizer
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False).input_ids)
    return [token.replace("</w>", "") for token in tokens]


def code_table(model: DiveModel, table: pd.DataFrame) -> pd.DataFrame:
    """One row per code.

    Args:
        table: the rows that were fitted.
    Returns:
        columns: stands for, modality, code [k], tokens, shares a token with, LoRA branch, images.
    """
    words = model.vocabulary
    views = pd.Series([words.view(key) for key in camera_keys(table, words)], index=table.index)
    spelt = {view: _spelling(model, code) for view, code in words.views.items()}
    rows = []
    for view, code in words.views.items():
        own = table[views == view]
        shared = [other for other in spelt if other != view and set(spelt[other]) & set(spelt[view])]
        rows.append(
            {
                "stands for": view,
                "modality": own["modality"].iloc[0],
                "code [k]": code,
                "tokens": " · ".join(spelt[view]),
                "shares a token with": ", ".join(shared) or "none",
                "LoRA branch": words.branch_of_view[view],
                "images": len(own),
            }
        )
    return pd.DataFrame(rows)


def prompt_pieces(model: DiveModel, identity: str, camera: str) -> list[tuple[str, str]]:
    """The prompt "a [k] photo of [p] person" as (label, text); an empty identity or camera leaves its part empty."""
    code = model.vocabulary.code(camera) if camera else ""
    person = model.tokens.text(identity) if identity else ""
    return [("a", "a"), ("[k]", code), ("photo", "photo"), ("of", "of"), ("[p]", person), ("person", "person")]


def prompt_table(model: DiveModel, identity: str, camera: str) -> pd.DataFrame:
    """How the text encoder reads a prompt: columns piece, text, tokens, ids, trained."""
    rows = []
    for label, text in prompt_pieces(model, identity, camera):
        ids = model.base.tokenizer(text, add_special_tokens=False).input_ids
        trained = "yes" if label == "[p]" else "no"
        rows.append(
            {
                "piece": label,
                "text": _shortened(text.split(" "), " "),
                "tokens": _shortened(_spelling(model, text), " · "),
                "ids": _shortened(map(str, ids), ", "),
                "trained": trained,
            }
        )
    return pd.DataFrame(rows)


def _shortened(items: Iterable[str], between: str) -> str:
    """The items joined; of more than ten the first two and their number."""
    items = list(items)
    return between.join(items) if len(items) <= 10 else f"{between.join(items[:2])} … ({len(items)} in all)"


def parameter_table(model: DiveModel) -> pd.DataFrame:
    """Numbers of parameters: columns part, parameters, trained, share of all (percent)."""
    lora = sum(parameter.numel() for parameter in model.branches.parameters())
    parts = {
        "identity tokens [p]": (model.rows.rows.numel(), True),
        f"LoRA, {len(model.branches.names)} branches": (lora, True),
        "text encoder": (
            sum(p.numel() for p in model.base.text.parameters()) - model.rows.rows.numel() + model.rows.table.numel(),
            False,
        ),
        "U-Net": (sum(p.numel() for p in model.base.unet.parameters()) - lora, False),
        "autoencoder": (sum(p.numel() for p in model.base.vae.parameters()), False),
    }
    total = sum(count for count, _ in parts.values())
    return pd.DataFrame(
        [
            {"part": part, "parameters": count, "trained": "yes" if trained else "no", "share (%)": 100 * count / total}
            for part, (count, trained) in parts.items()
        ]
    )


@torch.no_grad()
def branch_table(model: DiveModel) -> pd.DataFrame:
    """One row per LoRA branch: its layers, its parameters, and how far it moves the weights it corrects.

    The last column is the root of the summed squares of all B A over that of all W, in percent.
    """
    layers = model.branches.layers.values()
    base = sum(float(layer.base.weight.square().sum()) for layer in layers)
    rows = []
    for index, name in enumerate(model.branches.names):
        change = sum(float(layer.delta(index).square().sum()) for layer in layers)
        count = sum(layer.down[index].numel() + layer.up[index].numel() for layer in layers)
        rows.append(
            {
                "branch": name,
                "layers": len(layers),
                "parameters": count,
                "size of BA against W (%)": 100 * (change / base) ** 0.5,
            }
        )
    return pd.DataFrame(rows)


def fresh_base(model: DiveModel) -> Base:
    """The base model as it was before anything was mounted on it."""
    return load_base(model.config.base_model)


def unchanged(model: DiveModel, base: Base) -> pd.DataFrame:
    """Compare every tensor of the base model, bit for bit, with the one that the fitted model runs on.

    Args:
        base: `fresh_base(model)`.
    Returns:
        columns part, tensors, numbers, changed (tensors that differ).
    """
    rows = []
    for part, fresh, mounted in (
        ("word embeddings", {"": base.text.get_input_embeddings().weight}, {"": model.rows.table}),
        ("text encoder, the rest", _others(base.text), _others(model.base.text)),
        ("U-Net", dict(base.unet.named_parameters()), _without_branches(model.base.unet)),
        ("autoencoder", dict(base.vae.named_parameters()), dict(model.base.vae.named_parameters())),
    ):
        changed = [name for name, tensor in fresh.items() if not torch.equal(tensor.cpu(), mounted[name].cpu())]
        rows.append(
            {
                "part": part,
                "tensors": len(fresh),
                "numbers": sum(t.numel() for t in fresh.values()),
                "changed": len(changed),
            }
        )
    return pd.DataFrame(rows)


def _others(text: nn.Module) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in text.named_parameters() if "token_embedding" not in name}


def _without_branches(unet: nn.Module) -> dict[str, Tensor]:
    """The U-Net's own parameters under the names that they have in the base model."""
    return {name.replace(".base.", "."): tensor for name, tensor in unet.named_parameters()}


@torch.no_grad()
def token_facts(model: DiveModel, base: Base, table: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """One row per identity token; an identity's vectors are taken together.

    Args:
        base: `fresh_base(model)`, for the words and the start values.
        table: the rows that were fitted.
        seed: of the fitting.
    Returns:
        columns identity, data set, visible, infrared (images), norm, moved (both in mean norms of a word),
        nearest word, similarity (cosine, of the vector that comes nearest), nearest identity.
    """
    words = base.text.get_input_embeddings().weight.float()
    typical = words.norm(dim=1).mean()
    start = model.tokens.initial(
        base.text, init=model.config.token_init, noise=model.config.token_init_noise, seed=seed
    )
    rows = model.rows.rows.detach().float().cpu()
    per_identity = rows.unflatten(0, (-1, model.tokens.vectors))
    moved = (rows - start).unflatten(0, (-1, model.tokens.vectors)).norm(dim=2).mean(1) / typical
    norm = per_identity.norm(dim=2).mean(1) / typical
    names, ids = zip(*_words(base), strict=True)
    closeness = functional.normalize(rows) @ functional.normalize(words[list(ids)]).T
    best = closeness.unflatten(0, (-1, model.tokens.vectors)).max(1).values.max(1)
    likeness = token_similarity(model).fill_diagonal_(-2)
    identities = model.tokens.identities
    counts = table.groupby(["identity", "modality"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=["visible", "infrared"], fill_value=0).loc[identities]
    return pd.DataFrame(
        {
            "identity": identities,
            "data set": [name.split("/")[0] for name in identities],
            "visible": counts["visible"].to_numpy(),
            "infrared": counts["infrared"].to_numpy(),
            "norm": norm.numpy(),
            "moved": moved.numpy(),
            "nearest word": [names[i] for i in best.indices.tolist()],
            "similarity": best.values.numpy(),
            "nearest identity": [identities[i] for i in likeness.argmax(1).tolist()],
        }
    )


@torch.no_grad()
def token_similarity(model: DiveModel) -> Tensor:
    """Cosine similarities [identities, identities] of the tokens, all vectors of an identity in one."""
    rows = functional.normalize(token_vectors(model))
    return rows @ rows.T


def token_vectors(model: DiveModel) -> Tensor:
    """[identities, vectors * width]: what was learned of each identity, in the order of `model.tokens.identities`."""
    return model.rows.rows.detach().float().cpu().unflatten(0, (-1, model.tokens.vectors)).flatten(1)


def _words(base: Base) -> Iterator[tuple[str, int]]:
    """Whole words of the tokenizer (no pieces, no letters) and their ids."""
    for token, index in sorted(base.tokenizer.get_vocab().items(), key=lambda item: item[1]):
        word = token.removesuffix("</w>")
        if token.endswith("</w>") and word.isascii() and word.isalpha() and len(word) > 2:
            yield word, index

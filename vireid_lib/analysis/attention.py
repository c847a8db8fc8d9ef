"""Cross-attention of a text-to-image U-Net: which tokens each place of the picture attends to, and is it the person?"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import torch
from diffusers.models.attention_processor import Attention
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.evaluation.statistics import LEVEL, mean_margin


class Recorder:
    """Sums of the attention that was recorded, by resolution; see `record`."""

    def __init__(self) -> None:
        self.latent_size: tuple[int, int] | None = None
        self._sums: dict[tuple[int, int], Tensor] = {}
        self._counts: dict[tuple[int, int], int] = {}

    def add(self, probabilities: Float[Tensor, "n_heads positions tokens"], heads: int) -> None:
        """Take in one call of one layer; heads are averaged here."""
        height, width = self.latent_size
        while height * width > probabilities.shape[1]:  # a layer's places: the latent's, halved some times, rounding up
            height, width = -(-height // 2), -(-width // 2)
        maps = probabilities.detach().float().unflatten(0, (-1, heads)).mean(1)
        maps, size = maps.transpose(1, 2).unflatten(2, (height, width)).cpu(), (height, width)
        self._sums[size] = self._sums[size] + maps if size in self._sums else maps
        self._counts[size] = self._counts.get(size, 0) + 1

    @property
    def resolutions(self) -> list[tuple[int, int]]:
        """(height, width) of the recorded maps, the finest first."""
        return sorted(self._sums, reverse=True)

    def maps(self, resolution: tuple[int, int]) -> Float[Tensor, "n tokens height width"]:
        """Mean over heads, layers of this resolution and steps; the tokens of a place sum to 1. With classifier-free
        guidance, the second half of the batch is that with the prompt."""
        return self._sums[resolution] / self._counts[resolution]


@contextmanager
def record(unet: nn.Module) -> Iterator[Recorder]:
    """Record every cross-attention of `unet` that runs inside the block; what the network computes stays the same. The
    attention of a place is softmax(Q K^T / sqrt(d)) over the tokens of the prompt (Vaswani et al. 2017; Rombach et al.
    2022, section 3.3). Raises ValueError: the network has no cross-attention."""
    recorder = Recorder()
    layers = [layer for name, layer in unet.named_modules() if name.endswith("attn2") and isinstance(layer, Attention)]
    if not layers:
        raise ValueError(f"{type(unet).__name__} has no cross-attention layer (attn2): there is no prompt to look at.")
    before = [layer.processor for layer in layers]

    def remember_size(_module: nn.Module, args: tuple, kwargs: dict) -> None:
        recorder.latent_size = tuple((args[0] if args else kwargs["sample"]).shape[2:])

    def attend(attn: Attention, states: Tensor, encoder_hidden_states: Tensor, attention_mask: Tensor | None) -> Tensor:
        """diffusers' plain attention, whose probabilities can be kept."""
        query, key, value = attn.to_q(states), attn.to_k(encoder_hidden_states), attn.to_v(encoder_hidden_states)
        query, key, value = (attn.head_to_batch_dim(each) for each in (query, key, value))
        probabilities = attn.get_attention_scores(query, key, attention_mask)
        recorder.add(probabilities, attn.heads)
        mixed = attn.batch_to_head_dim(torch.bmm(probabilities, value))
        return attn.to_out[1](attn.to_out[0](mixed)) / attn.rescale_output_factor

    hook = unet.register_forward_pre_hook(remember_size, with_kwargs=True)
    try:
        for layer in layers:
            layer.processor = attend
        yield recorder
    finally:
        hook.remove()
        for layer, processor in zip(layers, before, strict=True):
            layer.processor = processor


def token_positions(tokenizer, pieces: Sequence[tuple[str, str]], length: int) -> dict[str, list[int]]:
    """Where each piece of a prompt stands among its tokens: label to positions, "start" (the start token) and "end"
    (end token and padding) among them. The pieces are (label, text) in the order of the prompt, which is the texts
    joined by blanks, e.g. [("a", "a"), ("[k]", "b8zB"), ("photo", "photo")]; one with an empty text is left out. The
    text encoder is given `length` tokens, padding included. Raises ValueError: the pieces do not give the prompt's
    tokens one after the other, or do not fit."""
    found: dict[str, list[int]] = {"start": [0]}
    position, spelt = 1, []
    for label, text in pieces:
        ids = tokenizer(text, add_special_tokens=False).input_ids if text else []
        if ids:
            found[label] = list(range(position, position + len(ids)))
        position += len(ids)
        spelt += ids
    prompt = " ".join(text for _, text in pieces if text)
    if tokenizer(prompt, add_special_tokens=False).input_ids != spelt or position >= length:
        raise ValueError(f"The prompt {prompt!r} is not tokenised piece by piece into fewer than {length} tokens.")
    return found | {"end": list(range(position, length))}


def concentration(
    maps: Float[Tensor, "n height width"], masks: Float[Tensor, "n mask_height mask_width"]
) -> Float[Tensor, " n"]:
    """How much more attention a place inside the mask gets than an average place: the share of the map's mass inside
    the mask divided by the mask's share of the area. 1 is no preference; NaN for a map that is zero everywhere. Masks
    are averaged down to the map's resolution: coarse maps are not judged at borders they can't show. Raises ValueError:
    a mask is empty."""
    small = functional.adaptive_avg_pool2d(masks[:, None].float(), maps.shape[1:])[:, 0]
    area, mass = small.flatten(1).mean(1), maps.flatten(1).sum(1)
    if (area <= 0).any():
        raise ValueError("concentration: a mask is empty; leave such pictures out.")
    return (maps * small).flatten(1).sum(1) / mass / area


def findings(measured: pd.DataFrame, confidence: float = 1 - LEVEL) -> pd.DataFrame:
    """Test "modality token emphasizes global features ..., while the ID token focuses more on the person's area" (Dai,
    Lu, Li, AAAI 2025, of their Figure 6) on what `prompts.concentrations` returns. Each image counts once, with its
    mean over resolutions. Three rows, named after the claim: columns mean, margin (half the interval over images,
    Student's; NaN for one image) and verdict: "supported", "contradicted" or "undecided"."""
    means = measured.groupby(["image", "piece"])["concentration"].mean().unstack()[["[p]", "[k]"]].dropna()
    person, code, rows = means["[p]"], means["[k]"], {}
    for claim, values in {
        "[p] lies on the person more than on an average place (concentration − 1 > 0)": person - 1,
        "[p] lies on the person more than [k] does (difference of concentrations > 0)": person - code,
        "[k] is spread more evenly than [p] (its concentration is nearer to 1)": abs(person - 1) - abs(code - 1),
    }.items():
        mean, margin = values.mean(), mean_margin(values.std(ddof=1), len(values), confidence)
        verdict = ("supported" if mean > 0 else "contradicted") if abs(mean) > margin else "undecided"
        rows[claim] = {"mean": mean, "margin": margin, "verdict": verdict}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def conclusion(measured: pd.DataFrame) -> str:
    """What follows for the paper's sentence: a line for each of the `findings`, with its verdict, mean and margin."""
    lines = findings(measured).itertuples(name=None)
    return "\n".join(f"{claim}: {verdict}, {mean:+.2f} ± {margin:.2f}" for claim, mean, margin, verdict in lines)

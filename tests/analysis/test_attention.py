"""Cross-attention: recording changes nothing, maps are what the definition says, verdicts follow from the numbers."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import UNet2DConditionModel

from vireid_lib.analysis.attention import concentration, findings, record, token_positions


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    sizes = {"sample_size": (9, 4), "in_channels": 4, "out_channels": 4, "block_out_channels": (16, 32)}
    sizes |= {"layers_per_block": 1, "cross_attention_dim": 12, "attention_head_dim": 2, "norm_num_groups": 8}
    blocks = {f"{way.lower()}_block_types": (f"CrossAttn{way}Block2D",) * 2 for way in ("Down", "Up")}
    return UNet2DConditionModel(**sizes, **blocks, mid_block_type=None).eval()


@torch.no_grad()
def _run(unet, n=3, tokens=5):
    draw = torch.Generator().manual_seed(1)
    sample, states = torch.randn(n, 4, 9, 4, generator=draw), torch.randn(n, tokens, 12, generator=draw)
    return unet(sample, torch.tensor(10), states).sample


def test_recording_leaves_the_output_as_it_is_and_restores_the_network(unet):
    before, processors = _run(unet), dict(unet.attn_processors)
    with record(unet) as recorder:
        torch.testing.assert_close(_run(unet), before, rtol=1e-5, atol=1e-5)
    assert unet.attn_processors == processors
    assert recorder.resolutions == [(9, 4), (5, 2)]  # odd heights are halved upwards


def test_a_map_is_the_softmax_of_queries_and_keys(unet):
    layer = unet.down_blocks[0].attentions[0].transformer_blocks[0].attn2
    seen = {}
    hook = layer.register_forward_hook(
        lambda _, args, kwargs, out: seen.update(hidden=args[0], **kwargs), with_kwargs=True
    )
    with record(unet) as recorder:
        add, calls = recorder.add, []

        def add_the_first(probabilities, heads):
            calls.append(heads)
            if len(calls) == 1:
                add(probabilities, heads)

        recorder.add = add_the_first
        _run(unet)
    hook.remove()
    with torch.no_grad():
        q = layer.to_q(seen["hidden"]).unflatten(2, (layer.heads, -1)).transpose(1, 2)
        k = layer.to_k(seen["encoder_hidden_states"]).unflatten(2, (layer.heads, -1)).transpose(1, 2)
        expected = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1).mean(1)
    torch.testing.assert_close(recorder.maps((9, 4)).flatten(2), expected.mT, rtol=1e-4, atol=1e-5)


def test_a_network_without_a_prompt_is_refused():
    with pytest.raises(ValueError, match="no cross-attention"), record(torch.nn.Linear(2, 2)):
        pass


class Words:
    """A tokenizer of blank-separated words, letter by letter for the unknown."""

    def __call__(self, text, add_special_tokens):
        spelt = [word if len(word) < 4 else word[:1] for word in text.split()]
        return type("", (), {"input_ids": [ord(letter) for word in spelt for letter in word]})


def test_token_positions_follow_the_prompt():
    pieces = [("a", "a"), ("[k]", "xyz"), ("photo", "photo"), ("of", "of"), ("[p]", ""), ("person", "person")]
    found = token_positions(Words(), pieces, 12)
    places = {"start": [0], "a": [1], "[k]": [2, 3, 4], "photo": [5], "of": [6, 7], "person": [8]}
    assert found == places | {"end": [9, 10, 11]}
    with pytest.raises(ValueError, match="fewer than 9 tokens"):
        token_positions(Words(), pieces, 9)


def test_concentration_is_one_for_an_even_map_and_the_inverse_area_for_a_perfect_one():
    mask = torch.zeros(2, 8, 4)
    mask[:, :, :2] = 1
    inside = mask[:, ::2, ::2]
    torch.testing.assert_close(concentration(torch.ones(2, 4, 2), mask), torch.ones(2))
    torch.testing.assert_close(concentration(inside, mask), torch.full((2,), 2.0))
    torch.testing.assert_close(concentration(1 - inside, mask), torch.zeros(2))
    with pytest.raises(ValueError, match="empty"):
        concentration(torch.ones(2, 4, 2), torch.zeros(2, 8, 4))


def _measured(person, code, spread=0.01, images=20):
    rng, rows = np.random.default_rng(0), []
    for resolution in ("16 × 8", "8 × 4"):
        for piece, level in (("[p]", person), ("[k]", code), ("photo", 1.0)):
            values = level + spread * rng.standard_normal(images)
            about = {"image": range(images), "piece": piece, "concentration": values, "resolution": resolution}
            rows.append(pd.DataFrame(about))
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize(
    ("person", "code", "verdicts"),
    [
        (1.4, 1.0, ["supported", "supported", "supported"]),
        (1.4, 1.8, ["supported", "contradicted", "contradicted"]),
        (0.7, 0.9, ["contradicted", "contradicted", "supported"]),
        (1.0, 1.0, ["undecided", "undecided", "undecided"]),
    ],
)
def test_findings_follow_the_numbers(person, code, verdicts):
    found = findings(_measured(person, code))
    assert found["verdict"].tolist() == verdicts
    assert found["mean"].iloc[:2].tolist() == pytest.approx([person - 1, person - code], abs=0.01)

"""Codes share no character; tokens are what diffusers makes of them."""

import itertools

import pytest
import torch
from diffusers import StableDiffusionPipeline

from vireid_lib.generators.dive.base import load_base
from vireid_lib.generators.dive.prompts import make_codes, prompt
from vireid_lib.generators.dive.tokens import TokenBank, load_bank, placeholder


@pytest.mark.parametrize(("count", "length"), [(7, 8), (15, 4), (4, 8), (18, 3), (31, 2)])
def test_codes_share_no_character(count, length):
    names = [f"sysu_mm01/{i}" for i in range(count)]
    codes = make_codes(names, length=length)
    assert codes == make_codes(names[::-1], length=length) and all(len(set(code)) == length for code in codes.values())
    for a, b in itertools.combinations(codes.values(), 2):
        assert not set(a) & set(b)
        if count * length <= 36:
            assert not set(a.lower()) & set(b.lower())
    for seed in range(20):  # nor are two the same to a tokenizer that folds case
        assert len({each.lower() for each in make_codes(names, length=length, seed=seed).values()}) == count


def test_bank_round_trip_through_diffusers(tiny_base, tmp_path):
    base = load_base(str(tiny_base))
    bank = TokenBank(base.tokenizer, ["mini_vi/0002", "mini_vi/0001"], 3)
    rows = torch.randn(6, 16)
    bank.save(tmp_path / "bank.safetensors", rows)
    assert torch.equal(bank.load(tmp_path / "bank.safetensors"), rows)
    bank.install(base.text, rows)
    text = f"a photo of {placeholder('mini_vi/0002')} person"
    ours = base.tokenizer(prompt("", bank.text("mini_vi/0002"))).input_ids
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_base, safety_checker=None)
    pipeline.load_textual_inversion(load_bank(tmp_path / "bank.safetensors"))
    converted = pipeline.maybe_convert_prompt(text, pipeline.tokenizer)
    assert pipeline.tokenizer(converted).input_ids == ours
    table = pipeline.text_encoder.get_input_embeddings().weight
    for identity, row in (("mini_vi/0001", 0), ("mini_vi/0002", 3)):
        token = pipeline.tokenizer.convert_tokens_to_ids(placeholder(identity))
        assert torch.equal(table[token], rows[row])

"""Which rows DiVE is fitted to, the codes and branches of tables of every shape, and tokens as diffusers makes them."""

import itertools

import pandas as pd
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from vireid_lib.data.decode import upright
from vireid_lib.generators.dive import prompts
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.config import DiveConfig, one_camera
from vireid_lib.generators.dive.prompts import make_codes, prompt
from vireid_lib.generators.dive.tokens import TokenBank, load_bank, placeholder


def rows(*entries):
    return pd.DataFrame([{"identity": "x/1", "camera": c, "modality": m, "split": s} for c, m, s in entries])


LLCM = rows(
    ("llcm/1", "visible", "train"),
    ("llcm/1", "infrared", "train"),
    ("llcm/3", "visible", "train"),
    ("market1501/1", "visible", "external"),
    ("market1501/2", "visible", "external"),
)


def test_a_camera_of_both_modalities_has_two_codes():
    words = prompts.build(LLCM, DiveConfig(code_length=4))
    assert set(words.views) == {"llcm/1", "llcm/1 visible", "llcm/3", "market1501"}
    assert prompts.camera_keys(LLCM, words)[:3] == ["llcm/1 visible", "llcm/1", "llcm/3"]
    assert words.code("llcm/1") != words.code("llcm/1 visible")
    assert len(set(prompts.branch_indices(LLCM, words))) == 4
    assert words.view("market1501/1") == words.view("market1501/2") == "market1501"
    with pytest.raises(ValueError, match="llcm/9"):
        words.code("llcm/9")


@pytest.mark.parametrize(
    ("settings", "branches"),
    [
        ({"lora_scope": "shared"}, ["shared"]),
        ({"views": "single"}, ["infrared", "visible"]),
        ({"visible_branch": "modality"}, ["llcm-1", "visible"]),
        ({}, ["llcm-1", "llcm-1-visible", "llcm-3", "market1501"]),
    ],
)
def test_branches(settings, branches):
    assert prompts.build(LLCM, DiveConfig(code_length=4, **settings)).branches == branches


def test_infrared_alone_keeps_the_external_people(tiny_table):
    rows = DiveConfig(train_modalities="infrared").fitted_rows(tiny_table)
    assert set(rows["camera"]) == {"mini_vi/3", "mini_vi/6", "mini_market/1"}
    assert len(DiveConfig().fitted_rows(tiny_table)) == len(tiny_table)


def test_wide_pictures_are_left_out(tiny_table, tmp_path):
    table = tiny_table.copy()
    Image.new("RGB", (17, 32)).save(tmp_path / "wide.png")
    table.loc[0, "path"] = str(tmp_path / "wide.png")
    assert upright(table["path"].tolist(), 2.0).tolist() == [False] + [True] * (len(table) - 1)
    assert len(DiveConfig(form="release").fitted_rows(table)) == len(table) - 1


def seen(*entries):
    """Rows of (camera, modality, identities)."""
    columns = ["identity", "camera", "modality", "split"]
    rows = [
        (f"sysu_mm01/{who}", f"sysu_mm01/{camera}", modality, "train")
        for camera, modality, people in entries
        for who in people
    ]
    return pd.DataFrame([*rows, ("market1501/9", "market1501/1", "visible", "external")], columns=columns)


@pytest.mark.parametrize(
    ("entries", "chosen"),
    [
        ([(1, "visible", "abcdef"), (4, "visible", "xyz"), (3, "infrared", "ab"), (6, "infrared", "xyz")], {4, 6}),
        ([(1, "visible", "ab"), (2, "visible", "ab"), (3, "infrared", "ab"), (6, "infrared", "ab")], {1, 3}),
        ([(3, "infrared", "ab"), (6, "infrared", "abc")], {6}),
        ([(1, "visible", "a"), (2, "visible", "bc"), (1, "infrared", "b"), (2, "infrared", "a")], {1, 2}),
    ],
)
def test_one_camera_of_each_modality_that_share_most_people(entries, chosen):
    table = seen(*entries)
    kept = table[one_camera(table)]
    assert set(kept["camera"]) == {f"sysu_mm01/{camera}" for camera in chosen} | {"market1501/1"}
    assert one_camera(kept.reset_index(drop=True)).all(), "chosen once more, it is the same"
    assert kept.groupby("modality")["camera"].nunique().get("infrared", 1) == 1


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

"""Files of the shape that the authors' code writes, made here, become a fitted folder that samples as they would."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vireid_lib.generators.dive import released
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.dive import Dive
from vireid_lib.generators.dive.lora import target_names
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.training.weights import WeightsError

NAMES = {"market1501/0002": "market_0002", "market1501/0007": "market_0007"}
CODES = {"sysu_mm01/3": "aXq2", "sysu_mm01/6": "Zk9w", "sysu_mm01/1": "T5pe"}
RANK = 4


@pytest.fixture(scope="module")
def files(tiny_base, tmp_path_factory):
    """(tokens, LoRA with old keys, its layers, vectors by name)."""
    folder, base = tmp_path_factory.mktemp("released"), load_base(str(tiny_base))
    draw = torch.Generator().manual_seed(1)
    width = base.text.get_input_embeddings().weight.shape[1]
    vectors = {name: torch.randn(width, generator=draw) for name in (*NAMES.values(), "sysu_0001")}
    placeholders = {name: f"<class_{index}>" for index, name in enumerate(vectors)}
    told = {"name2placeholder": placeholders, "placeholder2name": {p: n for n, p in placeholders.items()}}
    told["learned_embeds_dict"] = {placeholders[n]: nn.Parameter(v.clone()) for n, v in vectors.items()}
    torch.save(told, folder / "learned_embeds-steps-last.bin")
    layers, tensors = {}, {}
    for name in target_names(base.unet, "attention"):
        rows, columns = base.unet.get_submodule(name).weight.shape
        down, up = torch.randn(RANK, columns, generator=draw) * 0.2, torch.randn(rows, RANK, generator=draw) * 0.2
        block, layer = name.removesuffix(".0").rsplit(".", 1)
        spelt = f"{block}.processor.{layer}_lora"
        tensors |= {f"{spelt}.down.weight": down, f"{spelt}.up.weight": up}
        layers[name] = (down, up)
    torch.save(tensors, folder / "pytorch_lora_weights.bin")
    return folder / "learned_embeds-steps-last.bin", folder / "pytorch_lora_weights.bin", layers, vectors


def convert(files, tiny_base, folder, form="release", **changes):
    settings = {"names": NAMES, "codes": CODES, "infrared": ["sysu_mm01/3", "sysu_mm01/6"]} | changes
    small = {"height": 32, "width": 16, "sampling_steps": 4, "guidance": 2.0, "token_init": "word"}
    config = DiveConfig(form=form, base_model=str(tiny_base), **small)
    released.convert(files[0], files[1], folder, config=config, **settings)
    return Dive.load(folder, device="cpu", progress=False)


@pytest.mark.parametrize("form", ["release", "paper"])
def test_vectors_and_lora_arrive_unchanged(files, tiny_base, tmp_path, form):
    model = convert(files, tiny_base, tmp_path, form).model
    for identity, name in NAMES.items():
        assert torch.equal(model.rows.rows[model.tokens.row(identity)], files[3][name])
    assert model.config.lora_rank == RANK and model.branches.names == ["shared"]
    for name, (down, up) in files[2].items():
        torch.testing.assert_close(model.branches.layers[name].delta(0), up @ down)
    assert model.prompts(["market1501/0002"], ["sysu_mm01/3"]) == ["a aXq2 photo of a <market1501-0002> person"]


def test_a_pipeline_with_the_released_files_gives_the_same_picture(files, tiny_base, vanilla, tmp_path):
    picture = sample(convert(files, tiny_base, tmp_path).model, [Request("market1501/0007", "sysu_mm01/6", 11)])[0]
    pipeline = vanilla()
    pipeline.tokenizer.add_tokens("<class_1>")
    pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer), mean_resizing=False)
    with torch.no_grad():
        pipeline.text_encoder.get_input_embeddings().weight[-1] = files[3]["market_0007"]
        for name, (down, up) in files[2].items():
            pipeline.unet.get_submodule(name).weight += up @ down
    options = {"height": 32, "width": 16, "num_inference_steps": 4, "guidance_scale": 2.0, "output_type": "np"}
    draw = torch.Generator().manual_seed(11)
    theirs = pipeline("a Zk9w photo of a <class_1> person", generator=draw, **options).images[0]
    assert np.abs(theirs * 255 - picture).max() <= 1


def test_other_spellings_of_the_same_lora(files, tmp_path):
    _, _, layers, vectors = files
    new = {}
    for name, (down, up) in layers.items():
        parts = {"down.weight": down.clone(), "up.weight": up.clone(), "alpha": torch.tensor(2.0)}
        new |= {f"unet.{name}.lora.{part}": tensor for part, tensor in parts.items()}
    save_file(new, tmp_path / "lora.safetensors")
    read = released.read_lora(tmp_path / "lora.safetensors")
    assert len(read) == 2 * len(layers)
    for name, (down, up) in layers.items():
        delta = read[f"{name}.lora_B.weight"] @ read[f"{name}.lora_A.weight"]
        torch.testing.assert_close(delta, up @ down * 2 / RANK)
    torch.save({"<a>": vectors["sysu_0001"][None].half()}, tmp_path / "plain.bin")
    assert released.read_tokens(tmp_path / "plain.bin")["<a>"].dtype == torch.float32


class Harmful:
    """Would be built while it is unpickled."""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"<a>": Harmful()}, "not opened"),
        ([1, 2], "a list"),
        ({"<a>": torch.zeros(2, 3)}, "no vector"),
        ({"learned_embeds_dict": {}, "name2placeholder": {"x": "<a>"}}, "no vector for 'x'"),
        ({"learned_embeds_dict": {"<a>": torch.zeros(3)}}, "no name2placeholder"),
    ],
)
def test_other_files_are_refused(tmp_path, content, words):
    torch.save(content, tmp_path / "file.bin")
    with pytest.raises(WeightsError, match=words):
        released.read_tokens(tmp_path / "file.bin")


def test_values_that_are_not_finite_are_refused_by_name(files, tmp_path):
    held, tensors = (torch.load(file, weights_only=True) for file in files[:2])
    held["learned_embeds_dict"]["<class_1>"].data[3] = float("nan")
    torch.save(held, tmp_path / "tokens.bin")
    with pytest.raises(WeightsError, match="tokens.bin: market_0007 holds values that are no finite"):
        released.read_tokens(tmp_path / "tokens.bin")
    key = sorted(tensors)[5]
    tensors[key][0] = float("inf")
    torch.save(tensors, tmp_path / "lora.bin")
    with pytest.raises(WeightsError, match=f"lora.bin: {key} holds values that are no finite"):
        released.read_lora(tmp_path / "lora.bin")

"""DiVE on Stable Diffusion 1.5's true architecture, without memory for it: sizes, LoRA modules, token rows."""

import pandas as pd
import pytest
import torch
from torch import nn

from vireid_lib.generators.dive import prompts, stable_diffusion_15
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.finetune import DiveTask
from vireid_lib.generators.dive.latents import Latents
from vireid_lib.generators.dive.model import DiveModel, Predictor

RANK_ONE = 199_296  # inputs + outputs of all 128 attention projections of the U-Net


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def table():
    """395 people under SYSU-MM01's six cameras, one image each, and the 1,011 of Market-1501."""
    target = [(f"sysu_mm01/{i:04d}", f"sysu_mm01/{i % 6 + 1}", "train") for i in range(395)]
    external = [(f"market1501/{i:04d}", "market1501/1", "external") for i in range(1011)]
    rows = pd.DataFrame(target + external, columns=["identity", "camera", "split"])
    infrared = rows["camera"].isin(("sysu_mm01/3", "sysu_mm01/6"))
    return rows.assign(modality=infrared.map({True: "infrared", False: "visible"}))


def model_of(table: pd.DataFrame, **settings: object) -> DiveModel:
    config = DiveConfig(**settings)
    return DiveModel(stable_diffusion_15.build(), prompts.build(table, config), config)


def test_the_architecture_has_the_published_size():
    base = stable_diffusion_15.build()
    assert parameters(base.unet) == 859_520_964
    assert parameters(base.text) == 123_060_480
    assert parameters(base.vae) == 83_653_863
    assert len(base.tokenizer) == 49_408 and base.prediction == "epsilon"
    assert len(base.schedule.alphas_cumprod) == 1000


@pytest.mark.parametrize(("scope", "branches"), [("per_modality", 7), ("shared", 1)])
def test_lora_of_rank_128_on_every_attention_projection(table, scope, branches):
    model = model_of(table, lora_scope=scope)
    lora, rows = model.trained().values()
    assert len(model.branches.names) == branches and len(model.branches.layers) == 16 * 2 * 4
    assert {len(layer.down[0]) for layer in model.branches.layers.values()} == {128}
    assert sum(parameter.numel() for parameter in lora) == RANK_ONE * 128 * branches
    assert rows[0].shape == (395 + 1011, 768)
    trained = [p for module in (model.base.text, model.base.unet) for p in module.parameters() if p.requires_grad]
    assert len(trained) == len(lora) + 1


def test_a_batch_of_sixteen_at_512x256_goes_through(table):
    model = model_of(table)
    frames = pd.concat([table.head(4), table.tail(12)])
    cameras = prompts.camera_keys(frames, model.vocabulary)
    ids = model.tokenize(model.prompts(frames["identity"].tolist(), cameras))
    assert ids.shape == (16, 77)

    def nothing(*shape: int, kind: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.empty(shape, dtype=kind, device="meta")

    times, branch = nothing(16, kind=torch.int64), nothing(16, kind=torch.int64)
    out = Predictor(model)(ids.to("meta"), nothing(16, 4, 64, 32), times, branch)
    assert out.shape == (16, 4, 64, 32)


def test_adam_holds_rows_of_new_tokens_and_lora_alone(table):
    task = DiveTask(model_of(table), table, Latents(None, None, ""))
    sizes = {group["name"]: sum(p.numel() for p in group["params"]) for group in task.optimizers["adam"].param_groups}
    assert sizes == {"lora": RANK_ONE * 128 * 7, "tokens": 1406 * 768}

"""CycleGAN-Turbo: one step as its scheduler does it, skips, LPIPS by loops, what is trained."""

import copy
import json

import numpy as np
import pytest
import safetensors.torch
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from vireid_lib.generators import build
from vireid_lib.generators.cyclegan_turbo.config import CycleGanTurboConfig
from vireid_lib.generators.cyclegan_turbo.discriminators import logistic
from vireid_lib.generators.cyclegan_turbo.generator import Coder, TurboGenerator, trainable_layers
from vireid_lib.generators.cyclegan_turbo.lpips import STAGES, Lpips
from vireid_lib.generators.dive import stable_diffusion_15
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.training.loop import accelerator_for


@pytest.fixture
def config(tiny):
    return tiny("cyclegan_turbo")


def test_a_fitted_folder_holds_what_was_trained_alone(learnt):
    _, folder = learnt("cyclegan_turbo")
    kept = safetensors.torch.load_file(folder / "networks.safetensors")
    assert all("lora_" in name or "skips" in name or "unet.conv_in" in name for name in kept)
    assert json.loads((folder / "generator.json").read_text())["lpips"] is False


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_at_first_it_is_the_base_model_in_one_step_of_its_scheduler(config, tiny_base, prediction):
    """LoRA and skips add nothing yet: encode, one step from the last time to none, decode, by the library's parts."""
    ours, base = load_base(str(tiny_base)), load_base(str(tiny_base))
    ours.schedule = base.schedule = DDPMScheduler.from_config(base.schedule.config, prediction_type=prediction)
    generator = TurboGenerator(ours, config)
    for skip in (skip for coder in generator.coders.values() for skip in coder.skips):
        nn.init.zeros_(skip.weight)
    images = torch.rand(2, 3, 32, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    schedule = DDPMScheduler.from_config(base.schedule.config, timestep_spacing="trailing")
    schedule.set_timesteps(1)
    options = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
    ids = base.tokenizer(config.infrared_prompt, max_length=base.tokenizer.model_max_length, **options).input_ids
    with torch.no_grad():
        latents = base.vae.encode(images).latent_dist.mean * base.vae.config.scaling_factor
        text = base.text(ids)[0].expand(2, -1, -1)
        said = base.unet(latents, 999, encoder_hidden_states=text).sample
        clean = schedule.step(said, 999, latents).prev_sample
        wanted = base.vae.decode(clean / base.vae.config.scaling_factor).sample.clamp(-1, 1)
        assert schedule.timesteps.tolist() == [999]
        assert torch.allclose(generator(images, "infrared"), wanted, atol=1e-4)
        assert not torch.allclose(generator(images, "visible"), wanted, atol=1e-3)  # another prompt


def test_skips_carry_the_encoders_maps_to_the_decoder(tiny_base):
    coder = Coder(load_base(str(tiny_base)).vae, 2)
    shapes = [tuple(skip.weight.shape) for skip in coder.skips]
    assert shapes == [(16, 8, 1, 1), (16, 8, 1, 1), (8, 8, 1, 1)]  # 512<-512, 512<-256, ... as released
    images = torch.rand(1, 3, 32, 24)
    latents, seen = coder.encode(images)
    assert [maps.shape[2:] for maps in seen] == [(32, 24), (16, 12), (8, 6)]
    plain = coder.decode(latents, seen)
    nn.init.constant_(coder.skips[2].weight, 0.5)
    assert not torch.allclose(coder.decode(latents, seen), plain, atol=1e-3)
    assert torch.allclose(coder.decode(latents, [maps * 0 for maps in seen]), plain, atol=1e-3)


def test_what_is_trained(config, tiny_base):
    generator = TurboGenerator(load_base(str(tiny_base)), config)
    trained = generator.trained()
    assert {"unet.conv_in.weight", "unet.conv_in.bias"} <= trained.keys()
    layers = trainable_layers(load_base(str(tiny_base)).unet)
    assert "conv_in" in layers and "time_embedding.linear_1" not in layers
    assert not [name for name in layers if "time_emb_proj" in name]
    in_unet = [name for name in trained if name.startswith("unet.") and "lora_" in name]
    assert len(in_unet) == 2 * (len(layers) - 1)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    generator(torch.rand(1, 3, 32, 24), "infrared").mean().backward()
    torch.optim.SGD(trained.values(), lr=1.0).step()
    moved = {name for name, value in generator.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and moved <= trained.keys()
    assert not [name for name in moved if "coders.visible" in name]  # each direction has its own autoencoder


def lpips_weights(stream):
    """Of the features, two channels each, and of the heads."""
    numbers, weights = [number for stage in STAGES for number in stage], {}
    for place, number in enumerate(numbers):
        weights[f"features.{number}.weight"] = torch.randn(2, 2 if place else 3, 3, 3, generator=stream)
        weights[f"features.{number}.bias"] = torch.randn(2, generator=stream)
    return weights, {f"lin{depth}.model.1.weight": torch.rand(1, 2, 1, 1, generator=stream) for depth in range(5)}


def test_lpips_against_loops():
    stream = torch.Generator().manual_seed(0)
    weights, heads = lpips_weights(stream)
    first, second = torch.rand(2, 2, 3, 32, 16, generator=stream) * 2 - 1
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]))
    total = 0.0
    for one, other in zip(first, second, strict=True):
        seen = [(image - mean) / std for image in (one, other)]
        for depth, stage in enumerate(STAGES):
            seen = [nn.functional.max_pool2d(maps, 2) for maps in seen] if depth else seen
            for number in stage:
                kernel, bias = (weights[f"features.{number}.{part}"] for part in ("weight", "bias"))
                seen = [nn.functional.conv2d(maps, kernel, bias, padding=1).relu() for maps in seen]
            places = [(row, column) for row in range(seen[0].shape[1]) for column in range(seen[0].shape[2])]
            for row, column in places:
                units = [maps[:, row, column] / (maps[:, row, column].norm() + 1e-10) for maps in seen]
                head = heads[f"lin{depth}.model.1.weight"].flatten()
                total += float((head * (units[0] - units[1]) ** 2).sum()) / len(places) / 2
    lpips = Lpips(weights, heads)
    assert lpips(first, second).item() == pytest.approx(total, rel=1e-4)
    assert lpips(first, first).item() == 0
    with pytest.raises(ValueError, match="lack features.0.bias"):
        Lpips({name: value for name, value in weights.items() if name != "features.0.bias"}, heads)


def test_lpips_weights_are_used_from_files_and_required(toy_people, config, tmp_path):
    weights, heads = lpips_weights(torch.Generator().manual_seed(0))
    safetensors.torch.save_file(weights, tmp_path / "vgg.safetensors")
    torch.save(heads, tmp_path / "heads.pth")
    files = {"lpips_features": f"{tmp_path}/vgg.safetensors", "lpips_heads": f"{tmp_path}/heads.pth"}
    files["lpips"] = "weights"

    def made(**changes):
        return build("cyclegan_turbo", config.model_copy(update=changes), device="cpu", progress=False)

    given = made(**files, steps=1)
    given.fit(toy_people, tmp_path / "given")
    assert given.history[-1]["cycle_lpips_visible"] > 0
    for ask in (made(lpips="weights").fit, lambda table, folder: made(lpips="weights").estimate(table)):
        with pytest.raises(ValueError, match="set `lpips: none`"):
            ask(toy_people, tmp_path / "without")
    published = CycleGanTurboConfig().comparable_settings()
    assert CycleGanTurboConfig(**files).comparable_settings() == published  # wherever the files lie
    assert CycleGanTurboConfig(lpips="none").comparable_settings() == published | {"lpips": "none"}


def test_verdicts_by_hand():
    scores = [torch.tensor([[0.0], [2.0]]), torch.tensor([[[[-1.0]]]])]
    real = (np.log(2) + np.log1p(np.exp(-2))) / 2 + np.log1p(np.exp(1))
    made = (np.log(2) + np.log1p(np.exp(2))) / 2 + np.log1p(np.exp(-1))
    assert logistic(scores, True).item() == pytest.approx(real)
    assert logistic(scores, False).item() == pytest.approx(made)


def test_each_loss_has_its_own_update_as_released(task_of, config):
    """One step against the release's five updates, written out with plain PyTorch on copies of the networks."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        task = task_of("cyclegan_turbo", updates="each", unet_rank=2, gradient_clip=0.5)
    own, nets = task.settings, copy.deepcopy(task.modules)
    # Plain descent: Adam would blow up the rounding of gradients near zero.
    for name, parameters in (
        ("generators", task.modules["generator"].trained().values()),
        ("discriminators", [value for net in list(task.modules.values())[1:] for value in net.parameters()]),
    ):
        task.optimizers[name] = torch.optim.SGD(list(parameters), lr=0.01)
    accelerator = accelerator_for("no", "cpu")
    task.bind(accelerator, 0)
    task.prepare(accelerator)
    real = task.real(0, task.generator(0, "images"))
    shown = task.step(accelerator, 0)

    turbo, judges = nets["generator"], {name: nets[f"discriminator_{name}"] for name in ("visible", "infrared")}
    of_turbo = list(turbo.trained().values())
    of_judges = [value for judge in judges.values() for value in judge.parameters()]
    parts = {"turbo": of_turbo, "judges": of_judges}
    steps = {name: (values, torch.optim.SGD(values, lr=0.01)) for name, values in parts.items()}

    def update(player, loss):
        parameters, optimizer = steps[player]
        for value in of_turbo + of_judges:
            value.grad = None
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()

    v, i, distance = real["visible"], real["infrared"], nn.functional.l1_loss
    rebuilt = turbo(turbo(v, "infrared"), "visible"), turbo(turbo(i, "visible"), "infrared")
    cycle = own.cycle_weight * (distance(rebuilt[0], v) + distance(rebuilt[1], i))
    update("turbo", cycle)
    made = turbo(i, "visible"), turbo(v, "infrared")
    fool = [logistic(judge(picture), True) for judge, picture in zip(judges.values(), made, strict=True)]
    update("turbo", own.gan_weight * sum(fool))
    update("turbo", own.identity_weight * (distance(turbo(v, "visible"), v) + distance(turbo(i, "infrared"), i)))
    for pictures, wanted in ((made, False), ((v, i), True)):
        scores = [logistic(judge(each.detach()), wanted) for judge, each in zip(judges.values(), pictures, strict=True)]
        update("judges", own.gan_weight * sum(scores) / 2)
    for name, net in nets.items():
        for (key, value), other in zip(net.named_parameters(), task.modules[name].parameters(), strict=True):
            assert torch.allclose(value, other, atol=1e-6), (name, key)
    assert shown["cycle_visible"] + shown["cycle_infrared"] == pytest.approx(cycle.item(), rel=1e-4)
    assert CycleGanTurboConfig().updates == "each" and config.updates == "sum"


def test_sd_turbos_architecture_without_memory():
    """Stable Diffusion 2.1's, which SD-Turbo was distilled from: the U-Net's published 865,910,724 parameters, its
    text encoder of 1024 features, and about the 330 MB that the paper says are trained."""
    heads = {"attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True}
    unet = stable_diffusion_15.UNET | heads | {"cross_attention_dim": 1024}
    sizes = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16}
    text = stable_diffusion_15.TEXT | sizes | {"hidden_act": "gelu"}
    small = stable_diffusion_15.build()  # outside: its schedule has values
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**unet), AutoencoderKL(**stable_diffusion_15.VAE)
        text = CLIPTextModel(CLIPTextConfig(**text))
        assert sum(value.numel() for value in unet.parameters()) == 865_910_724
        assert sum(value.numel() for value in text.parameters()) == 340_387_840
        base = type(small)(small.tokenizer, text, unet, vae, small.schedule, "SD-Turbo without weights")
        generator = TurboGenerator(base, CycleGanTurboConfig())
        trained = sum(value.numel() for value in generator.trained().values())
        assert 250e6 < 2 * trained < 400e6  # bytes in half precision
        assert generator(torch.empty(1, 3, 256, 128), "infrared").shape == (1, 3, 256, 128)
    skips = [tuple(skip.weight.shape[:2]) for skip in generator.coders["visible"].skips]
    assert skips == [(512, 512), (512, 256), (512, 128), (256, 128)]

"""Micro-batches leave JSIA-ReID's gradients as they are, and bring the paper's batch below a GPU's memory."""

import pytest
import torch

from vireid_lib.data.tables import MODALITIES
from vireid_lib.generators import build
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.cost import Peak
from vireid_lib.generators.jsia import JsiaTask
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.generation import generate, make_networks
from vireid_lib.generators.jsia.joint_config import JsiaReidConfig
from vireid_lib.generators.jsia.joint_task import JointTask
from vireid_lib.generators.jsia.joint_training import joint_bytes
from vireid_lib.generators.jsia.networks import Decoder

GPU = 80e9


def _gradients(modules):
    named = ((f"{name}.{key}", value) for name, own in modules.items() for key, value in own.named_parameters())
    return {name: value.grad for name, value in named if value.grad is not None}


def _close(found, plain):
    assert found.keys() == plain.keys()
    limit = 1e-9 * max(value.abs().max() for value in plain.values())  # some biases have none but rounding's
    for name, value in plain.items():
        torch.testing.assert_close(
            found[name], value, rtol=0, atol=float(limit), msg=lambda said, name=name: name + said
        )


@pytest.mark.parametrize("form", ["paper", "release"])
def test_gradients_and_statistics_are_the_plain_steps(tiny, form):
    """In double precision, with batches that do not divide evenly."""
    found, statistics = [], []
    size = {"height": 16, "width": 16} if form == "release" else {}
    for micro_batch in (None, 2):
        config = tiny("jsia", form=form, micro_batch=micro_batch, **size)
        torch.manual_seed(0)
        modules = {name: module.double() for name, module in make_networks(config).items()}
        draw = torch.Generator().manual_seed(1)
        counts = {"visible": 7, "infrared": 5}
        shape = (3, config.height, config.width)
        real = {n: 2 * torch.rand(counts[n], *shape, generator=draw, dtype=torch.float64) - 1 for n in MODALITIES}
        _, losses = generate(modules, real, config, draw)
        losses["total"].backward()
        found.append(_gradients(modules))
        statistics.append([value for name, value in modules["set_level"].named_buffers()])
    _close(*found)
    for one, other in zip(*statistics, strict=True):
        torch.testing.assert_close(one, other)


def test_the_joint_steps_gradients_are_the_plain_steps(tiny, toy_people, tmp_path):
    """With triplets and batch normalisation over the whole batch, and mixtures of images of different micro-batches."""
    people = toy_people[toy_people["split"] == "train"].reset_index(drop=True)
    build("jsia", tiny("jsia", identities=3, steps=2), device="cpu", progress=False).fit(people, tmp_path)
    settings = {"height": 32, "width": 32, "identities": 3, "images": 2, "generation_identities": 3, "steps": 1}
    found = []
    for micro_batch in (None, 4):
        config = JsiaReidConfig.small(**settings, erasing=0.0)
        task = JointTask(people, config, seed=1, cache=None, start=tmp_path)
        for module in task.modules.values():
            module.double()
            for part in module.modules():
                if hasattr(part, "micro_batch"):
                    part.micro_batch = micro_batch
        task.before_step(0)
        batch = task.batch(0)
        batch.visible, batch.infrared = batch.visible.double(), batch.infrared.double()
        losses, _, _ = task._learn(task.method.move(batch))
        assert {"triplet", "il", "lr", "ui", "generation"} <= losses.keys()
        sum(losses.values()).backward()
        found.append(_gradients(task.modules))
    _close(found[1], found[0])


def test_the_gradient_of_a_single_image_is_its_own():
    """torch's instance normalisation gives another one for a batch of one in channels_last."""
    torch.manual_seed(0)
    decoder = Decoder(8, style=3, blocks=1, upsamplings=1, mlp_width=4).double().to(memory_format=torch.channels_last)
    maps = torch.randn(2, 8, 8, 4, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    styles = torch.randn(2, 3, dtype=torch.float64).requires_grad_()
    alone, together = (
        sum(decoder(m, s).square().sum() for m, s in parts)
        for parts in (zip(maps.split(1), styles.split(1), strict=True), [(maps, styles)])
    )
    torch.testing.assert_close(*(torch.autograd.grad(loss, styles)[0] for loss in (alone, together)))


def test_the_steps_memory_is_told_without_taking_it(tiny, toy_people):
    """On the meta device it has the tensors that the step itself has on a CPU."""
    config = tiny("jsia", micro_batch=2)
    batches = Batches(toy_people, (config.height, config.width), None)
    told = JsiaTask.outline(config, batches).step_bytes(0)
    task = JsiaTask(config, batches)
    draw = torch.Generator()
    real = task.real(0, draw)
    with Peak() as peak:
        _, losses = generate(task.modules, real, config, draw)
        losses["total"].backward()
        del losses, _
    assert told == pytest.approx(peak.bytes, rel=0.02)


def test_the_papers_batch_fits_one_gpu(toy_people):
    """The pre-training's 16 people with 4 + 4 images; counted without one number being computed."""
    config = JsiaConfig(pretrained=None)
    blank = Batches(toy_people, (2, 2), None, blank=True)
    outline = JsiaTask.outline(config.model_copy(update={"identities": 2}), blank)
    outline.rows = lambda step: (range(80), range(64))
    assert 5e9 < outline.step_bytes(0) < 0.5 * GPU


@pytest.mark.slow
def test_the_papers_joint_batch_fits_one_gpu():
    plain, parts = (
        joint_bytes(JsiaReidConfig(pretrained=None), JsiaConfig(pretrained=None, micro_batch=size), 395)
        for size in (None, 16)
    )
    assert parts < 0.6 * GPU < GPU < plain

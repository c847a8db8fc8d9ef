"""Flow2Flow as a generator: it stays invertible, interpolates, and takes its turns."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from vireid_lib.data.images import to_float
from vireid_lib.generators import build, load
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.flow2flow.config import RELEASE, Flow2FlowConfig
from vireid_lib.generators.flow2flow.discriminators import ImageEncoder
from vireid_lib.generators.flow2flow.task import Flow2FlowTask, dequantised


def test_trained_flows_are_still_invertible(learnt, pixels_of):
    generator, _ = learnt("flow2flow")
    for modality in ("visible", "infrared"):
        images = pixels_of(generator, modality)
        latents = generator.encode(images, modality)
        assert np.array_equal(generator.decode(latents, modality), images)
        flow, values = generator.networks[modality], dequantised(to_float(images), torch.rand(len(images), 3, 32, 24))
        with torch.no_grad():
            assert (flow(flow(values)[0], generate=True) - values).abs().max() < 1e-4


def test_there_and_back_again_is_the_picture(learnt, pixels_of):
    """CMG composes exactly: visible → latents → infrared → latents → visible."""
    generator, _ = learnt("flow2flow")
    flows, values = generator.networks, dequantised(to_float(pixels_of(generator, "visible")), 0.5)
    with torch.no_grad():
        infrared = flows["infrared"](flows["visible"](values)[0], generate=True)
        back = flows["visible"](flows["infrared"](infrared)[0], generate=True)
    assert (back - values).abs().max() < 1e-3


def test_a_loaded_generator_may_interpolate(learnt, toy_people, tmp_path):
    generator, folder = learnt("flow2flow")
    config = generator.config.model_copy(update={"expansion": "interpolate"})
    between = load("flow2flow", folder, config, device="cpu", progress=False)
    made = between.expand(["toy/0000", "toy/0001"], ["toy/1", "toy/3"], 2, 0, tmp_path, source=toy_people)
    assert made["modality"].tolist() == ["visible"] * 4 + ["infrared"] * 4 and (made["split"] == "train").all()
    with pytest.raises(ValueError, match="blocks was 3 and is 5"):
        load("flow2flow", folder, generator.config.model_copy(update={"blocks": 5}))


def test_interpolation_starts_and_ends_at_the_images(learnt, pixels_of):
    generator, _ = learnt("flow2flow")
    first, second = pixels_of(generator, "infrared")[:2]
    latents = generator.encode(np.stack([first, second]), "infrared")
    path = torch.stack([latents[0] + share * (latents[1] - latents[0]) for share in (0.0, 0.5, 1.0)])
    pictures = generator.decode(path, "infrared").astype(int)
    assert np.abs(pictures[0] - first).max() <= 1 and np.abs(pictures[2] - second).max() <= 1
    assert len({picture.tobytes() for picture in pictures}) == 3


def test_without_adversaries(toy_people, tiny, tmp_path):
    config = tiny("flow2flow", identity_weight=0.0, modality_weight=0.0, steps=2)
    generator = build("flow2flow", config, device="cpu", progress=False)
    generator.fit(toy_people, tmp_path)
    assert set(generator.history[-1]) == {"step", "total", "flow_visible", "flow_infrared", "noise", "gradient_norm"}


def test_flows_twice_adversaries_once(toy_people, tiny):
    for form, turns in (("paper", 2), ("release", 1)):
        task = Flow2FlowTask(tiny("flow2flow", form=form), Batches(toy_people, (32, 24), None))
        task.step(_Backward(), 0)
        steps = {
            name: {int(state["step"]) for state in optimizer.state.values()}
            for name, optimizer in task.optimizers.items()
        }
        assert steps == {"flows": {turns}, "adversaries": {1}}


def test_the_released_form_only_sets_settings(toy_people, tiny):
    release = Flow2FlowConfig(form="release")
    assert (release.height, release.width, release.identities, release.images) == (384, 128, 1, 4)
    assert Flow2FlowConfig(**RELEASE).model_copy(update={"form": "release"}) == release
    assert Flow2FlowConfig(form="release", activation=True).activation_scale == 5.0


def test_batches_of_one_identity_without_replacement(toy_people, tiny):
    """As in the released command: an epoch shows no image of the smaller modality twice, and its losses are finite."""
    config = tiny("flow2flow", form="release", visible_only=0, identities=1, images=2, steps=None, epochs=2)
    task = Flow2FlowTask(config, Batches(toy_people, (32, 24), None))
    task.bind(Accelerator(cpu=True), seed=3)
    assert task.steps == 2 * 6 * 3  # six people with six images of each modality, two by two
    batches = [task.rows(step) for step in range(18)]
    for visible, infrared in batches:
        assert len(set(task.batches.labels[np.concatenate((visible, infrared))])) == 1
    for side in (0, 1):
        assert len({row for batch in batches for row in batch[side]}) == 36
    external = Flow2FlowTask(config.model_copy(update={"visible_only": 2}), task.batches)
    visible, infrared = external.rows(0)
    assert len(visible) == 2 + 2 * 2 and len(infrared) == 2
    again = Flow2FlowTask(config, Batches(toy_people, (32, 24), None))
    again.bind(Accelerator(cpu=True), seed=3)
    assert np.array_equal(again.rows(17), batches[17])
    shown = task.step(_Backward(), 0)
    assert all(torch.isfinite(value) for value in shown.values())


def test_images_are_shifted_into_grey(toy_people, tiny):
    white = np.full((84, 32, 24, 3), 255, np.uint8)
    for fill, level in (("grey", 127 / 255), ("black", 0.0)):
        batches = Batches(toy_people, (32, 24), None)
        batches.pixels = white
        task = Flow2FlowTask(tiny("flow2flow", padding=4, padding_fill=fill), batches)
        shown = task.images(np.arange(8), torch.Generator().manual_seed(0))
        assert set(np.round(np.unique(shown.numpy()), 4)) == {np.float32(round(level, 4)), np.float32(1.0)}


def test_first_weights_of_the_adversaries(toy_people, tiny):
    normal, plain = (ImageEncoder(64, kind).layers[0].weight for kind in ("normal", "torch"))
    assert normal.std().item() == pytest.approx(0.02, rel=0.1) and plain.std().item() > 0.05


def test_flows_that_start_alike_translate_an_image_into_itself(toy_people, tiny, learnt, pixels_of):
    images = dequantised(to_float(pixels_of(learnt("flow2flow")[0], "visible")), 0.5)
    for start, same in (("alike", True), ("apart", False)):
        task = Flow2FlowTask(tiny("flow2flow", start=start), Batches(toy_people, (32, 24), None))
        with torch.no_grad():
            shown = task.modules["infrared"](task.modules["visible"](images)[0], generate=True)
        assert bool((shown - images).abs().max() < 1e-4) == same
        parameters = zip(*(task.modules[name].parameters() for name in task.kept), strict=True)
        assert all(first is not second for first, second in parameters)


class _Backward:
    def backward(self, loss):
        loss.backward()

    def clip_grad_norm_(self, parameters, limit):
        return torch.nn.utils.clip_grad_norm_(parameters, limit)


def test_sizes_and_modalities_that_it_cannot_take(learnt):
    with pytest.raises(ValueError, match="no flow for modality 'thermal'"):
        learnt("flow2flow")[0].encode(np.zeros((1, 32, 24, 3), np.uint8), "thermal")
    with pytest.raises(ValueError, match="multiples of 8"):
        Flow2FlowConfig(height=100)
    with pytest.raises(ValueError, match="at least 24"):
        Flow2FlowConfig(width=16)

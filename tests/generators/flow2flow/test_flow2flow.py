"""Flow2Flow as a generator: it stays invertible, interpolates, and takes its turns."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from vireid_lib.data.images import to_float
from vireid_lib.generators import load
from vireid_lib.generators.flow2flow import dequantised


def test_trained_flows_are_still_invertible(learnt, pixels_of):
    generator, _ = learnt("flow2flow")
    for modality in ("visible", "infrared"):
        images = pixels_of(generator, modality)
        latents = generator.encode(images, modality)
        assert np.array_equal(generator.decode(latents, modality), images)
        flow, values = generator.networks[modality], dequantised(to_float(images), torch.rand(len(images), 3, 32, 24))
        with torch.no_grad():
            assert (flow(flow(values)[0], generate=True) - values).abs().max() < 1e-4


def test_a_loaded_generator_may_interpolate(learnt, toy_people, tmp_path):
    generator, folder = learnt("flow2flow")
    config = generator.config.model_copy(update={"expansion": "interpolate"})
    between = load("flow2flow", folder, config, device="cpu", progress=False)
    made = between.expand(["toy/0000", "toy/0001"], ["toy/1", "toy/3"], 2, 0, tmp_path, source=toy_people)
    assert made["modality"].tolist() == ["visible"] * 4 + ["infrared"] * 4 and (made["split"] == "train").all()
    with pytest.raises(ValueError, match="blocks is 3 there and 5 now"):
        load("flow2flow", folder, generator.config.model_copy(update={"blocks": 5}))


def test_flows_twice_adversaries_once(task_of):
    for form, turns in (("paper", 2), ("release", 1)):
        task = task_of("flow2flow", form=form)
        task.step(Accelerator(cpu=True), 0)
        states = {name: optimizer.state.values() for name, optimizer in task.optimizers.items()}
        steps = {name: {int(state["step"]) for state in own} for name, own in states.items()}
        assert steps == {"flows": {turns}, "adversaries": {1}}


def test_batches_of_one_identity_without_replacement(task_of):
    """As in the released command: an epoch shows no image of the smaller modality twice, and its losses are finite."""
    settings = {"form": "release", "identities": 1, "images": 2, "steps": None, "epochs": 2}
    task = task_of("flow2flow", **settings, visible_only=0)
    task.bind(Accelerator(cpu=True), seed=3)
    assert task.steps == 2 * 6 * 3  # six people with six images of each modality, two by two
    batches = [task.rows(step) for step in range(18)]
    for visible, infrared in batches:
        assert len(set(task.batches.labels[np.concatenate((visible, infrared))])) == 1
    for side in (0, 1):
        assert len({row for batch in batches for row in batch[side]}) == 36
    assert all(torch.isfinite(value) for value in task.step(Accelerator(cpu=True), 0).values())
    visible, infrared = task_of("flow2flow", **settings, visible_only=2).rows(0)
    assert len(visible) == 2 + 2 * 2 and len(infrared) == 2


def test_flows_that_start_alike_translate_an_image_into_itself(task_of, learnt, pixels_of):
    images = dequantised(to_float(pixels_of(learnt("flow2flow")[0], "visible")), 0.5)
    for start, same in (("alike", True), ("apart", False)):
        task = task_of("flow2flow", start=start)
        with torch.no_grad():
            shown = task.modules["infrared"](task.modules["visible"](images)[0], generate=True)
        assert bool((shown - images).abs().max() < 1e-4) == same
        parameters = zip(*(task.modules[name].parameters() for name in task.kept), strict=True)
        assert all(first is not second for first, second in parameters)

"""Flow2Flow as a generator: it learns, resumes, interpolates, translates both ways, and refuses."""

import numpy as np
import pytest
import torch
from PIL import Image

from vireid_lib.data import tables
from vireid_lib.data.images import to_float
from vireid_lib.generators import build, load
from vireid_lib.generators.flow2flow.config import Flow2FlowConfig
from vireid_lib.generators.flow2flow.task import dequantised

PEOPLE = [f"toy/{number:04d}" for number in range(6)]
EXTERNAL = ["market/0006", "market/0007"]
TINY = {
    "height": 32,
    "width": 24,
    "squeezes": 1,
    "blocks": 3,
    "coupling_width": 16,
    "discriminator_width": 4,
    "identities": 3,
    "images": 2,
    "visible_only": 2,
    "steps": 6,
    "checkpoint_every": 2,
    "flow_weight": 1e-3,
    "residual_width": 4,
}


@pytest.fixture(scope="module")
def learnt(fit_to_toys):
    config = Flow2FlowConfig.small(**TINY | {"steps": 100, "learning_rate": 5e-3, "checkpoint_every": 0})
    return fit_to_toys("flow2flow", config)


def _pixels(rows):
    return np.stack([np.array(Image.open(path).convert("RGB")) for path in rows["path"]])


def _of(table, modality, split="train"):
    return table[(table["modality"] == modality) & (table["split"] == split)]


def test_the_likelihood_rises(learnt):
    _, flow = learnt[0].history.column("flow_infrared")
    assert flow[-1] < flow[0] - 200 and all(np.isfinite(value) for value in flow)


@pytest.mark.parametrize(
    ("here", "there", "camera"), [("visible", "infrared", "toy/3"), ("infrared", "visible", "toy/1")]
)
def test_translations_are_closer_to_the_target_modality_than_the_input_is(learnt, toy_people, here, there, camera):
    images, target = _pixels(_of(toy_people, here)), _pixels(_of(toy_people, there)).mean(0)
    made = learnt[0].translate(images, PEOPLE[0], camera)
    assert np.linalg.norm(made.mean(0) - target) < 0.6 * np.linalg.norm(images.mean(0) - target)


def test_trained_flows_are_still_invertible(learnt, toy_people):
    for modality in ("visible", "infrared"):
        images = _pixels(_of(toy_people, modality))
        latents = learnt[0].encode(images, modality)
        assert np.array_equal(learnt[0].decode(latents, modality), images)
        flow, values = learnt[0].networks[modality], dequantised(to_float(images), torch.rand(len(images), 3, 32, 24))
        with torch.no_grad():
            assert (flow(flow(values)[0], generate=True) - values).abs().max() < 1e-4


def test_there_and_back_again_is_the_picture(learnt, toy_people):
    """CMG composes exactly: visible → latents → infrared → latents → visible."""
    flows = learnt[0].networks
    values = dequantised(to_float(_pixels(_of(toy_people, "visible"))), 0.5)
    with torch.no_grad():
        infrared = flows["infrared"](flows["visible"](values)[0], generate=True)
        back = flows["visible"](flows["infrared"](infrared)[0], generate=True)
    assert (back - values).abs().max() < 1e-3


def test_expand_writes_a_gallery_of_external_people(learnt, toy_people, tmp_path):
    made = learnt[0].expand(EXTERNAL, ["toy/3"], 3, 7, tmp_path, source=_of(toy_people, "visible", "external"))
    assert len(made) == 6 and (made["modality"] == "infrared").all() and (made["source"] == "flow2flow").all()
    assert (made["split"] == "external").all() and made["seed"].is_unique
    assert (tmp_path / "cam3" / "0006" / "0001.png").exists()
    assert tables.load(tmp_path / "table.csv").equals(tables.validate(made, "again"))
    assert '"made_from"' in (tmp_path / "provenance.json").read_text()
    kept = (tmp_path / "cam3" / "0006" / "0001.png").stat().st_mtime_ns
    assert learnt[0].expand(EXTERNAL, ["toy/3"], 3, 7, tmp_path).equals(made)
    assert (tmp_path / "cam3" / "0006" / "0001.png").stat().st_mtime_ns == kept
    with pytest.raises(ValueError, match="seed is 7 there and 8 now"):
        learnt[0].expand(EXTERNAL, ["toy/3"], 3, 8, tmp_path)


def test_loaded_generator_makes_the_same_and_may_interpolate(learnt, toy_people, tmp_path):
    generator, folder = learnt
    again = load("flow2flow", folder, device="cpu", progress=False)
    images = _pixels(_of(toy_people, "visible"))
    assert np.array_equal(again.translate(images, "", "toy/3"), generator.translate(images, "", "toy/3"))
    assert again.summary()["steps"] == 100
    with pytest.raises(ValueError, match="give expand"):
        again.expand(EXTERNAL, ["toy/3"], 1, 0, tmp_path)
    between = load(
        "flow2flow",
        folder,
        generator.config.model_copy(update={"expansion": "interpolate"}),
        device="cpu",
        progress=False,
    )
    made = between.expand(PEOPLE[:2], ["toy/1", "toy/3"], 2, 0, tmp_path, source=toy_people)
    assert made["modality"].tolist() == ["visible"] * 4 + ["infrared"] * 4 and (made["split"] == "train").all()
    with pytest.raises(ValueError, match="blocks was 3 and is 5"):
        load("flow2flow", folder, generator.config.model_copy(update={"blocks": 5}))


def test_interpolation_starts_and_ends_at_the_images(learnt, toy_people):
    generator = learnt[0]
    first, second = _pixels(_of(toy_people, "infrared"))[:2]
    latents = generator.encode(np.stack([first, second]), "infrared")
    path = torch.stack([latents[0] + share * (latents[1] - latents[0]) for share in (0.0, 0.5, 1.0)])
    pictures = generator.decode(path, "infrared").astype(int)
    assert np.abs(pictures[0] - first).max() <= 1 and np.abs(pictures[2] - second).max() <= 1
    assert len({picture.tobytes() for picture in pictures}) == 3


@pytest.mark.parametrize("form", ["paper", "release"])
def test_resume_is_bitwise(check_resume, form):
    from vireid_lib.generators.flow2flow.task import Flow2FlowTask

    config = Flow2FlowConfig.small(**TINY | {"form": form})
    check_resume("flow2flow", config, Flow2FlowTask, stop=5, started_at=4)


def test_without_adversaries(toy_people, tmp_path):
    config = Flow2FlowConfig.small(**TINY | {"identity_weight": 0, "modality_weight": 0, "steps": 2})
    generator = build("flow2flow", config, device="cpu", progress=False)
    generator.fit(toy_people, tmp_path)
    assert set(generator.history[-1]) == {"step", "total", "flow_visible", "flow_infrared", "noise", "gradient_norm"}


def test_flows_twice_adversaries_once(toy_people, tmp_path):
    from vireid_lib.generators.batches import Batches
    from vireid_lib.generators.flow2flow.task import Flow2FlowTask

    for form, turns in (("paper", 2), ("release", 1)):
        task = Flow2FlowTask(Flow2FlowConfig.small(**TINY | {"form": form}), Batches(toy_people, (32, 24), None))
        task.step(_Backward(), 0)
        steps = {
            name: {int(state["step"]) for state in optimizer.state.values()}
            for name, optimizer in task.optimizers.items()
        }
        assert steps == {"flows": {turns}, "adversaries": {1}}


def test_flows_that_start_alike_translate_an_image_into_itself(toy_people):
    from vireid_lib.generators.batches import Batches
    from vireid_lib.generators.flow2flow.task import Flow2FlowTask

    images = dequantised(to_float(_pixels(_of(toy_people, "visible"))), 0.5)
    for start, same in (("alike", True), ("apart", False)):
        task = Flow2FlowTask(Flow2FlowConfig.small(**TINY | {"start": start}), Batches(toy_people, (32, 24), None))
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


def test_refusals(learnt, toy_people, tmp_path):
    generator = learnt[0]
    images = _pixels(_of(toy_people, "visible"))[:1]
    with pytest.raises(ValueError, match=r"camera 'toy/6'; those are market/1, toy/1, toy/3"):
        generator.expand(PEOPLE, ["toy/6"], 1, 0, tmp_path, source=toy_people)
    with pytest.raises(ValueError, match="no flow for modality 'thermal'"):
        generator.encode(images, "thermal")
    with pytest.raises(ValueError, match="fitted at 32x24 pixels"):
        generator.translate(np.zeros((1, 8, 8, 3), np.uint8), PEOPLE[0], "toy/3")
    with pytest.raises(ValueError, match="no visible image to start from"):
        generator.expand(["toy/0099"], ["toy/3"], 1, 0, tmp_path, source=toy_people)
    fresh = build("flow2flow", generator.config, device="cpu", progress=False)
    with pytest.raises(ValueError, match="not fitted"):
        fresh.translate(images, PEOPLE[0], "toy/3")
    with pytest.raises(ValueError, match="test people"):
        fresh.fit(toy_people.assign(split="test"), tmp_path / "a")
    with pytest.raises(ValueError, match="no infrared image"):
        fresh.fit(_of(toy_people, "visible"), tmp_path / "b")
    with pytest.raises(ValueError, match="external rows are infrared"):
        fresh.fit(toy_people.assign(split="external"), tmp_path / "c")
    few = toy_people[toy_people["identity"].isin(PEOPLE[:2])]
    with pytest.raises(ValueError, match="needs 3 identities"):
        fresh.fit(few, tmp_path / "d")
    with pytest.raises(FileNotFoundError, match="run fit first"):
        load("flow2flow", tmp_path / "e")
    with pytest.raises(ValueError, match="multiples of 8"):
        Flow2FlowConfig(height=100)
    with pytest.raises(ValueError, match="at least 24"):
        Flow2FlowConfig(width=16)

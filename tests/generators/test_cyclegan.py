"""CycleGAN: it learns, resumes, keeps a pool, and refuses."""

import numpy as np
import pytest
import torch

from vireid_lib.generators import build
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.cyclegan import CycleGanConfig, CycleGanTask, ImagePool, toward
from vireid_lib.generators.networks import PatchDiscriminator, ResnetGenerator

TINY = {
    "height": 32,
    "width": 24,
    "generator_width": 4,
    "blocks": 1,
    "discriminator_width": 4,
    "batch": 2,
    "steps": 6,
    "checkpoint_every": 2,
    "pool": 4,
    "generator_halvings": 2,
    "discriminator_halvings": 3,
    "shortcut": False,
    "identity_weight": 5.0,
}


@pytest.fixture(scope="module")
def learnt(fit_to_toys):
    config = CycleGanConfig.small(
        **TINY | {"generator_width": 8, "batch": 4, "steps": 60, "learning_rate": 2e-3, "checkpoint_every": 0}
    )
    return fit_to_toys("cyclegan", config)


def test_the_cycle_closes(learnt):
    _, cycle = learnt[0].history.column("cycle_visible")
    assert cycle[-1] < 0.7 * cycle[0]


def test_translations_are_closer_to_the_target_modality_than_the_input_is(learnt, still_to_go):
    assert still_to_go(learnt[0]) < 0.7


def test_a_gallery_of_external_people(learnt, check_gallery, toy_people, tmp_path):
    again = check_gallery("cyclegan", learnt)
    with pytest.raises(ValueError, match="camera 'toy/9'"):
        again.expand(["market/0006", "market/0007"], ["toy/9"], 2, 1, tmp_path, source=toy_people)


def test_resume_is_bitwise(check_resume):
    """The pool of four is full and in use when the run is stopped."""
    check_resume("cyclegan", CycleGanConfig.small(**TINY), CycleGanTask, stop=5, started_at=4)


def test_the_pool_gives_old_images_for_new_ones():
    pool, draw = ImagePool(2, 1, 1), torch.Generator().manual_seed(0)
    first = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    assert torch.equal(pool.exchange(first, draw), first)  # not full yet
    seen = [pool.exchange(torch.full((1, 3, 1, 1), float(number)), draw)[0, 0].item() for number in range(2, 40)]
    older = sum(value < number for number, value in enumerate(seen, 2))
    assert 10 < older < 28  # about every second one
    copy = ImagePool(2, 1, 1)
    copy.load_state_dict(pool.state_dict())
    assert copy.filled == 2 and torch.equal(copy.images, pool.images)


def test_the_rate_falls_in_the_second_half(toy_people):
    task = CycleGanTask(CycleGanConfig.small(**TINY | {"steps": 100}), Batches(toy_people, (32, 24), None))
    rates = []
    for step in (0, 49, 75, 99):
        task.before_step(step)
        rates.append(task.optimizers["judges"].param_groups[0]["lr"] / task.settings.learning_rate)
    assert rates == pytest.approx([1.0, 1.0, 0.5, 0.02])


def test_an_epoch_shows_each_image_of_the_larger_modality(toy_people):
    config = CycleGanConfig(**{name: value for name, value in TINY.items() if name != "steps"}, epochs=3)
    assert CycleGanTask(config, Batches(toy_people, (32, 24), None)).steps == 3 * 24  # 48 visible images, two a batch


def test_sizes_and_published_numbers_of_parameters():
    assert ResnetGenerator(width=4, blocks=2)(torch.rand(2, 3, 32, 24)).shape == (2, 3, 32, 24)
    assert PatchDiscriminator(width=4)(torch.rand(1, 3, 256, 256)).shape == (1, 1, 30, 30)
    count = {
        module: sum(parameter.numel() for parameter in module.parameters())
        for module in (ResnetGenerator(), PatchDiscriminator())
    }
    assert list(count.values()) == [11_378_179, 2_764_737]  # printed by the authors' code: 11.378 M and 2.765 M
    with pytest.raises(ValueError, match="multiples of 4"):
        CycleGanConfig(height=70)
    assert toward(torch.tensor([0.0, 2.0]), 1.0).item() == 1.0


@pytest.mark.slow
def test_one_update_at_the_published_size(toy_people, tmp_path):
    generator = build("cyclegan", CycleGanConfig(steps=1), device="cpu", progress=False)
    generator.fit(toy_people, tmp_path)
    assert np.isfinite(list(generator.history[-1].values())).all()
    assert generator.translate(np.zeros((1, 144, 72, 3), np.uint8), "", "toy/3").shape == (1, 144, 72, 3)

"""CycleGAN: its pool of older images, its published size."""

import torch

from vireid_lib.generators.adversarial import toward
from vireid_lib.generators.cyclegan import ImagePool
from vireid_lib.generators.networks import PatchDiscriminator, ResnetGenerator


def test_the_pool_gives_old_images_for_new_ones():
    pool, draw = ImagePool(2, 1, 1), torch.Generator().manual_seed(0)
    first = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    assert torch.equal(pool.exchange(first, draw), first)  # not full yet
    seen = [pool.exchange(torch.full((1, 3, 1, 1), float(number)), draw)[0, 0].item() for number in range(2, 40)]
    older = sum(value < number for number, value in enumerate(seen, 2))
    assert 10 < older < 28  # about every second one


def test_sizes_and_published_numbers_of_parameters():
    assert ResnetGenerator(width=4, blocks=2)(torch.rand(2, 3, 32, 24)).shape == (2, 3, 32, 24)
    assert PatchDiscriminator(width=4)(torch.rand(1, 3, 256, 256)).shape == (1, 1, 30, 30)
    count = {
        module: sum(parameter.numel() for parameter in module.parameters())
        for module in (ResnetGenerator(), PatchDiscriminator())
    }
    assert list(count.values()) == [11_378_179, 2_764_737]  # printed by the authors' code: 11.378 M and 2.765 M
    assert toward(torch.tensor([0.0, 2.0]), 1.0).item() == 1.0

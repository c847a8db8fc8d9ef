"""VI-Diff: its contours against a plain loop, its losses, its network's size."""

import numpy as np
import pytest
import torch

from vireid_lib.generators.vi_diff import Denoiser, ViDiffConfig, contours


def test_contours_against_a_plain_sum_over_frequencies():
    images, cutoff = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64), 2
    grey = (images[0] * torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64).view(3, 1, 1)).sum(0).numpy()
    rows, columns = np.mgrid[:6, :5]
    left = np.zeros((6, 5), complex)
    for down in range(-3, 3):
        for across in range(-2, 3):
            if not (-cutoff <= down < cutoff and -cutoff <= across < cutoff):
                wave = np.exp(2j * np.pi * (down * rows / 6 + across * columns / 5))
                left += (grey * wave.conj()).sum() / 30 * wave
    assert np.allclose(contours(images, cutoff)[0, 0].numpy(), 2 * np.abs(left) - 1)
    assert np.allclose(contours(images, cutoff, signed=True)[0, 0].numpy(), 2 * left.real)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_a_network_that_knows_the_answer_has_no_loss(task_of, prediction):
    """Image, noise and time of a batch are drawn again here, and the network is replaced by what it should say."""
    task = task_of("vi_diff", prediction=prediction, flip=False)
    draw = task.generator(3, "images")
    clean = torch.from_numpy(task.batches.pixels[np.concatenate(task.rows(3))]).permute(0, 3, 1, 2).float() / 127.5 - 1
    times = torch.randint(1000, (4,), generator=draw)
    noise = torch.randn(clean.shape, generator=draw)
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    signal = (1 - betas).cumprod(0).sqrt()[times].view(-1, 1, 1, 1)
    spread = (1 - signal**2).sqrt()
    answer = {"epsilon": noise, "sample": clean, "v_prediction": signal * noise - spread * clean}[prediction]

    def network(noised, seen, given, labels):
        assert torch.allclose(noised, (signal * clean + spread * noise).float(), atol=1e-5)
        assert torch.equal(given, times) and labels.tolist() == [0, 0, 1, 1] and seen.shape == (4, 1, 32, 24)
        return answer.float()

    task.modules["denoiser"] = network
    assert task.losses(3)["total"] < 1e-9


def test_the_released_size_without_memory():
    with torch.device("meta"):
        denoiser = Denoiser(ViDiffConfig())
        maps = (torch.empty(2, channels, 256, 128) for channels in (3, 1))
        made = denoiser(*maps, *torch.empty(2, 2, dtype=torch.int64))
    assert made.shape == (2, 3, 256, 128)
    shapes = {name: module for name, module in denoiser.unet.named_modules() if name.endswith("attentions")}
    attended = [name for name, attentions in shapes.items() if len(attentions) and attentions[0] is not None]
    blocks = ["down_blocks.3", "down_blocks.4", "up_blocks.0", "up_blocks.1", "mid_block"]
    assert attended == [f"{block}.attentions" for block in blocks]

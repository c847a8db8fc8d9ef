"""Images per second of a training step of the small network: the trainer's batched tensors against the
straightforward form, which augments image by image with Pillow. Run: `python tests/benchmarks/bench_reid.py`.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from vireid_lib.data import tables
from vireid_lib.data.augment import IMAGENET_MEAN, IMAGENET_STD
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.agw import AgwConfig
from vireid_lib.reid.train import ReidTask

STEPS, WARM_UP = 60, 10


def write_people(folder: Path) -> list[dict]:
    """Forty identities of 8 + 8 noise images at 128×64, the miniature world's size on disk."""
    draw, rows = np.random.default_rng(0), []
    for number in range(40 * 16):
        path = folder / f"{number:04d}.png"
        Image.fromarray(draw.integers(0, 255, (128, 64, 3), dtype=np.uint8)).save(path)
        modality, camera = (("visible", 1), ("infrared", 3))[number % 2]
        rows.append({
            "path": str(path), "identity": f"noise/{number // 16}", "camera": f"noise/{camera}",
            "modality": modality, "split": "train",
        })  # fmt: skip
    return rows


def with_pillow(path: str, visible: bool, config: AgwConfig) -> torch.Tensor:
    """Decode, pad, crop, flip, exchange channels, normalise and erase one image."""
    image = Image.open(path).convert("RGB").resize((config.width, config.height), Image.Resampling.BILINEAR)
    image = ImageOps.expand(image, config.padding)
    left, top = random.randint(0, 2 * config.padding), random.randint(0, 2 * config.padding)
    image = image.crop((left, top, left + config.width, top + config.height))
    if random.random() < config.flip:
        image = ImageOps.mirror(image)
    if visible and random.random() < config.channel_exchange:
        image = Image.merge("RGB", [image.split()[random.randrange(3)]] * 3)
    pixels = (np.asarray(image, dtype=np.float32) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    if random.random() < config.erasing:
        tall, wide = random.randint(8, 40), random.randint(6, 24)
        top, left = random.randint(0, config.height - tall), random.randint(0, config.width - wide)
        pixels[top : top + tall, left : left + wide] = 0
    return torch.from_numpy(pixels.astype(np.float32).transpose(2, 0, 1))


def images_per_second(task: ReidTask, batch: Callable[[int], Batch]) -> float:
    """Of whole steps: batch, forward, backward, optimiser."""
    optimizer = task.optimizers["network"]
    for step in range(STEPS + WARM_UP):
        if step == WARM_UP:
            began = time.perf_counter()
        task.before_step(step)
        losses = task.method.loss(batch(step))
        optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        optimizer.step()
    return STEPS * 2 * task.method.config.identities * task.method.config.images / (time.perf_counter() - began)


def main() -> None:
    """Print both forms."""
    with tempfile.TemporaryDirectory() as folder:
        table = tables.build(write_people(Path(folder)), "noise")
        fast = ReidTask(table, AgwConfig.small(), seed=0, cache=None)
        plain = ReidTask(table, AgwConfig.small(channels_last=False), seed=0, cache=None)
        paths, config = table["path"].to_numpy(), plain.method.config

        def batched(step: int) -> Batch:
            return fast.method.augment(fast.batch(step))

        def one_by_one(step: int) -> Batch:
            batch = plain.batch(step)
            for modality in ("visible", "infrared"):
                rows = getattr(batch, f"{modality}_rows").numpy()
                images = [with_pillow(path, modality == "visible", config) for path in paths[rows]]
                setattr(batch, modality, torch.stack(images))
            return batch

        print(f"small AGW, 64×32, batch 64, {torch.get_num_threads()} thread(s)")
        quick, slow = images_per_second(fast, batched), images_per_second(plain, one_by_one)
        print(f"batched tensors, channels_last   {quick:7.0f} images/s   900 steps in {900 * 64 / quick:4.0f} s")
        print(f"Pillow image by image            {slow:7.0f} images/s   900 steps in {900 * 64 / slow:4.0f} s")
        print(f"ratio {quick / slow:.2f}")


if __name__ == "__main__":
    main()

"""A training step of every ReID method: images per second and peak memory, against the straightforward form.

The straightforward form decodes and augments image by image with Pillow, in single precision, in the usual memory
order, eagerly. Ours takes decoded images from the cache and augments the batch on the device; on a GPU it runs under
bfloat16 autocast. Both then take the same losses and the same optimiser step.

    python tests/benchmarks/bench_reid.py                    # the miniature world's networks and size
    python tests/benchmarks/bench_reid.py --published deen   # ResNet-50 at the published size and batch
    python tests/benchmarks/bench_reid.py --compile          # ours with torch.compile
"""

import argparse
import contextlib
import multiprocessing
import random
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from vireid_lib.data import tables
from vireid_lib.data.images import to_float
from vireid_lib.reid import methods
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.train import ReidTask


def write_people(folder: Path, height: int, width: int) -> list[dict]:
    """Forty identities of 8 + 8 smooth images, twice the network's input size on disk."""
    draw, rows = np.random.default_rng(0), []
    for number in range(40 * 16):
        path = folder / f"{number:04d}.jpg"
        coarse = Image.fromarray(draw.integers(0, 255, (16, 8, 3), dtype=np.uint8))
        coarse.resize((2 * width, 2 * height), Image.Resampling.BICUBIC).save(path)
        modality, camera = (("visible", 1), ("infrared", 3))[number % 2]
        about = {"identity": f"noise/{number // 16}", "camera": f"noise/{camera}", "split": "train"}
        rows.append({"path": str(path), "modality": modality, **about})
    return rows


class Straightforward(ReidTask):
    """The same task with images that Pillow decodes, pads, crops and mirrors one by one at each step."""

    paths: np.ndarray
    padding: int

    def _images(self, rows: np.ndarray) -> torch.Tensor:
        return to_float(np.stack([self._moved(path) for path in self.paths[rows]]), self.device)

    def _moved(self, path: str) -> np.ndarray:
        size = width, height = self.method.config.width, self.method.config.height
        image = ImageOps.expand(Image.open(path).convert("RGB").resize(size, Image.Resampling.BILINEAR), self.padding)
        left, top = random.randint(0, 2 * self.padding), random.randint(0, 2 * self.padding)
        image = image.crop((left, top, left + width, top + height))
        return np.asarray(ImageOps.mirror(image) if random.random() < 0.5 else image)


def plain(config: ReidConfig) -> ReidConfig:
    """The configuration without what makes it fast, and without the moves that Pillow makes here."""
    off = {"channels_last": False, "compile": False, "precision": "no", "padding": 0, "flip": 0.0}
    return config.model_copy(update={key: value for key, value in off.items() if key in type(config).model_fields})


def measure(task: ReidTask, device: str, steps: int, warm_up: int) -> tuple[float, float]:
    """Images per second of whole steps (batch, forward, backward, optimiser), and peak memory in GB."""
    task.device = torch.device(device)
    task.modules["network"].to(device)
    half, cuda = task.method.config.precision == "bf16", device.startswith("cuda")
    for step in range(warm_up + steps):
        if step == warm_up:
            if cuda:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            began, images = time.perf_counter(), 0
        task.before_step(step)
        batch = task.batch(step)
        with torch.autocast(device, torch.bfloat16) if half else contextlib.nullcontext():
            losses = task.method.loss(task.method.augment(batch))
        for optimizer in task.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        for optimizer in task.optimizers.values():
            optimizer.step()
        if step >= warm_up:
            images += len(batch.visible) + len(batch.infrared)
    if cuda:
        torch.cuda.synchronize()
    elapsed = time.perf_counter() - began
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return images / elapsed, peak / 2**30


def one(form: str, name: str, arguments: argparse.Namespace) -> tuple[float, float]:
    """Measure one form of one method; in a process of its own, so that peak memory is its own."""
    kind = methods.method_class(name).config_class
    config = kind.published("sysu_mm01", pretrained=None) if arguments.published else kind.small()
    fast = {"channels_last": True, "compile": arguments.compile}
    fast |= {"precision": "bf16"} if arguments.device.startswith("cuda") else {}
    with tempfile.TemporaryDirectory() as folder:
        table = tables.build(write_people(Path(folder), config.height, config.width), "noise")
        if form == "ours":
            task = ReidTask(table, config.model_copy(update=fast), seed=0, cache=None)
        else:
            task = Straightforward(table, plain(config), seed=0, cache=None)
            task.paths, task.padding = table["path"].to_numpy(), getattr(config, "padding", 10)
        return measure(task, arguments.device, arguments.steps, arguments.warm_up)


def main() -> None:
    """Print a row per method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="names; none takes all")
    parser.add_argument("--published", action="store_true", help="ResNet-50 at the published size and batch")
    parser.add_argument("--compile", action="store_true", help="ours with torch.compile")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--warm-up", type=int, default=10)
    given = parser.parse_args()
    on_gpu = given.device.startswith("cuda")
    where = torch.cuda.get_device_name() if on_gpu else f"{torch.get_num_threads()} threads"
    size = "ResNet-50 at the published size" if given.published else "small networks, 64×32"
    print(f"{size}; {given.device}, {where}; images/s and peak GB: ours | straightforward | ratio")
    context = multiprocessing.get_context("spawn")
    for name in given.methods or methods.names():
        found = []
        for form in ("ours", "straightforward"):
            with context.Pool(1) as pool:
                found.append(pool.apply(one, (form, name, given)))
        (quick, lean), (slow, fat) = found
        print(f"{name:10s} {quick:8.0f} {lean:6.2f} | {slow:8.0f} {fat:6.2f} | {quick / slow:5.2f}", flush=True)


if __name__ == "__main__":
    main()

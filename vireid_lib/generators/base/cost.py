"""What fitting a generator and making its gallery will cost, before it starts: time at the speed measured here, memory,
disk. Every generator's `estimate` gives an `Estimate`."""

import shutil
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vireid_lib.disk import readable
from vireid_lib.training import processes
from vireid_lib.training.checkpoint import KEPT
from vireid_lib.training.loop import accelerator_for
from vireid_lib.training.task import Task

WORTH_AN_ESTIMATE = 500  # steps; measuring fewer would take a good part of their time
LARGE = 200_000_000  # parameters of a network whose single step takes minutes on a CPU
SLOW = 5.0  # seconds; work that takes longer on a CPU is timed once, without a pass to warm up
FLOAT, ADAM = 4, 3  # bytes of a number, and numbers that a checkpoint has for each trained one: itself and two moments


@dataclass(frozen=True)
class Estimate:
    """What a fit and a gallery take."""

    images: int  # that it learns from
    training: str  # what is trained and how, in words
    steps: int
    synthetic: int  # images of the gallery
    seconds: Mapping[str, float]  # of the work of each kind ("training", "sampling", ...), where it was measured
    where: str  # what they were measured on and from what they were scaled, or why nothing was measured
    memory: int | None = None  # bytes of weights, gradients, moments and of what a step keeps for its backward pass
    disk: Mapping[str, int] = field(default_factory=dict)  # bytes by what lies there

    def to_text(self, folder: Path) -> str:
        """A few lines; `folder` is where the disk's free space counts."""
        lines = [f"training     {self.images:,} images; {self.training}"]
        if self.synthetic:
            lines.append(f"sampling     {self.synthetic:,} images")
        spent = ", ".join(f"{name} {duration(value)}" for name, value in self.seconds.items() if value)
        lines.append(f"time         {f'{spent}, measured on ' if spent else 'unknown: '}{self.where}")
        if self.memory is not None:
            lines.append(f"memory       {readable(self.memory)}")
        if needed := sum(self.disk.values()):
            free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
            parts = ", ".join(f"{name} {readable(size)}" for name, size in self.disk.items() if size)
            enough = "free" if free > needed else "free, which is NOT ENOUGH"
            lines.append(f"disk         {parts}: at most {readable(needed)}; {readable(free)} {enough}")
        return "\n".join(lines)


def place_name(device: torch.device) -> str:
    """The device in words, with the number of processes."""
    threads = torch.get_num_threads()
    name = f"this machine's CPU, {threads} thread{'s' * (threads > 1)}" if device.type == "cpu" else device.type
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else name
    return name if processes.count() == 1 else f"{processes.count()} x {name}"


def timed(work: Callable[[], object], device: torch.device, *, times: int = 3) -> float:
    """Seconds of `work`, after once for warming up: the mean of `times`, or of fewer that are slow."""
    seconds: list[float] = []
    while len(seconds) <= times and sum(seconds[1:]) < SLOW:
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - began)
        if device.type == "cpu" and seconds[0] > SLOW:
            return seconds[0]
    return sum(seconds[1:]) / len(seconds[1:])


def step_costs(
    task: Task, modules: Iterable[nn.Module], steps: Iterable[int], precision: str, device: str | None, *, learns: bool
) -> tuple[dict[int, tuple[float, int]], int]:
    """Seconds of each of a task's `steps`, taken as the training loop does, and bytes that it needs at most besides
    `weights_bytes` of the modules, which come second. On a GPU they are measured; elsewhere they are those of the
    tensors that a step makes and frees. The learning rates are those of the task only where it `learns`."""
    accelerator, modules = accelerator_for(precision, device), list(modules)
    place = accelerator.device
    task.bind(accelerator, seed=0)

    def update(step: int) -> None:
        if learns:
            task.before_step(step)
        task.step(accelerator, step)
        if learns:
            task.after_step(step)

    def cost(step: int) -> tuple[float, int]:
        if place.type == "cuda":
            torch.cuda.reset_peak_memory_stats(place)
            seconds = timed(lambda: update(step), place)
            return seconds, max(0, torch.cuda.max_memory_allocated(place) - weights_bytes(modules))
        with Peak() as peak:
            update(step)
        return timed(lambda: update(step), place), peak.bytes

    try:
        task.prepare(accelerator)
        return {step: cost(step) for step in steps}, weights_bytes(modules)
    finally:
        task.release(accelerator)


class Peak(TorchDispatchMode):
    """Within the block, follows the memory of all that is computed; on any device, the fake tensors of
    `torch._subclasses` included, whose steps take no time. Workspace inside an operation is not seen."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: list[int] = []
        self._events: list[tuple[int, int]] = []  # (number of a storage, 1 where it is made and -1 where it is freed)
        self._alive: dict[int, int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # noqa: ANN001
        made = func(*args, **(kwargs or {}))
        for value in tree_leaves(made):
            if isinstance(value, Tensor):
                self._see(value.untyped_storage())
        return made

    @property
    def bytes(self) -> int:
        """The most that existed at once, of what was made in the block and does not exist any more: activations, but
        neither gradients nor an optimiser's moments."""
        lasting = set(self._alive.values())
        changes = (change * self._sizes[number] for number, change in self._events if number not in lasting)
        return max(accumulate(changes, initial=0))

    def _see(self, storage: torch.UntypedStorage) -> None:
        place = storage._cdata
        if place not in self._alive:
            self._alive[place] = len(self._sizes)
            self._events.append((len(self._sizes), 1))
            self._sizes.append(storage.nbytes())
            weakref.finalize(storage, self._free, place)

    def _free(self, place: int) -> None:
        self._events.append((self._alive.pop(place), -1))


def weights_bytes(modules: Iterable[nn.Module]) -> int:
    """Bytes of weights, and of gradients and Adam's two moments of those that are trained."""
    values = [value for module in modules for value in module.parameters()]
    return sum(value.numel() * (value.element_size() + ADAM * FLOAT * value.requires_grad) for value in values)


def disk_bytes(images: int, synthetic: int, height: int, width: int, kept: int, fitted: int) -> dict[str, int]:
    """Bytes by what lies on the disk, with so many weights `kept` in a checkpoint (with their moments) and `fitted`."""
    return {
        "decoded images": images * height * width * 3,
        "checkpoints": kept * ADAM * FLOAT * (KEPT + 1),  # one more while it is written
        "fitted": fitted * FLOAT,
        "synthetic images": synthetic * height * width * 3,  # before PNG makes them smaller
    }


def steps_text(steps: int, published: int) -> str:
    """The length of a training, beside the published one where that differs."""
    return f"{steps:,} steps" + (f" ({published:,} as published)" if steps != published else "")


def duration(seconds: float) -> str:
    """Hours, or minutes where it is less than one."""
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"

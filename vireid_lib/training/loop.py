"""The one training loop: every network of the book is trained by `train(task, ...)`."""

import math
import time
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator

from vireid_lib.training import checkpoint, devices, history, launchers, processes, seeds, trackers
from vireid_lib.training.binding import bind
from vireid_lib.training.determinism import deterministic_kernels
from vireid_lib.training.history import History
from vireid_lib.training.progress import Progress
from vireid_lib.training.task import NonFiniteLoss, Task

__all__ = ["History", "NonFiniteLoss", "Task", "train"]


def train(
    task: Task,
    *,
    steps: int,
    folder: Path,
    seed: int,
    checkpoint_every: int = 0,
    precision: Literal["no", "bf16"] = "no",
    log_every: int = 10,
    progress: bool = True,
    device: str | None = None,
) -> History:
    """Train `task` for `steps` steps in `folder`, continuing whatever an earlier run left there.

    A run that was killed continues, when called again, as if it had never stopped: on a CPU, with the same versions and
    number of threads, every run ends with the same bits. A finished run is loaded, not repeated. Raises NonFiniteLoss:
    a loss is NaN or infinite; names the step, the term and the batch. Raises ValueError: `folder` holds another
    training, or there is no such device.

    Args:
        folder: gets `training.json` (what is trained), `history.jsonl` and `checkpoints/`.
        seed: all randomness of a step derives from (seed, step); global random state is left as it was.
        checkpoint_every: steps between checkpoints; 0 writes only the final one.
        precision: "bf16" runs the modules' forwards under autocast; weights and losses stay float32.
        log_every: steps between records of the history (and, off the CPU, between looks at the losses).
        device: "cpu", "cuda:1" or the like, or None for the best one there is.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = accelerator_for(precision, device, track_in=folder / "trackers")
    identity = {"task": task.name, "seed": seed, "steps": steps, "precision": precision, "config": task.config}
    bind(folder / "training.json", identity, what="another training", write=accelerator.is_main_process)
    accelerator.wait_for_everyone()
    task.bind(accelerator, seed)
    cuda = [accelerator.device] if accelerator.device.type == "cuda" else []
    try:
        task.prepare(accelerator)
        trackers.begin(accelerator, task.name, identity)
        # dropout draws from global state: lend it, and put it back
        with torch.random.fork_rng(devices=cuda), deterministic_kernels(accelerator.device.type == "cpu"):
            return _run(task, accelerator, steps, folder, checkpoint_every, log_every, progress)
    finally:
        task.release(accelerator)
        trackers.end(accelerator)


def _run(
    task: Task, accelerator: Accelerator, steps: int, folder: Path, save_every: int, log_every: int, progress: bool
) -> History:
    records, window, file = History(), {}, folder / "history.jsonl"
    records.device = str(accelerator.device)
    saved = checkpoint.load(folder / "checkpoints")
    if saved is not None:
        records.started_at, tensors, meta = saved
        task.load_state_dict(checkpoint.unpack_state(tensors, meta["state"]))
        records.seconds, window = meta["seconds"], meta["window"]
    main = accelerator.is_main_process
    records.extend(history.thinned(history.read(file, records.started_at), log_every, history.MOST))
    if main:
        history.write(file, records)
    pending: list[tuple[int, dict[str, torch.Tensor]]] = []
    look_every = 1 if accelerator.device.type == "cpu" else log_every  # reading a GPU's losses makes it wait
    began, before = time.monotonic(), records.seconds
    shown, values = progress and main, None
    with Progress(steps, task.name, start=records.started_at, shown=shown) as line:
        for step in range(records.started_at, steps):
            torch.manual_seed(seeds.integer(task.seed, task.stream, step, "global"))
            task.before_step(step)
            pending.append((step, task.step(accelerator, step)))
            task.after_step(step)
            done = step + 1
            logs = done % log_every == 0 or done == steps
            saves = done == steps or (save_every > 0 and done % save_every == 0)
            if logs or saves or done % look_every == 0:
                _look(task, pending, window, accelerator)
                values = {"loss": window["total"][-1]} if "total" in window else None
            if logs:
                record = {name: math.fsum(values) / len(values) for name, values in window.items()}
                records.append({"step": done, **record})
                window.clear()
                accelerator.log(record, step=done)
                if main:
                    history.append(file, records[-1])
            records.seconds = before + time.monotonic() - began
            if saves and main:
                tensors, skeleton = checkpoint.pack_state(task.state_dict())
                meta = {"state": skeleton, "window": window, "seconds": records.seconds}
                checkpoint.save(folder / "checkpoints", done, tensors, meta)
            if len(records) > history.MOST and (saves or not save_every):  # a resumed run starts from a save
                records[:] = history.thinned(records, log_every, history.MOST)
                if main:
                    history.write(file, records)
            line.update(done, values)
    accelerator.wait_for_everyone()
    return records


def _look(task: Task, pending: list, window: dict[str, list[float]], accelerator: Accelerator) -> None:
    """Bring the losses of the pending steps to the host, in one transfer, and refuse what is not finite.

    Several processes take their mean, so that what one of them cannot use stops them all.
    """
    held = [(step, name, value.float().reshape(())) for step, losses in pending for name, value in losses.items()]
    numbers = accelerator.reduce(torch.stack([value for *_, value in held]), "mean").tolist()
    for (step, name, _), number in zip(held, numbers, strict=True):
        if not math.isfinite(number):
            raise NonFiniteLoss(
                f"{task.name}: {name!r} is {number} at step {step}. Batch: {task.describe(step)}. "
                "Lower the learning rate or set a gradient clip; the last checkpoint is from before this."
            )
        window.setdefault(name, []).append(number)
    pending.clear()


def accelerator_for(precision: str, device: str | None, *, track_in: Path | None = None) -> Accelerator:
    """What moves a task to its device, in its precision, among the processes of the job. Arguments as in `train`;
    trackers that the environment asks for write to `track_in`, None starts none."""
    if device is not None and processes.count() == 1:
        device = str(devices.resolved(device))
    processes.join(device)
    with launchers.alone(device):
        return Accelerator(
            mixed_precision=precision,
            cpu=device == "cpu",
            log_with=(trackers.chosen() or None) if track_in else None,
            project_dir=track_in,
        )

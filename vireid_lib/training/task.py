"""What a training is: modules, optimisers, losses. The loop does the rest."""

from collections.abc import Mapping
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from vireid_lib.training import seeds
from vireid_lib.training.binding import differences


class NonFiniteLoss(ArithmeticError):
    """A loss (or the gradient's norm) became NaN or infinite; the message names step, term and batch."""


class Task:
    """Base of everything that `vireid_lib.training.loop.train` can train. Subclasses fill the attributes in
    `__init__` and write `losses`; the rest has defaults.

    Attributes:
        name: shown with the progress, and recorded.
        config: JSON values that the result depends on; a folder is bound to them.
        modules: networks by name. Call them as `self.modules[name](...)`: that runs in the chosen precision, returns
            float32 and synchronises several processes.
        optimizers: by name.
        extras: anything else with `state_dict()` and `load_state_dict()` (a weight average, say).
        trainable_only: checkpoint only the parameters that require a gradient (LoRA, token rows). The
            frozen ones must then come from elsewhere, the same on each start.
        gradient_clip: largest gradient norm, or None.
        shared: all processes of a job draw the same random numbers, and each takes its part of the one batch (see
            `vireid_lib.training.whole_batch`); otherwise each draws a batch of its own.
        device, seed, process: set by the loop before the first step (`process` is this process's index in a
            multi-process run, `processes` their number).
    """

    name: str = "task"
    config: Mapping[str, Any] = {}
    trainable_only: bool = False
    gradient_clip: float | None = None
    shared: bool = False
    device: torch.device = torch.device("cpu")
    seed: int = 0
    process: int = 0
    processes: int = 1

    def __init__(self) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Optimizer] = {}
        self.extras: dict[str, Any] = {}

    def losses(self, step: int) -> dict[str, Tensor]:
        """Scalar losses of step `step` (0-based) by name; "total" is the one that is minimised. A pure
        function of (weights, seed, step): draw random numbers from `self.generator`."""
        raise NotImplementedError(f"{type(self).__name__} has no losses")

    def before_step(self, step: int) -> None:
        """Set learning rates, switch train/eval: called before each step, from step 0 or a resumed one."""

    def after_step(self, step: int) -> None:
        """Update weight averages and the like: called when the optimiser has stepped."""

    def describe(self, step: int) -> str:
        """What is in the batch of `step`, for the NaN guard's message; e.g. the identities."""
        return "no description of the batch"

    @property
    def stream(self) -> int:
        """Number of the process whose random numbers are drawn."""
        return 0 if self.shared else self.process

    def generator(self, step: int, *keys: int | str, device: str | torch.device = "cpu") -> torch.Generator:
        """Random numbers of one step; the same on a resumed run, different in each process unless `shared`."""
        return seeds.generator(self.seed, self.stream, step, *keys, device=device)

    def parted(self) -> tuple[int, ...]:
        """Of a `shared` task: numbers of images each of which the processes part evenly among them."""
        return ()

    def step(self, accelerator: Accelerator, step: int) -> dict[str, Tensor]:
        """One step; returns its detached losses. Adversarial tasks, with a step per player, override it."""
        losses = self.losses(step)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        accelerator.backward(losses["total"])
        shown = {name: value.detach() for name, value in losses.items()}
        if self.gradient_clip is not None:
            shown["gradient_norm"] = accelerator.clip_grad_norm_(self.clipped(), self.gradient_clip).detach()
        for optimizer in self.optimizers.values():
            optimizer.step()
        return shown

    def trained(self) -> list[nn.Parameter]:
        """The parameters that the optimisers hold."""
        groups = [group for optimizer in self.optimizers.values() for group in optimizer.param_groups]
        return [parameter for group in groups for parameter in group["params"]]

    def clipped(self) -> list[nn.Parameter]:
        """The parameters whose gradients `gradient_clip` limits: all that are trained."""
        return self.trained()

    def bind(self, accelerator: Accelerator, seed: int) -> None:
        """Say where this task runs, and from which seed its random numbers come. Raises ValueError where `parted` does
        not part evenly into the processes."""
        self.seed, self.device = seed, accelerator.device
        self.process, self.processes = accelerator.process_index, accelerator.num_processes
        for count in self.parted():
            if count % self.processes:
                raise ValueError(
                    f"{self.name}: a batch of {count} images does not part evenly into {self.processes} processes: "
                    "start a number of them that divides it, or change the batch (and with it the result)."
                )

    def prepare(self, accelerator: Accelerator) -> None:
        """Move the modules to the device and wrap them. Tasks with networks beside `modules` move those too."""
        self.modules = {name: accelerator.prepare(module) for name, module in self.modules.items()}
        self.optimizers = {name: accelerator.prepare(optimizer) for name, optimizer in self.optimizers.items()}
        for extra in self.extras.values():
            if isinstance(extra, nn.Module):
                extra.to(accelerator.device)

    def release(self, accelerator: Accelerator) -> None:
        """Undo `prepare`'s wrapping, also of one that failed half-way: the caller holds the plain networks."""
        for name, module in self.modules.items():
            self.modules[name] = accelerator.unwrap_model(module, keep_fp32_wrapper=False)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "modules": {name: self._module_state(module) for name, module in self.modules.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "extras": {name: extra.state_dict() for name, extra in self.extras.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of `state_dict`. Raises ValueError when names do not match this task."""
        for name, module in self.modules.items():
            saved, own = state["modules"][name], self._module_state(module)
            shapes = ({key: tuple(tensor.shape) for key, tensor in each.items()} for each in (saved, own))
            if found := list(differences(*shapes)):
                what = f"The checkpoint of {self.name!r} does not fit its module {name!r}"
                raise ValueError(f"{what}: {'; '.join(found[:3])}. Train in a new folder.")
            with torch.no_grad():
                for key, tensor in own.items():
                    tensor.copy_(saved[key])
        for kind, holders in (("optimizers", self.optimizers), ("extras", self.extras)):
            for name, holder in holders.items():
                holder.load_state_dict(state[kind][name])

    def _module_state(self, module: nn.Module) -> dict[str, Tensor]:
        module = getattr(module, "module", module)  # DistributedDataParallel's inner network
        if self.trainable_only:
            return {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
        return module.state_dict()

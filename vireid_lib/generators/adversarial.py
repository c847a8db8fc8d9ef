"""What trainings of several players share: their turns, how processes part a batch, least squares."""

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor

from vireid_lib.generators.translator import TranslationTask


class AdversarialTask(TranslationTask):
    """Networks that are updated in turns, each by an optimiser of `optimizers`.

    Several processes train as one does: each takes its part of the one batch, and they step along the mean of their
    gradients. The networks are not wrapped for that, as the loop does with others: such wrappers are not made for a
    network that is passed more than once a step, frozen for a while, or differentiated twice (gradient penalty).
    """

    shared = True

    @property
    def batch(self) -> int:
        """Images that the processes part among them."""
        return self.settings.batch

    def bind(self, accelerator: Accelerator, seed: int) -> None:
        """As any task. Raises ValueError where the batch does not part evenly into the processes."""
        super().bind(accelerator, seed)
        if self.batch % self.processes:
            raise ValueError(
                f"{self.name}: a batch of {self.batch} does not part evenly into {self.processes} processes: "
                "set `batch` to a multiple of their number, or start fewer."
            )

    def prepare(self, accelerator: Accelerator) -> None:
        """Move networks and optimisers to the device, in its precision."""
        self.modules = {
            name: accelerator.prepare_model(module, evaluation_mode=True) for name, module in self.modules.items()
        }
        self.optimizers = {name: accelerator.prepare(optimizer) for name, optimizer in self.optimizers.items()}
        for extra in self.extras.values():
            if isinstance(extra, torch.nn.Module):
                extra.to(accelerator.device)

    def part(self, whole: Tensor) -> Tensor:
        """This process's rows of what has a row for each image of the batch."""
        return whole.chunk(self.processes)[self.process]

    def whole(self, accelerator: Accelerator, part: Tensor) -> Tensor:
        """The rows of all processes, detached, in the batch's order."""
        return accelerator.gather(part.detach())

    def update(self, accelerator: Accelerator, player: str, loss: Float[Tensor, ""]) -> None:
        """One step of the optimiser `player` down the mean of the processes' gradients of `loss`."""
        optimizer = self.optimizers[player]
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        if self.processes > 1:
            parameters = [each for group in optimizer.param_groups for each in group["params"] if each.grad is not None]
            mean = accelerator.reduce(torch.cat([each.grad.flatten() for each in parameters]), "mean")
            parts = mean.split([each.numel() for each in parameters])
            for parameter, gradient in zip(parameters, parts, strict=True):
                parameter.grad.copy_(gradient.view_as(parameter))
        if self.gradient_clip is not None:
            groups = optimizer.param_groups
            torch.nn.utils.clip_grad_norm_([each for group in groups for each in group["params"]], self.gradient_clip)
        optimizer.step()

    def freeze(self, frozen: bool, *names: str) -> None:
        """Whether networks are left out of the gradients of what passes through them."""
        for name in names:
            self.modules[name].requires_grad_(not frozen)


def toward(scores: Tensor, wanted: float) -> Float[Tensor, ""]:
    """Mean of (D(x) − wanted)²: a discriminator's loss by least squares."""
    return (scores - wanted).square().mean()

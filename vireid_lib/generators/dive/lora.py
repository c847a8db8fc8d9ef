"""Branches of the denoiser, one for each camera code, several in one batch: LoRA, and norms if asked for.

peft trains no batch of several adapters (its cost against this: `FULL_SIZE.md`). It could train `lora_scope: shared`,
which here is the case of one branch: two implementations would be longer, and would have to give the same bits.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors.torch import save_file
from torch import Tensor, nn

from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.lora_autograd import CorrectedConvolution, CorrectedLinear, Geometry, to_kernel, to_taps
from vireid_lib.training import seeds
from vireid_lib.training.weights import read_tensors

FILE = "pytorch_lora_weights.safetensors"
NORMS = "norms.safetensors"
_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


class Selector:
    """The branch of each sample of the running batch; shared by all layers.

    Attributes:
        chosen: branch index of each sample, int64 [n]; None switches the corrections off.
    """

    chosen: Int[Tensor, " n"] | None = None


class BranchedLayer(nn.Module):
    """A frozen linear or convolution layer W with branches: y = W x + B_k A_k x for a sample of branch k. `A` is drawn
    as in LoRA's paper (Hu et al. 2021, section 4.1) and `B` starts at zero; alpha equals the rank, so that the scale is
    1 and files need no metadata. W and x may be in half precision (see `base_model.frozen_in`): A and B are kept, and
    learn, in float32, and are cast for the product."""

    def __init__(self, base: nn.Linear | nn.Conv2d, branches: int, rank: int, selector: Selector, draw) -> None:
        super().__init__()
        self.base, self.selector, self.convolution = base, selector, isinstance(base, nn.Conv2d)
        down = torch.empty(branches, rank, *base.weight.shape[1:])  # inputs (and the kernel)
        nn.init.kaiming_uniform_(down.view(branches * rank, -1), a=5**0.5, generator=draw)
        self.down = nn.Parameter(self._stored(down.to(base.weight.device)))
        self.up = nn.Parameter(torch.zeros(branches, base.weight.shape[0], rank, device=base.weight.device))

    @property
    def weight(self) -> Tensor:
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        return self.base.bias

    def forward(self, x: Float[Tensor, "n ..."], *_: object) -> Float[Tensor, "n ..."]:
        chosen, base = self.selector.chosen, self.base
        if chosen is None:
            return base(x)
        down, up, rows = self.down, self.up, len(x)
        if self.convolution or len(down) > 1:  # before the cast, for samples' gradients to add up in float32
            down, up = down.index_select(0, chosen), up.index_select(0, chosen)
        else:  # one branch for all of the batch: one product
            rows = 1
        down, up = down.to(x.dtype), up.to(x.dtype)
        if self.convolution:
            geometry = Geometry(base.stride, base.padding, base.dilation)
            return CorrectedConvolution.apply(x, base.weight, base.bias, down, up, geometry)
        flat = x.reshape(rows, -1, x.shape[-1])
        return CorrectedLinear.apply(flat, base.weight, base.bias, down, up).view(*x.shape[:-1], -1)

    def _stored(self, down: Tensor) -> Tensor:
        return to_taps(down) if self.convolution else down

    def kernel(self, branch: int) -> Tensor:
        """A_k in the shape of the base weight, with the rank in place of the outputs, as files hold it."""
        down = self.down[branch]
        return to_kernel(down[None], self.base.kernel_size)[0] if self.convolution else down

    def delta(self, branch: int) -> Tensor:
        """B_k A_k in the shape of the base weight."""
        return (self.up[branch] @ self.kernel(branch).flatten(1)).view_as(self.base.weight)

    def folded(self, branch: int) -> dict[str, Tensor]:
        """The base layer's parameters with which it computes as branch `branch`, by name."""
        return {"weight": self.base.weight + self.delta(branch)}

    def read(self, branch: int) -> dict[str, Tensor]:
        """A_k and B_k by their names in files, as files hold them."""
        up = self.up[branch]
        up = up[:, :, None, None] if self.convolution else up
        return {"lora_A.weight": self.kernel(branch), "lora_B.weight": up}

    def write(self, branch: int, parts: Mapping[str, Tensor]) -> None:
        self.down[branch] = self._stored(parts["lora_A.weight"][None])[0]
        self.up[branch] = parts["lora_B.weight"].view_as(self.up[branch])


class BranchedNorm(nn.Module):
    """A frozen group norm whose branches scale and shift each channel of its result: y = s_k norm(x) + h_k, with
    `affine` [branches, 2, channels]. Scales start at 1 and shifts at 0, and stay in float32 as in `BranchedLayer`."""

    def __init__(self, base: nn.GroupNorm, branches: int, selector: Selector) -> None:
        super().__init__()
        self.base, self.selector = base, selector
        start = torch.tensor([1.0, 0.0], device=base.weight.device).view(1, 2, 1)
        self.affine = nn.Parameter(start.repeat(branches, 1, base.num_channels))

    def forward(self, x: Float[Tensor, "n c ..."]) -> Float[Tensor, "n c ..."]:
        chosen, y = self.selector.chosen, self.base(x)
        if chosen is None:
            return y
        own = self.affine.index_select(0, chosen)
        scale, shift = own.view(*own.shape, *[1] * (x.ndim - 2)).unbind(1)
        return torch.addcmul(shift, y, scale).to(x.dtype)

    def folded(self, branch: int) -> dict[str, Tensor]:
        scale, shift = self.affine[branch]
        return {"weight": scale * self.base.weight, "bias": scale * self.base.bias + shift}

    def read(self, branch: int) -> dict[str, Tensor]:
        return dict(zip(("scale", "shift"), self.affine[branch], strict=True))

    def write(self, branch: int, parts: Mapping[str, Tensor]) -> None:
        self.affine[branch] = torch.stack([parts["scale"], parts["shift"]])


class Branches:
    """All branched layers of a denoiser.

    Attributes:
        names: what each branch is for, in the order of their index; e.g. camera codes, or ("shared",).
        layers: branched layers by the name of the layer they replaced.
        norms: branched group norms by the name of the norm they replaced; empty without `branch_norms`.
    """

    def __init__(self, unet: nn.Module, names: Sequence[str], config: DiveConfig) -> None:
        self.names, self.selector = list(names), Selector()
        self.layers: dict[str, BranchedLayer] = {}
        self.norms: dict[str, BranchedNorm] = {}
        for name in sorted(target_names(unet, config.lora_targets)):
            own, draw = unet.get_submodule(name), seeds.generator(config.seed, "lora", name)
            self.layers[name] = BranchedLayer(own, len(self.names), config.lora_rank, self.selector, draw)
        for name, module in unet.named_modules():
            if config.branch_norms and isinstance(module, nn.GroupNorm):
                self.norms[name] = BranchedNorm(module, len(self.names), self.selector)
        for name, module in (self.layers | self.norms).items():
            unet.set_submodule(name, module)

    def parameters(self) -> list[nn.Parameter]:
        return [parameter for layer in self.layers.values() for parameter in (layer.down, layer.up)]

    def norm_parameters(self) -> list[nn.Parameter]:
        return [norm.affine for norm in self.norms.values()]

    @contextmanager
    def using(self, chosen: Int[Tensor, " n"] | None) -> Iterator[None]:
        """Run the denoiser with these branches, one index a sample."""
        self.selector.chosen = chosen
        try:
            yield
        finally:
            self.selector.chosen = None

    @contextmanager
    def merged(self, branch: int) -> Iterator[None]:
        """Run with one branch for all samples, folded into the weights themselves: as fast as the base model."""
        kept = []
        try:
            for layer in (*self.layers.values(), *self.norms.values()):
                for name, tensor in layer.folded(branch).items():
                    parameter = layer.base.get_parameter(name)
                    kept.append((parameter, parameter.data))
                    parameter.data = tensor.detach()
            yield
        finally:
            for parameter, data in kept:
                parameter.data = data

    def save(self, folder: Path) -> None:
        """Write `folder/<name>/pytorch_lora_weights.safetensors` for each branch, for `load_lora_weights`. The
        ecosystem's LoRA files have no place for norms: with norms, `norms.safetensors` beside it holds
        "unet.<norm>.scale" and "unet.<norm>.shift" [channels], to be folded into that norm's own weight and bias: scale
        * weight, and scale * bias + shift. A program that reads the LoRA file alone draws without them, as with 1 and
        0."""
        for index, name in enumerate(self.names):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for file, tensors in self.files(index).items():
                tensors = {f"unet.{key}": tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()}
                save_file(tensors, folder / name / file, metadata={"format": "pt"})

    @torch.no_grad()
    def load(self, folder: Path) -> None:
        """Inverse of `save`. Raises ValueError when a file does not fit."""
        for index, name in enumerate(self.names):
            found = {}
            for file, own in self.files(index).items():
                tensors = read_tensors(folder / name / file)
                if len(tensors) != len(own):
                    raise ValueError(
                        f"{folder / name / file} has {len(tensors)} tensors, not {len(own)}: lora_targets or the U-Net "
                        "differs from that of its training."
                    )
                found |= tensors
            for place, layer in (self.layers | self.norms).items():
                layer.write(index, {part: found[f"unet.{place}.{part}"] for part in layer.read(index)})

    def files(self, branch: int) -> dict[str, dict[str, Tensor]]:
        """A branch's files, and what is in each, by name in the U-Net."""
        held = {FILE: self.layers} | ({NORMS: self.norms} if self.norms else {})
        return {
            file: {f"{place}.{part}": each for place, layer in own.items() for part, each in layer.read(branch).items()}
            for file, own in held.items()
        }


def target_names(unet: nn.Module, targets: str) -> list[str]:
    """The layers that get branches: attention projections (DiVE), or every linear and convolution layer inside the
    blocks, or the first and last convolution too."""
    layers = [name for name, module in unet.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    if targets.startswith("all"):
        wide = ("down_blocks.", "mid_block.", "up_blocks.", *(("conv_in", "conv_out") if targets == "all+ends" else ()))
        return [name for name in layers if name.startswith(wide)]
    return [name for name in layers if "attentions." in name and name.endswith(_ATTENTION)]

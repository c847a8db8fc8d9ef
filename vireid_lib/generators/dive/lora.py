"""LoRA branches: low-rank corrections of the denoiser, one for each camera code, several in one batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors.torch import save_file
from torch import Tensor, nn

from vireid_lib.generators.dive.lora_autograd import CorrectedConvolution, CorrectedLinear, Geometry, to_kernel, to_taps
from vireid_lib.training import seeds
from vireid_lib.training.weights import read_tensors

FILE = "pytorch_lora_weights.safetensors"
_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_FEED_FORWARD = ("ff.net.0.proj", "ff.net.2")


class Selector:
    """The branch of each sample of the running batch; shared by all layers.

    Attributes:
        chosen: branch index of each sample, int64 [n]; None switches the corrections off.
    """

    chosen: Int[Tensor, " n"] | None = None


class BranchedLayer(nn.Module):
    """A frozen linear or convolution layer W with branches: y = W x + B_k A_k x for sample's branch k.

    `A` is drawn as in LoRA's paper (Hu et al. 2021, section 4.1) and `B` starts at zero; alpha equals the rank,
    so that the scale is 1 and files need no metadata. W and x may be in half precision (see `frozen_precision`): A
    and B are kept, and learn, in float32, and are cast for the product.
    """

    def __init__(self, base: nn.Linear | nn.Conv2d, branches: int, rank: int, selector: Selector, draw) -> None:
        super().__init__()
        self.base, self.selector, self.convolution = base, selector, isinstance(base, nn.Conv2d)
        down = torch.empty(branches, rank, *base.weight.shape[1:])  # inputs (and the kernel)
        nn.init.kaiming_uniform_(down.view(branches * rank, -1), a=5**0.5, generator=draw)
        self.down = nn.Parameter(self._as_products(down.to(base.weight.device)))
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

    def kernel(self, branch: int) -> Tensor:
        """A_k in the shape of the base weight, with the rank in place of the outputs, as files hold it."""
        if self.convolution:
            return to_kernel(self.down[branch : branch + 1], self.base.kernel_size)[0]
        return self.down[branch]

    def delta(self, branch: int) -> Tensor:
        """B_k A_k in the shape of the base weight."""
        return (self.up[branch] @ self.kernel(branch).flatten(1)).view_as(self.base.weight)

    def _as_products(self, down: Tensor) -> Tensor:
        return to_taps(down) if self.convolution else down


class Branches:
    """All branched layers of a denoiser.

    Attributes:
        names: what each branch is for, in the order of their index; e.g. camera codes, or ("shared",).
        layers: branched layers by the name of the layer they replaced.
    """

    def __init__(self, unet: nn.Module, names: Sequence[str], *, rank: int, targets: str, seed: int) -> None:
        self.names, self.selector = list(names), Selector()
        self.layers: dict[str, BranchedLayer] = {}
        for name in sorted(target_names(unet, targets)):
            parent = unet.get_submodule(name.rpartition(".")[0])
            draw = seeds.generator(seed, "lora", name)
            layer = BranchedLayer(unet.get_submodule(name), len(self.names), rank, self.selector, draw)
            setattr(parent, name.rpartition(".")[2], layer)
            self.layers[name] = layer

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return [parameter for layer in self.layers.values() for parameter in (layer.down, layer.up)]

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
        """Run with one branch for all samples, added to the weights themselves: as fast as the base model."""
        kept = {name: layer.base.weight.data for name, layer in self.layers.items()}
        try:
            for name, layer in self.layers.items():
                layer.base.weight.data = kept[name] + layer.delta(branch).detach()
            yield
        finally:
            for name, layer in self.layers.items():
                layer.base.weight.data = kept[name]

    def save(self, folder: Path) -> None:
        """Write `folder/<name>/pytorch_lora_weights.safetensors` for each branch, for `load_lora_weights`."""
        for index, name in enumerate(self.names):
            tensors = {}
            for layer_name, layer in self.layers.items():
                up = layer.up[index].detach().cpu().float()
                if layer.convolution:
                    up = up[:, :, None, None]
                tensors[f"unet.{layer_name}.lora_A.weight"] = layer.kernel(index).detach().cpu().float().contiguous()
                tensors[f"unet.{layer_name}.lora_B.weight"] = up.contiguous()
            (folder / name).mkdir(parents=True, exist_ok=True)
            save_file(tensors, folder / name / FILE, metadata={"format": "pt"})

    @torch.no_grad()
    def load(self, folder: Path) -> None:
        """Inverse of `save`. Raises ValueError when a file does not fit."""
        for index, name in enumerate(self.names):
            tensors = read_tensors(folder / name / FILE)
            if len(tensors) != 2 * len(self.layers):
                raise ValueError(
                    f"{folder / name / FILE} has {len(tensors)} tensors, not {2 * len(self.layers)}: "
                    "lora_targets differ from those it was trained with."
                )
            for layer_name, layer in self.layers.items():
                layer.down[index] = layer._as_products(tensors[f"unet.{layer_name}.lora_A.weight"][None])[0]
                layer.up[index].copy_(tensors[f"unet.{layer_name}.lora_B.weight"].view_as(layer.up[index]))


def target_names(unet: nn.Module, targets: str) -> list[str]:
    """The layers that get branches: attention projections (DiVE), and for the wider settings the feed-forward
    layers beside them, or every linear and convolution layer inside the blocks."""
    names = []
    for name, module in unet.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv2d):
            continue
        attention = "attentions." in name and name.endswith(_ATTENTION)
        feed_forward = "attentions." in name and name.endswith(_FEED_FORWARD)
        wide = name.startswith(("down_blocks.", "mid_block.", "up_blocks."))
        chosen = {"attention": attention, "attention+feed_forward": attention or feed_forward, "all": wide}[targets]
        if chosen:
            names.append(name)
    return names

"""Modality alleviation: some channels are freed of each image's own brightness and contrast (MPANet)."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Map = Float[Tensor, "batch channels height width"]


class ModalityAlleviation(nn.Module):
    """y = g·x + (1 − g)·IN(x), with a gate g in 0..1 per channel that the image's mean features decide (Wu et al., CVPR
    2021); its hidden layer has a sixteenth of the channels, as in the released code.

    Instance normalisation takes a channel's mean and deviation over the image away, and with them much of what tells
    infrared from visible; the gate keeps them where they serve the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 16, 1, bias=False)
        self.expand = nn.Conv2d(channels // 16, channels, 1, bias=False)
        for layer in (self.reduce, self.expand):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, maps: Map) -> Map:
        means = maps.mean(dim=(2, 3), keepdim=True)
        gate = self.expand(self.reduce(means).relu()).sigmoid()
        return maps * gate + functional.instance_norm(maps) * (1 - gate)

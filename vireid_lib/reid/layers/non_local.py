"""The non-local block: every position sees every other."""

from jaxtyping import Float
from torch import Tensor, nn

Map = Float[Tensor, "batch channels height width"]


class NonLocal(nn.Module):
    """Non-local block as in AGW (eq. 1): z = BN(W·y) + x with y_i = 1/N Σ_j (θ(x_i)·φ(x_j)) g(x_j).

    The affinity is divided by the number of positions N; there is no softmax. The release reduces to a
    single inner channel whatever the width, and starts BN at zero, so that a fresh block is the identity.
    """

    def __init__(self, channels: int, inner: int = 1) -> None:
        super().__init__()
        self.g = nn.Conv2d(channels, inner, 1)
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        self.project = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Map) -> Map:
        batch, _, height, width = maps.shape
        values, queries, keys = (f(maps).flatten(2) for f in (self.g, self.theta, self.phi))
        # (θᵀφ)g = θᵀ(φgᵀ): the N×N affinity need never exist, as nothing nonlinear stands in between.
        context = keys @ values.transpose(1, 2) / (height * width)
        mixed = (queries.transpose(1, 2) @ context).transpose(1, 2)
        return self.norm(self.project(mixed.reshape(batch, -1, height, width))) + maps

"""The variation module: modality-invariant maps to a latent space and back, mixtures there (section 3.2, Eq. 14)."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.generators.jsia.networks import Maps

Latents = Float[Tensor, "batch latent"]
HALVINGS = 3
START = -2.0  # τ starts near softplus(-2) = 0.13: with more noise than signal the means would be slow to say anything


class LatentEncoder(nn.Module):
    """Maps to mean μ and deviation τ of their latents: three strided convolutions, then a linear layer for each. The
    paper gives no architecture. The latents are a vector, not a map: a mixture of two people in different poses is then
    no double exposure."""

    def __init__(self, channels: int, rows: int, columns: int, width: int, latent: int) -> None:
        super().__init__()
        layers = []
        for place in range(HALVINGS):
            layers += [nn.Conv2d(channels if place == 0 else width, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        inside = width * (rows >> HALVINGS) * (columns >> HALVINGS)
        self.mean, self.deviation = nn.Linear(inside, latent), nn.Linear(inside, latent)
        nn.init.constant_(self.deviation.bias, START)

    def forward(self, maps: Maps) -> tuple[Latents, Latents]:
        inside = self.layers(maps).flatten(1)
        return self.mean(inside), functional.softplus(self.deviation(inside))


class LatentDecoder(nn.Module):
    """Latents to modality-invariant maps, which are not negative: what a ReLU leaves."""

    def __init__(self, channels: int, rows: int, columns: int, width: int, latent: int) -> None:
        super().__init__()
        self.shape = (width, rows >> HALVINGS, columns >> HALVINGS)
        self.start = nn.Linear(latent, width * self.shape[1] * self.shape[2])
        layers = []
        for place in range(HALVINGS):
            out = channels if place == HALVINGS - 1 else width
            layers += [nn.LeakyReLU(0.2), nn.Upsample(scale_factor=2), nn.Conv2d(width, out, 3, 1, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Latents) -> Maps:
        return functional.relu(self.layers(self.start(latents).view(-1, *self.shape)))


def variation_loss(
    maps: Maps, rebuilt: Maps, mean: Latents, deviation: Latents, *, distribution_weight: float
) -> dict[str, Float[Tensor, ""]]:
    """‖M − M̂‖₁ and ‖μ‖₂ + ‖τ − 1‖₂ of each sample (Eq. 10), means over the batch, divided by the values of a map."""
    values = maps[0].numel()
    norms = mean.norm(dim=1) + (deviation - 1).norm(dim=1)
    return {
        "variation_maps": (maps - rebuilt).abs().mean(),
        "variation_latents": distribution_weight * norms.mean() / values,
    }


def mix(
    first: Float[Tensor, "batch ..."], second: Float[Tensor, "batch ..."], share: Float[Tensor, " batch"]
) -> Float[Tensor, "batch ..."]:
    """α first + (1 − α) second (Eq. 14), α for each sample."""
    share = share.view(-1, *(1,) * (first.ndim - 1))
    return share * first + (1 - share) * second

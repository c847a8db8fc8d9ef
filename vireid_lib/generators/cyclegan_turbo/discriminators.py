"""Discriminators: CLIP's image encoder, frozen, with small heads; or CycleGAN's discriminator of patches."""

from pathlib import Path
from typing import Self

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionModel

from vireid_lib.generators.base.networks import Images, PatchDiscriminator
from vireid_lib.generators.cyclegan_turbo.config import CycleGanTurboConfig
from vireid_lib.training import hub, weights

MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's own
HEAD_WIDTH = 256

Scores = list[Float[Tensor, "batch ..."]]


class ClipDiscriminator(nn.Module):
    """Scores of what CLIP sees after a third and two thirds of its layers, place by place, and of its summary. After
    vision-aided GANs (Kumari, Zhang, Shechtman, Zhu 2022), whose package the paper uses: it needs torchvision, so this
    is written anew on the encoder of transformers. Frozen encoder, heads at three depths and the loss are theirs; the
    heads' exact layers are ours, and images are not augmented before being judged."""

    def __init__(self, encoder: CLIPVisionModel) -> None:
        super().__init__()
        self.encoder = encoder.eval().requires_grad_(False)
        config = encoder.config
        self.size = config.image_size
        self.depths = (config.num_hidden_layers // 3, 2 * config.num_hidden_layers // 3)
        width = config.hidden_size
        self.places = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, HEAD_WIDTH, 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(HEAD_WIDTH, 1, 1))
            for _ in self.depths
        )
        self.whole = nn.Sequential(nn.Linear(width, HEAD_WIDTH), nn.LeakyReLU(0.2), nn.Linear(HEAD_WIDTH, 1))

    def forward(self, images: Images) -> Scores:
        resized = functional.interpolate(images, (self.size, self.size), mode="bicubic", antialias=True)
        mean, deviation = (resized.new_tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
        seen = self.encoder(pixel_values=(resized / 2 + 0.5 - mean) / deviation, output_hidden_states=True)
        side = self.size // self.encoder.config.patch_size
        scores = [self.whole(seen.pooler_output)]
        for depth, head in zip(self.depths, self.places, strict=True):
            tokens = seen.hidden_states[depth][:, 1:]  # without the summary's own token
            scores.append(head(tokens.mT.unflatten(2, (side, side))))
        return scores

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.encoder.eval()
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Of the heads; the encoder never learns."""
        self.places.requires_grad_(requires_grad)
        self.whole.requires_grad_(requires_grad)
        return self


def make_discriminator(config: CycleGanTurboConfig) -> ClipDiscriminator | PatchDiscriminator:
    """A fresh discriminator of one modality: of patches, or with CLIP's image encoder from a folder or the hub, with
    every weight it needs and none that is not finite."""
    if (name := config.judge_model) is None:
        return PatchDiscriminator(width=config.judge_width)
    folder, index = Path(name).expanduser(), weights.SETTINGS["judge_model"]
    found = {} if folder.is_dir() else {"revision": hub.revision(name, index)}
    try:
        encoder, about = CLIPVisionModel.from_pretrained(
            str(folder) if folder.is_dir() else name, output_loading_info=True, **found
        )
    except Exception as error:
        place = folder if folder.is_dir() else None
        raise weights.explained("judge_model", name, error, folder=place, index=index) from None
    if lacking := sorted(about["missing_keys"]):
        raise ValueError(
            f"judge_model {name!r} lacks {len(lacking)} weights of CLIP's image encoder, the first "
            f"{lacking[0]}: give a CLIP model's folder or hub id."
        )
    weights.refuse_non_finite(encoder.state_dict(), f"judge_model {name}")
    return ClipDiscriminator(encoder)


def logistic(scores: Scores | Tensor, real: bool) -> Float[Tensor, ""]:
    """Cross-entropy of calling all of them real, or made: the mean over places, summed over depths."""
    parts = [scores] if isinstance(scores, Tensor) else scores
    return sum(functional.softplus(-part if real else part).mean() for part in parts)

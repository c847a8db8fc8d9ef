"""The trained parts of DiVE mounted on a base model."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vireid_lib.generators.dive.base_model import Base, load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.lora import Branches
from vireid_lib.generators.dive.prompts import TEMPLATES, Vocabulary, prompt
from vireid_lib.generators.dive.tokens import TokenBank

TOKENS = "tokens.safetensors"
LORA = "lora"

Latent = Float[Tensor, "n c h w"]


class DiveModel:
    """A base model with identity tokens in its text encoder and branches (LoRA, and norms if asked for) in its U-Net.

    Attributes:
        rows: the trainable embedding rows, `rows.rows` [identities * vectors, width].

    Args:
        captions: what tokens start from with `token_init: caption`; see `TokenBank.initial`.
    """

    def __init__(
        self, base: Base, vocabulary: Vocabulary, config: DiveConfig, captions: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.base, self.vocabulary, self.config = base, vocabulary, config
        self.tokens = TokenBank(base.tokenizer, vocabulary.identities, config.vectors_per_token)
        self.rows = self.tokens.install(base.text, self.tokens.initial(base.text, config, captions))
        self.branches = Branches(base.unet, vocabulary.branches, config)

    @classmethod
    def load(cls, folder: Path, vocabulary: Vocabulary, config: DiveConfig) -> Self:
        """Mount what `save` wrote on the base model that `config` names."""
        model = cls(load_base(config.base_model), vocabulary, config)
        with torch.no_grad():
            model.rows.rows.copy_(model.tokens.load(folder / TOKENS))
        model.branches.load(folder / LORA)
        return model

    def save(self, folder: Path) -> None:
        """Write `tokens.safetensors` and a LoRA file for each branch, as diffusers loads them; see `Branches.save`."""
        self.tokens.save(folder / TOKENS, self.rows.rows)
        self.branches.save(folder / LORA)

    def digest(self) -> str:
        summary = hashlib.sha256()
        for parameter in (self.rows.rows, *self.branches.parameters(), *self.branches.norm_parameters()):
            summary.update(parameter.detach().float().cpu().contiguous().numpy().tobytes())
        return summary.hexdigest()

    def trained(self) -> dict[str, list[nn.Parameter]]:
        """What is trained: "lora", "tokens" and, if there are any, "norms"."""
        groups = {"lora": self.branches.parameters(), "tokens": [self.rows.rows]}
        return groups | ({"norms": norms} if (norms := self.branches.norm_parameters()) else {})

    @property
    def templates(self) -> tuple[str, ...]:
        """The sentences of training's prompts; pictures are made with the first."""
        return TEMPLATES[self.config.templates]

    def prompts(self, identities: Sequence[str], cameras: Sequence[str], template: str = "") -> list[str]:
        """ "a [k] photo of [p] person" for each pair; an empty name leaves its part out. An empty `template` is the one
        that pictures are made with."""
        codes = [self.vocabulary.code(camera) if camera else "" for camera in cameras]
        people = [self.tokens.text(identity) if identity else "" for identity in identities]
        return [prompt(*pair, template or self.templates[0]) for pair in zip(codes, people, strict=True)]

    def tokenize(self, prompts: Sequence[str]) -> Int[Tensor, "n length"]:
        """Token ids padded to the text encoder's full length. Raises ValueError: a prompt does not fit; names it."""
        tokenizer = self.base.tokenizer
        ids = tokenizer(list(prompts), padding="max_length", max_length=tokenizer.model_max_length).input_ids
        for text, tokens in zip(prompts, ids, strict=True):
            if len(tokens) > tokenizer.model_max_length:
                raise ValueError(
                    f"The prompt {text!r} has {len(tokens)} tokens and the text encoder takes "
                    f"{tokenizer.model_max_length}: lower vectors_per_token or code_length."
                )
        return torch.tensor(ids)

    def to(self, device: torch.device | str) -> Self:
        for module in (self.base.text, self.base.unet, self.base.vae):
            module.to(device)
        return self


class Predictor(nn.Module):
    """Token ids and noised latents to the prediction of noise or velocity, in one forward. Where the denoiser is held
    in half precision (see `base_model.frozen_in`), it computes in that throughout, and the text encoder under
    autocast; the prediction is float32."""

    def __init__(self, model: DiveModel) -> None:
        super().__init__()
        self.text, self.unet = model.base.text, model.base.unet
        self._branches = model.branches

    def forward(
        self, ids: Int[Tensor, "n length"], noised: Latent, times: Int[Tensor, " n"], branch: Int[Tensor, " n"]
    ) -> Latent:
        dtype, kind = self.unet.conv_in.weight.dtype, noised.device.type
        half = dtype == torch.bfloat16
        # Casts are not cached: a recorded graph would go on with those of the step that it was recorded in.
        with torch.autocast(kind, dtype, cache_enabled=False) if half else nullcontext():
            states = self.text(ids).last_hidden_state
        with self._branches.using(branch), torch.autocast(kind, enabled=False) if half else nullcontext():
            return self.unet(noised.to(dtype), times, states.to(dtype)).sample.float()

"""Identity tokens [p]: the only rows of the embedding table that are trained (Textual Inversion). With `token_init:
caption` each starts from words, read from pictures or given in a file."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self

import pandas as pd
import torch
from jaxtyping import Float, Int
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from vireid_lib.data.images import load_images
from vireid_lib.data.strict import FileError, read_yaml
from vireid_lib.generators.dive.base_model import locate
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.miniworld.captions import CAPTIONER, Captioner
from vireid_lib.training.weights import read_tensors

RARE = 42170
"""CLIP's row of "ktn", a rare piece of words from which Custom Diffusion (Kumari et al. 2023) starts its first token,
and DiVE's release all of its tokens."""


def placeholder(identity: str) -> str:
    """The token's text, e.g. "mini_market/0007" to "<mini-market-0007>". Lower case, because CLIP folds case; no
    underscore, which diffusers uses to number a token's vectors."""
    return f"<{re.sub(r'[^a-z0-9]+', '-', identity.lower())}>"


class TokenRows(nn.Module):
    """An embedding table in two parts: `table` [words, width], the base model's rows, which are no parameter of any
    optimiser and stay as they are bit for bit; and `rows` [tokens, width], the new ones, which are trained: token id
    `words + i` is row i. Replaces the text encoder's `nn.Embedding`."""

    def __init__(self, base: nn.Embedding, rows: Float[Tensor, "tokens width"]) -> None:
        super().__init__()
        self.table = base.weight.detach()  # no buffer: several processes send each other those at every step
        self.rows = nn.Parameter(rows.clone())

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.table = fn(self.table)
        return super()._apply(fn, recurse)

    @property
    def weight(self) -> Float[Tensor, "all width"]:
        """The whole table, as transformers expects of an embedding."""
        return torch.cat([self.table, self.rows])

    def forward(self, ids: Int[Tensor, "n length"]) -> Float[Tensor, "n length width"]:
        words = len(self.table)
        new = nn.functional.embedding((ids - words).clamp(min=0), self.rows)
        old = nn.functional.embedding(ids.clamp(max=words - 1), self.table)
        return torch.where((ids >= words).unsqueeze(-1), new, old)


class TokenBank:
    """The placeholder of each identity and its tokens in the tokenizer.

    Args:
        tokenizer: extended in place by `vectors` tokens an identity, numbered as diffusers does
            ("<x>", "<x>_1", ...).
        identities: sorted, so that token ids do not depend on the order of the table.
    """

    def __init__(self, tokenizer: CLIPTokenizer, identities: Sequence[str], vectors: int) -> None:
        self.tokenizer, self.vectors = tokenizer, vectors
        self.identities = sorted(identities)
        self.placeholders = {identity: placeholder(identity) for identity in self.identities}
        if len(set(self.placeholders.values())) != len(self.identities):
            raise ValueError("Two identities have names that give one placeholder: rename one of them.")
        self.first = len(tokenizer)
        added = tokenizer.add_tokens([name for identity in self.identities for name in self.names(identity)])
        if added != len(self.identities) * vectors:
            raise ValueError("The base model's tokenizer already holds an identity's placeholder: use a plain one.")

    def names(self, identity: str) -> list[str]:
        """The tokens of an identity. Raises ValueError for one that has none."""
        if identity not in self.placeholders:
            raise ValueError(f"DiVE has no token for {identity!r}: only people whom it was fitted to can be generated.")
        start = self.placeholders[identity]
        return [start, *(f"{start}_{index}" for index in range(1, self.vectors))]

    def text(self, identity: str) -> str:
        return " ".join(self.names(identity))

    def row(self, identity: str) -> int:
        return self.identities.index(identity) * self.vectors

    def install(self, text: CLIPTextModel, rows: Float[Tensor, "tokens width"]) -> TokenRows:
        """Replace the text encoder's embedding by one that also has `rows`. Raises ValueError: the tokenizer's next
        free number is not the row after the table's last."""
        old = text.get_input_embeddings()
        if len(old.weight) != self.first:
            raise ValueError(
                f"The base model's tokenizer knows {self.first} tokens and its embedding table has {len(old.weight)} "
                "rows: take both from one model."
            )
        new = TokenRows(old, rows)
        text.set_input_embeddings(new)
        return new

    def initial(
        self, text: CLIPTextModel, config: DiveConfig, captions: Mapping[str, str] = MappingProxyType({})
    ) -> Float[Tensor, "tokens width"]:
        """Start values by `token_init`: the row of the word "person", row `RARE`, or those of the identity's caption.
        Raises ValueError: the base model's table has no row `RARE`.

        Args:
            captions: words by identity; one that is not there starts from "person". A caption of more tokens than an
                identity has rows is cut, and one of fewer is said again from its beginning.
        """
        table = text.get_input_embeddings().weight.detach().float()
        if config.token_init == "rare" and len(table) <= RARE:
            raise ValueError(
                f"token_init: rare starts from row {RARE} of CLIP's vocabulary, and this base model has {len(table)} "
                "rows: set token_init to word."
            )

        def ids(words: str) -> list[int]:
            return self.tokenizer(words, add_special_tokens=False).input_ids

        if config.token_init == "caption":
            starts = [ids(captions.get(identity, "person")) for identity in self.identities]
        else:
            starts = [[RARE] if config.token_init == "rare" else ids("person")[:1]] * len(self.identities)
        return table[[own[place % len(own)] for own in starts for place in range(self.vectors)]]

    def save(self, file: Path, rows: Float[Tensor, "tokens width"]) -> None:
        """Write one safetensors file with a tensor [vectors, width] for each placeholder."""
        parts = rows.detach().float().cpu().split(self.vectors)
        save_file({name: part.contiguous() for name, part in zip(self.placeholders.values(), parts, strict=True)}, file)

    def load(self, file: Path) -> Float[Tensor, "tokens width"]:
        """The rows that `save` wrote. Raises ValueError: the file lacks an identity, or holds another number of
        vectors."""
        held = read_tensors(file)
        for identity, name in self.placeholders.items():
            if len(held.get(name, ())) != self.vectors:
                raise ValueError(f"{file} holds no {self.vectors} vectors for {identity!r}: fit it anew.")
        return torch.cat([held[name] for name in self.placeholders.values()])


def load_bank(file: Path) -> list[dict[str, Tensor]]:
    """A token bank as `pipeline.load_textual_inversion` of diffusers takes it: a list with a dict for each token. (That
    method draws from torch's global random state: seed afterwards.)"""
    return [{name: vectors} for name, vectors in sorted(read_tensors(file).items())]


def identity_captions(
    table: pd.DataFrame, config: DiveConfig, *, device: torch.device | str = "cpu", cache: Path | None = None
) -> dict[str, str]:
    """A caption for each identity of `table`: of the file `captions`, or else read by the base model's captioner from
    the identity's visible images (none where there is none). `cache` is for decoded images.

    Raises:
        FileNotFoundError: there is no such file, or the base model has no captioner and no file is named.
        FileError, WeightsError: the file lacks an identity, or holds something else; the captioner cannot be used.
    """
    if config.captions is not None:
        held, names = read_yaml(Path(config.captions)), sorted(set(table["identity"]))
        if lacking := [name for name in names if name not in held]:
            raise FileError(
                f"{config.captions} has no caption for {len(lacking)} identities, the first {lacking[0]!r}: add them."
            )
        for name in names:
            if not isinstance(held[name], str) or not held[name].strip():
                raise FileError(f"{config.captions}: the caption of {name!r} is {held[name]!r}; write words.")
        return {name: held[name] for name in names}
    folder = locate(config.base_model) / CAPTIONER
    if not folder.is_dir():
        raise FileNotFoundError(
            f"token_init: caption needs words, and base_model {config.base_model!r} has no {CAPTIONER} to read them "
            "from images: write each identity's caption into a YAML file (identity: words) and name it in `captions`, "
            "or set token_init to word."
        )
    captioner = Captioner.load(folder).to(device)
    visible = table[table["modality"] == "visible"]
    size = (captioner.config["height"], captioner.config["width"])
    pixels = load_images(visible["path"].tolist(), size, cache=cache)
    return captioner.read(pixels, visible["identity"].tolist()) if len(visible) else {}

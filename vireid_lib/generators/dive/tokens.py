"""Identity tokens [p]: the only rows of the embedding table that are trained (Textual Inversion)."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self

import torch
from jaxtyping import Float, Int
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.training import seeds
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
        self.frozen: Tensor | None = None  # bool [n]: samples whose gradient does not reach the rows

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
        if self.frozen is not None:
            new = torch.where(self.frozen.view(-1, 1, 1), new.detach(), new)
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
        """Start values by `token_init`: the row of the word "person", the mean of all rows, row `RARE` or those of the
        identity's caption, plus noise of `token_init_noise` times the table's own deviation. Raises ValueError: the
        base model's table has no row `RARE`.

        Args:
            captions: words by identity; one that is not there starts from "person". A caption of more tokens than an
                identity has rows is cut, and one of fewer is said again from its beginning.
        """
        table = text.get_input_embeddings().weight.detach().float()
        if config.token_init == "word":
            start = table[self._ids("person")[0]]
        elif config.token_init == "caption":
            said = [self._ids(captions.get(identity, "person")) for identity in self.identities]
            start = table[[ids[place % len(ids)] for ids in said for place in range(self.vectors)]]
        elif config.token_init == "mean":
            start = table.mean(0)
        elif len(table) > RARE:
            start = table[RARE]
        else:
            raise ValueError(
                f"token_init: rare starts from row {RARE} of CLIP's vocabulary, and this base model has {len(table)} "
                "rows: set token_init to word."
            )
        shape = (len(self.identities) * self.vectors, table.shape[1])
        draw = seeds.generator(config.seed, "tokens")
        return start + config.token_init_noise * table.std(0) * torch.randn(shape, generator=draw).to(table.device)

    def _ids(self, words: str) -> list[int]:
        return self.tokenizer(words, add_special_tokens=False).input_ids

    def save(self, file: Path, rows: Float[Tensor, "tokens width"]) -> None:
        """Write one safetensors file with a tensor [vectors, width] for each placeholder."""
        parts = rows.detach().float().cpu().split(self.vectors)
        names = (self.placeholders[identity] for identity in self.identities)
        save_file({name: part.contiguous() for name, part in zip(names, parts, strict=True)}, file)


def load_bank(file: Path) -> list[dict[str, Tensor]]:
    """A token bank as `pipeline.load_textual_inversion` of diffusers takes it: a list with a dict for each token. (That
    method draws from torch's global random state: seed afterwards.)"""
    return [{name: vectors} for name, vectors in sorted(read_tensors(file).items())]


def rows_of(bank: Mapping[str, Tensor], tokens: TokenBank) -> Float[Tensor, "tokens width"]:
    """The rows of `tokens`, in their order, out of a loaded bank file. Raises ValueError: the file lacks an identity,
    or holds another number of vectors."""
    parts = []
    for identity in tokens.identities:
        part = bank.get(tokens.placeholders[identity])
        if part is None or len(part) != tokens.vectors:
            raise ValueError(f"The token bank holds no {tokens.vectors} vectors for {identity!r}: fit it anew.")
        parts.append(part)
    return torch.cat(parts)

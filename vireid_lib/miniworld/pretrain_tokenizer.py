"""A small CLIP tokenizer, built offline: every word of the captions is one token, any other string still works."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"


def build_tokenizer(words: Iterable[str], *, max_length: int) -> CLIPTokenizer:
    """Byte-pair encoding in which each of `words` (in lower case) is a single token.

    All 256 bytes are in the vocabulary, so that a rare code such as "b8zBXKoH" is spelt in letters, and no
    string is ever unknown. Like CLIP's own, the tokenizer ignores case and pads with the end token.

    Args:
        words: the caption vocabulary; hyphened words are split as CLIP's pattern splits them.
        max_length: positions of the text encoder, start and end token included.
    """
    pieces = sorted({piece for word in words for piece in re.findall(r"[^\W\d_]+|\d|[^\s\w]+", word.lower())})
    alphabet = list(_byte_letters())
    merges = _merges(pieces)
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet), *("".join(pair) for pair in merges), START, END]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=max_length,
    )


def _byte_letters() -> list[str]:
    """The printable letter that byte-level encoding writes for each byte (GPT-2's table)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]


def _merges(pieces: list[str]) -> list[tuple[str, str]]:
    """Join the most frequent neighbouring pair again and again until each piece is one symbol."""
    spelt = [[*piece[:-1], piece[-1] + "</w>"] for piece in pieces if piece.isascii()]
    merges = []
    while True:
        pairs = Counter(pair for symbols in spelt for pair in zip(symbols, symbols[1:], strict=False))
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelt = [_join(symbols, best) for symbols in spelt]


def _join(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for symbol in symbols:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return joined

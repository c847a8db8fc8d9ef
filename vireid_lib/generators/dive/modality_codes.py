"""Rare codes: the fixed placeholder [k] of each camera, e.g. "b8zBXKoH", which resembles no word."""

import string
from collections.abc import Sequence

import numpy as np

CHARACTERS = string.ascii_letters + string.digits


def make_codes(names: Sequence[str], *, length: int, seed: int = 0) -> dict[str, str]:
    """A code of `length` characters for each name; no two codes share a character (DiVE, release form too).

    CLIP's tokenizer ignores case, so letters are handed out such that even in lower case codes share none,
    as long as the 36 letters and digits last; beyond that, no two codes are the same in lower case.

    Raises:
        ValueError: the codes need more than the 62 characters.
    """
    names = sorted(names)
    if len(names) * length > len(CHARACTERS):
        raise ValueError(
            f"{len(names)} codes of {length} characters need {len(names) * length} different characters and there "
            f"are {len(CHARACTERS)}: set code_length to {len(CHARACTERS) // max(len(names), 1)} or less."
        )
    rng = np.random.default_rng([seed, length])
    folded = rng.permutation(list(string.ascii_lowercase + string.digits))
    upper = rng.random(len(folded)) < 0.5
    first = [character.upper() if flag else character for character, flag in zip(folded, upper, strict=True)]
    second = [character.swapcase() for character in first if character.isalpha()]
    while True:
        supply = "".join([*first, *second])
        codes = [supply[i * length : (i + 1) * length] for i in range(len(names))]
        if length == 1 or len({code.lower() for code in codes}) == len(codes):
            return dict(zip(names, codes, strict=True))
        second = rng.permutation(second).tolist()

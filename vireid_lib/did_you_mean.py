"""Hints for misspelt names: one rule, whatever it names."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], most: int = 1, *, cutoff: float = 0.6) -> list[str]:
    """Up to `most` of the known names, the likeliest first, whatever their case; `cutoff` 0 always finds some."""
    folded: dict[str, list[str]] = {}
    for each in known:
        folded.setdefault(each.casefold(), []).append(each)
    found = difflib.get_close_matches(name.casefold(), folded, most, cutoff)
    return [each for key in found for each in folded[key]][:most]


def hint(name: str, known: Iterable[str], most: int = 1, *, cutoff: float = 0.6) -> str:
    """The end of an error about an unknown name: those that were meant, or all there are."""
    known = list(known)
    near = nearest(name, known, most, cutoff=cutoff)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known) or 'none'}."

"""What somebody meant: one rule for every misspelt name, whatever it names."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], most: int = 1, *, cutoff: float = 0.6) -> list[str]:
    """Up to `most` of the known names, the likeliest first. Upper and lower case count as the same.

    Args:
        cutoff: how alike they must be, 0 to 1; 0 always finds some.
    """
    folded: dict[str, list[str]] = {}
    for each in known:
        folded.setdefault(each.casefold(), []).append(each)
    found = difflib.get_close_matches(name.casefold(), folded, most, cutoff)
    return [each for key in found for each in folded[key]][:most]


def hint(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: the one that was meant, or all there are."""
    known = list(known)
    near = nearest(name, known)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}."

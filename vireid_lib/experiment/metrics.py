"""What is measured of a training, and how it is printed."""

import pandas as pd

SCORES = {f"rank_{rank}": f"rank-{rank}" for rank in (1, 5, 10, 20)} | {"mean_ap": "mAP", "mean_inp": "mINP"}
"""Scores of a ranking: shares in records, percent in tables."""

SPREADS = {"iirs_visible": "IIRS (V,V)", "iirs_infrared": "IIRS (I,I)", "himd": "HIMD (V,I)"}
"""Distances in the embedding, 0..2 (DEN, section 3.1 and Table 6)."""

STARTS = {"images": "FRI", "latents": "FLS", "prior": "FLS (prior)"}
FIDELITY = {f"md_from_{start}": f"MD, {words}" for start, words in STARTS.items()}
FIDELITY |= {f"fid_from_{start}": f"Fréchet distance, {words}" for start, words in STARTS.items()}
"""Distances of generated images (JSIA-ReID, Table 4): FRI is made from images, FLS from a latent space, where JSIA-ReID
mixes latents of images or draws them from the prior."""

MEASURES = SCORES | SPREADS | {"own_centres": "own centres apart", "other_centres": "others' centres apart"}
MEASURES |= {"intra_distance": "within identities", "inter_distance": "between identities", "delta": "δ"} | FIDELITY
"""Everything that a study measures, with its name in tables."""

OLDER = "†"
OLDER_WORDS = "made by older code, or of what older code made (--keep-results)"
"""How every table marks such a number."""


def digits_of(measure: str) -> int:
    """Digits behind the point: percent have one, distances three."""
    return 1 if measure in SCORES else 3


def mean_and_std(values: pd.Series, digits: int = 1) -> str:
    """`49.1 ± 1.2` (sample deviation); without ± for a single value, – where nothing was measured."""
    if values.isna().any() or values.empty:
        return "–"
    return plus_minus(values.mean(), values.std(ddof=1), digits)


def plus_minus(mean: float, deviation: float, digits: int = 1) -> str:
    """`49.1 ± 1.2`; without ± where there is no deviation (NaN)."""
    return f"{mean:.{digits}f}" if pd.isna(deviation) else f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def has_older(rows: pd.DataFrame) -> bool:
    """Whether older code has made something of these rows, as far as they say."""
    return "older" in rows and bool(rows["older"].any())


def mark(older: bool) -> str:
    """What stands behind a number that older code has made."""
    return f" {OLDER}" if older else ""


def legend(rows: pd.DataFrame) -> str:
    """The end of a caption that says what the mark means, where one stands in the table."""
    return f"; {OLDER} {OLDER_WORDS}" if has_older(rows) else ""

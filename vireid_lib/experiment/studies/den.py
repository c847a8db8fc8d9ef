"""DEN's tables 1, 3, 4, 5 and 6 as trainings, and what the paper says about them (Kim et al., WACV 2024)."""

from vireid_lib.experiment.claims import Claim, better, more, smaller
from vireid_lib.experiment.study import Row, Study

# The switches of DenConfig for the rows without HueGray images.
NO_COPIES = {"colour_copies": "none", "ird_hue_grey": False, "ci": False}


def _baseline(name: str, triplet: str, copies: str, *, erasing: bool = True, always: bool = False) -> Row:
    sample_diversity = {"none": "", "grey": "Gray", "hue": "Hue", "hue_grey": "HG"}[copies]
    label = ", ".join(filter(None, (triplet, "RE" if erasing else "", sample_diversity)))
    config = {"triplet": "hard" if triplet == "HT" else "wrt", "colour_copies": copies}
    if not erasing:
        config["erasing"] = 0.0
    return Row(name, label, "baseline", config, always=always)


ROWS = (
    _baseline("ht_re", "HT", "none", always=True),
    _baseline("wrt_re", "WRT", "none", always=True),
    _baseline("ht_hg", "HT", "hue_grey", always=True),
    _baseline("wrt_hg", "WRT", "hue_grey", always=True),
    Row("pe", "HT, PE(V,I), RE", "den", NO_COPIES | {"ne": False}, always=False),
    Row("ird", "HT, IRD(V,I), RE", "den", NO_COPIES),
    Row("ird_hg", "HT, IRD(V,I), RE, HG", "den", {"ird_hue_grey": False, "ci": False}),
    Row("den", "DEN", "den"),
    Row("caj", "CAJ", "caj"),
    Row("mmd", "MMD-ReID", "mmd_reid"),
    _baseline("wrt", "WRT", "none", erasing=False),
    _baseline("ht", "HT", "none", erasing=False),
    _baseline("wrt_grey", "WRT", "grey"),
    _baseline("ht_grey", "HT", "grey"),
    _baseline("wrt_hue", "WRT", "hue"),
    _baseline("ht_hue", "HT", "hue"),
    Row("ne", "HT, NE(V,I), RE", "den", NO_COPIES | {"pe": False}, always=False),
    Row("den_no_ci", "DEN without CI", "den", {"ci": False}, always=False),
    Row("ird_hg_ci", "HT, IRD(V,I), CI, RE, HG", "den", {"ird_hue_grey": False}, always=False),
)

BOTH = {"iirs_visible": "(V,V)", "iirs_infrared": "(I,I)"}


def _wider(row: str, other: str, words: str, place: str) -> list[Claim]:
    """`row` has the larger IIRS, in both modalities."""
    return [better(row, other, f"{words} has the larger IIRS {which}", place, each) for each, which in BOTH.items()]


CLAIMS = (
    better("ht", "wrt", "Without sample diversity, HT is better than WRT", "Table 1"),
    better("ht_re", "wrt_re", "Under random erasing, HT is better than WRT", "Table 1"),
    *_wider("ht_re", "wrt_re", "Under random erasing, HT", "Table 1"),
    *(
        more(("wrt_re", "ht_re"), ("wrt", "ht"), f"Random erasing widens HT's lead: IIRS {which}", "section 3.1", each)
        for each, which in BOTH.items()
    ),
    better("ht_grey", "wrt_grey", "With grey images, HT is better than WRT", "Table 4"),
    *_wider("ht_grey", "wrt_grey", "With grey images, HT", "Table 4"),
    better("ht_hue", "wrt_hue", "With turned hues, HT is better than WRT", "Table 4"),
    *_wider("ht_hue", "wrt_hue", "With turned hues, HT", "Table 4"),
    better("ht_hg", "wrt_hg", "With HueGray, HT is better than WRT", "Table 4"),
    *_wider("ht_hg", "wrt_hg", "With HueGray, HT", "Table 4"),
    more(("ht_hue", "ht_hg"), ("wrt_hue", "wrt_hg"), "From hue to HueGray, HT gains more than WRT", "section 4.4"),
    better("ne", "ht_re", "NE improves on the baseline", "Table 3, index 2"),
    better("pe", "ht_re", "PE improves on the baseline", "Table 3, index 3"),
    better("pe", "ne", "PE improves on it more than NE", "section 4.3"),
    better("ird", "ht_re", "NE and PE together improve on the baseline", "Table 3, index 4"),
    better("ird", "pe", "NE adds to PE", "Table 3, index 4"),
    better("ht_hg", "ht_re", "HueGray improves on the baseline", "Table 3, index 5"),
    better("ird_hg", "ird", "HueGray improves on IRD(V,I)", "Table 3, index 6"),
    better("ird_hg", "ht_hg", "IRD(V,I) improves on HueGray", "Table 3, index 6"),
    better("den_no_ci", "ird_hg", "IRD(HG,I) without CI improves further", "Table 3, index 7"),
    better("ird_hg_ci", "ird_hg", "CI alone improves further", "Table 3, index 8"),
    better("den", "ird_hg", "IRD(HG,I) with CI improves further", "Table 3, index 9"),
    better("den", "ht_re", "DEN improves on the baseline", "Table 3, index 9"),
    *(smaller("ne", "ht_re", f"NE alone makes IIRS {which} smaller", "Table 5", each) for each, which in BOTH.items()),
    *_wider("pe", "ht_re", "PE, against the baseline,", "Table 5"),
    *_wider("ird", "pe", "NE and PE together, against PE,", "Table 5"),
    *_wider("ird", "ht_re", "IRD(V,I), against the baseline,", "Table 5"),
    *_wider("ird_hg", "ird", "IRD(V,I) with HueGray, against without,", "Table 5"),
    *_wider("caj", "ht_re", "CAJ, against the baseline,", "Table 6"),
    *_wider("mmd", "caj", "MMD-ReID, against CAJ,", "Table 6"),
    *_wider("ird_hg", "mmd", "IRD(V,I) with HueGray, against MMD-ReID,", "Table 6"),
    *(
        smaller("ird_hg", other, f"IRD(V,I) with HueGray has a smaller HIMD than {words}", "Table 6", "himd")
        for other, words in (("ht_re", "the baseline"), ("caj", "CAJ"), ("mmd", "MMD-ReID"))
    ),
    smaller("mmd", "ht_re", "MMD-ReID has a smaller HIMD than the baseline", "Table 6", "himd"),
    better("ird_hg", "caj", "IRD(V,I) with HueGray is better than CAJ", "Table 6"),
    better("ird_hg", "mmd", "IRD(V,I) with HueGray is better than MMD-ReID", "Table 6"),
)

STUDY = Study("den", ROWS, CLAIMS)

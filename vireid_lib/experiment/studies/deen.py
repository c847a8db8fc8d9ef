"""DEEN's tables 4 to 7 and figures 6, 7 as trainings, and what the paper says about them (Zhang, Wang, CVPR 2023)."""

from vireid_lib.experiment.claims import better, smaller
from vireid_lib.experiment.study import Row, Study

PLAIN = {"aggregation": "none"}  # neither MFA nor non-local blocks
ONE = {"branches": 1}  # without DEE, and so without its two losses
RELEASED = {"form": "release", "grey": 0.0, "erasing_area": [0.02, 0.4]}
SWEEPS = {
    "cpm_weight": ("λ1", (0.2, 0.5, 1.1)),
    "orthogonal_weight": ("λ2", (0.01, 0.5, 1.0)),
    "cpm_margin": ("α", (0.05, 0.1, 0.4)),
}
"""Settings of figure 6: symbol, and values beside the paper's. The figure's own values are not in its text."""


def sweep_row(setting: str, value: float) -> str:
    """Name of the row that trains DEEN with one setting changed."""
    return f"{setting}_{value}"


ROWS = (
    Row("base", "baseline", "deen", ONE | PLAIN),
    Row("dee", "DEE", "deen", PLAIN | {"cpm_weight": 0.0, "orthogonal_weight": 0.0}),
    Row("dee_cpm", "DEE, CPM", "deen", PLAIN | {"orthogonal_weight": 0.0}),
    Row("dee_both", "DEE, CPM, orthogonal", "deen", PLAIN),
    Row("mfa", "MFA", "deen", ONE),
    Row("deen", "DEEN", "deen"),
    Row("aligngan", "AlignGAN", "aligngan", always=False),
    Row("nl", "NL", "deen", ONE | {"aggregation": "non_local"}),
    Row("nl_dee", "NL, DEE", "deen", {"aggregation": "non_local"}),
    Row("two", "two branches", "deen", PLAIN | {"branches": 2}),
    Row("four", "four branches", "deen", PLAIN | {"branches": 4}),
    Row("dee_ort", "DEE, orthogonal", "deen", PLAIN | {"cpm_weight": 0.0}, always=False),
    Row("released", "DEEN, released form", "deen", RELEASED, always=False),
    *(
        Row(f"stage_{stage}", f"DEE after stage {stage}", "deen", PLAIN | {"expand_after": stage}, always=False)
        for stage in (0, 1, 2, 4)
    ),
    *(
        Row(sweep_row(setting, value), f"{symbol} = {value:g}", "deen", {setting: value}, always=False)
        for setting, (symbol, values) in SWEEPS.items()
        for value in values
    ),
)


CLAIMS = (
    better("dee", "base", "DEE alone improves on the baseline", "Table 4, row 2"),
    better("dee_cpm", "dee", "CPM improves on DEE alone", "Table 4, row 3"),
    better("dee_ort", "dee", "The orthogonal loss improves on DEE alone", "Table 4, row 4"),
    better("dee_both", "dee_cpm", "The orthogonal loss adds to CPM", "Table 4, row 5"),
    better("dee_both", "base", "DEE with its losses improves on the baseline", "Table 4, row 5"),
    better("mfa", "base", "MFA improves on the baseline", "Table 4, row 6"),
    better("deen", "dee_both", "MFA adds to DEE", "Table 4, row 7"),
    better("deen", "mfa", "DEE adds to MFA", "Table 4, row 7"),
    better("deen", "base", "DEEN improves on the baseline", "Table 4, row 7"),
    better("deen", "base", "DEEN improves on the baseline", "Table 4, row 7", "mean_ap"),
    better("stage_1", "stage_0", "DEE is better after stage 1 than after 0", "Table 5"),
    better("stage_2", "stage_1", "DEE is better after stage 2 than after 1", "Table 5"),
    better("dee_both", "stage_2", "DEE is better after stage 3 than after 2", "Table 5"),
    better("dee_both", "stage_4", "DEE is better after stage 3 than after 4", "Table 5"),
    better("dee_both", "two", "Three branches are better than two", "Table 6"),
    better("dee_both", "four", "Three branches are better than four", "Table 6"),
    better("mfa", "nl", "MFA is better than non-local blocks", "Table 7"),
    better("mfa", "nl", "MFA is better than non-local blocks", "Table 7", "mean_ap"),
    better("deen", "nl_dee", "With DEE too, MFA is better than non-local blocks", "Table 7"),
    better("nl_dee", "nl", "DEE adds to non-local blocks", "Table 7"),
    *(
        better("deen", sweep_row(setting, value), f"DEEN is better than with {symbol} = {value:g}", "Fig. 6")
        for setting, (symbol, values) in SWEEPS.items()
        for value in values
    ),
    better("mfa", "base", "δ of MFA is larger than the baseline's (δ2 < δ3)", "Fig. 7", "delta"),
    better("dee_both", "base", "δ of DEE is larger than the baseline's (δ2 < δ4)", "Fig. 7", "delta"),
    better("deen", "dee_both", "δ of DEEN is larger than DEE's (δ4 < δ5)", "Fig. 7", "delta"),
    smaller(
        "deen", "base", "Distances within a person are smaller than the baseline's", "section 5.5", "intra_distance"
    ),
)

STUDY = Study("deen", ROWS, CLAIMS)

"""Flow2Flow's tables III to VIII and figure 6 as trainings, and what the paper says about them (Pan et al.)."""

from dataclasses import replace

from vireid_lib.experiment.claims import Claim, better, more
from vireid_lib.experiment.study import Row, Study

METHOD = "mpanet_expanded"
KINDS = {"tse": "TSE", "cmg": "CMG", "both": "TSE + CMG"}
TRAINING = {"tse": "flow2flow.tse", "cmg": "flow2flow.cmg", "both": "flow2flow.tse.cmg"}
"""What Flow2Flow makes: training sample expansion, cross-modality generation, or both."""

PERCENT = (25, 50, 75, 100, 125, 150, 175, 200)
"""Generated images for each hundred real ones in figure 6."""

EXPANDED = {"visible": "visible", "infrared": "infrared", "": "both"}
"""What is expanded in figure 6."""

ABLATIONS = {
    "linear": ("linear flow", {"activation": False}),
    "none": ("no adversaries", {"identity_weight": 0.0, "modality_weight": 0.0}),
    "identity": ("+ identity", {"modality_weight": 0.0}),
    "modality": ("+ modality", {"identity_weight": 0.0}),
    "no_losses": ("no flow, no noise loss", {"flow_weight": 0.0, "noise_weight": 0.0}),
    "flow": ("+ flow loss", {"noise_weight": 0.0}),
    "noise": ("+ noise loss", {"flow_weight": 0.0}),
}
"""Tables VI to VIII: label, settings of the generator."""

REDUCED = ("tse_linear", "cmg_none")
"""Rows of tables VI and VII that are trained in any case."""


def _row(name: str, label: str, training: str, *, always: bool = False, **settings: object) -> Row:
    changes = {"generators": {"flow2flow": settings}} if settings else {}
    return Row(name, label, METHOD, training=training, always=always, changes=changes)


def expansion_row(modality: str, percent: int) -> str:
    """Name of the row that expands images of a modality ("" for both) by so many for each hundred real ones."""
    return "tse" if not modality and percent == 100 else f"tse_{EXPANDED[modality]}_{percent}"


def _expansion(modality: str, percent: int) -> Row:
    training = ".".join(filter(None, ("flow2flow.tse", modality, "" if percent == 100 else str(percent))))
    return _row(expansion_row(modality, percent), f"TSE, {EXPANDED[modality]}, × {percent / 100:g}", training)


ROWS = (
    Row("mpanet", "MPANet", "mpanet"),
    Row("aligngan", "AlignGAN", "aligngan", always=False),
    *(_row(kind, KINDS[kind], TRAINING[kind], always=True) for kind in KINDS),
    _row("interpolation", "image interpolation", "interpolation.tse", always=True),
    _row("cyclegan", "CycleGAN", "cyclegan.cmg", always=True),
    *(
        _row(
            f"{kind}_{name}", f"{KINDS[kind]}, {label}", TRAINING[kind], always=f"{kind}_{name}" in REDUCED, **settings
        )
        for name, (label, settings) in ABLATIONS.items()
        for kind in KINDS
    ),
    _row("tse_10", "TSE, q = 10", TRAINING["tse"], q=10),
    *(
        _expansion(modality, percent)
        for modality in EXPANDED
        for percent in PERCENT
        if expansion_row(modality, percent) != "tse"
    ),
    replace(
        _row("cmg_compensated", "CMG, test images translated too", TRAINING["cmg"]), config={"describe": "compensate"}
    ),
    *(
        Row(f"{kind}_mixed", f"{KINDS[kind]}, one head", "mpanet", training=TRAINING[kind], always=False)
        for kind in ("tse", "cmg")
    ),
)


def _both_scores(row: str, other: str, words: str, place: str) -> list[Claim]:
    return [better(row, other, words, place, measure) for measure in ("rank_1", "mean_ap")]


CLAIMS = (
    *_both_scores("tse", "mpanet", "Expanding the training samples (TSE) improves on MPANet", "Table III"),
    *_both_scores("cmg", "mpanet", "Images in the other modality (CMG) improve on MPANet", "Table III"),
    *_both_scores("both", "mpanet", "Both together improve on MPANet", "Table III"),
    better("both", "tse", "Both together are better than TSE", "Table III"),
    better("both", "cmg", "Both together are better than CMG", "Table III"),
    better("tse", "cmg", "TSE gains more than CMG", "section VI"),
    better("mpanet", "interpolation", "Blending pixels makes MPANet worse", "Table IV"),
    *_both_scores("tse", "interpolation", "TSE is better than blending pixels", "Table IV"),
    better("tse_10", "mpanet", "TSE with q = 10 improves on MPANet", "Table IV"),
    *_both_scores("mpanet", "cyclegan", "CycleGAN's images make MPANet worse", "Table V"),
    *_both_scores("cmg", "cyclegan", "CMG is better than CycleGAN", "Table V"),
    *(
        better(kind, f"{kind}_linear", f"{KINDS[kind]}: the nonlinear flow is better than the linear one", "Table VI")
        for kind in KINDS
    ),
    more(
        ("tse_linear", "tse"), ("cmg_linear", "cmg"), "The activation matters more for TSE than for CMG", "section V-C3"
    ),
    better("mpanet", "cmg_none", "CMG without adversaries makes MPANet worse", "Table VII"),
    *_both_scores("cmg", "cmg_none", "CMG is better with adversaries than without", "Table VII"),
    better("cmg", "cmg_identity", "CMG is better with both adversaries than with identity alone", "Table VII"),
    better("cmg", "cmg_modality", "CMG is better with both adversaries than with modality alone", "Table VII"),
    better("cmg_identity", "cmg_none", "Identity adversaries alone improve CMG", "Table VII"),
    better("cmg_modality", "cmg_none", "Modality adversaries alone improve CMG", "Table VII"),
    more(("cmg_none", "cmg"), ("tse_none", "tse"), "The adversaries matter more for CMG than for TSE", "section V-C4"),
    *(
        better(kind, f"{kind}_no_losses", f"{KINDS[kind]}: the two losses improve on none", "Table VIII")
        for kind in KINDS
    ),
    *(
        better(
            f"{kind}_flow", f"{kind}_noise", f"{words}: the flow loss matters more than the noise loss", "section V-C5"
        )
        for kind, words in KINDS.items()
    ),
    *(
        better(kind, f"{kind}_flow", f"{words}: the noise loss adds to the flow loss", "Table VIII")
        for kind, words in KINDS.items()
    ),
    *(
        better("tse", f"tse_{each}_100", f"Expanding both modalities is better than {each} alone", "Fig. 6")
        for each in ("visible", "infrared")
    ),
    better(
        "tse_infrared_100", "tse_visible_100", "Expanding infrared images helps more than visible ones", "section V-C1"
    ),
    better("tse", "tse_both_25", "As many generated images as real ones are better than × 0.25", "Fig. 6"),
    better("tse", "tse_both_200", "As many generated images as real ones are better than × 2", "Fig. 6"),
)

STUDY = Study("flow2flow", ROWS, CLAIMS)

"""JSIA-ReID's tables 3 and 4 and figure 5 as trainings, and what the paper says about them (Wang et al., 2020)."""

from vireid_lib.experiment.claims import better, smaller
from vireid_lib.experiment.study import Row, Study

OFF = {"il_weight": 0.0, "lr_weight": 0.0, "ui_weight": 0.0}
APART = {"set_level": "separate"}


def _with(*parts: str) -> dict[str, float]:
    """Weights of 0 for the terms that are not named."""
    return {name: weight for name, weight in OFF.items() if name.removesuffix("_weight") not in parts}


SWEEPS = {
    "il_weight": ("λ_il", (0.05, 5.0)),
    "lr_weight": ("λ_lr", (0.05, 5.0)),
    "ui_weight": ("λ_ui", (0.05, 5.0)),
    "regions": ("n", (1, 2, 8)),
}
"""Settings of figure 5: symbol, and values beside this book's. The figure's own values are not in its text."""


def sweep_row(setting: str, value: float) -> str:
    """Name of the row that trains the whole method with one setting changed."""
    return f"{setting}_{value}"


ROWS = (
    Row("none", "none", "jsia", OFF | APART),
    Row("sl", "SL", "jsia", OFF),
    Row("il", "IL", "jsia", _with("il") | APART),
    Row("sl_il", "SL, IL", "jsia", _with("il")),
    Row("sl_il_lr", "SL, IL, LR", "jsia", _with("il", "lr")),
    Row("jsia", "SL, IL, LR, UI", "jsia"),
    Row("degraded_sl", "degraded SL, IL, LR, UI", "jsia", {"set_level": "adversarial"}),
    Row("degraded_lr", "SL, IL, degraded LR, UI", "jsia", {"local_pairs": "unpaired"}),
    Row("detached", "all, generators not reached", "jsia", {"end_to_end": False}, always=False),
    *(
        Row(sweep_row(setting, value), f"{symbol} = {value:g}", "jsia", {setting: value}, always=False)
        for setting, (symbol, values) in SWEEPS.items()
        for value in values
    ),
)


STEPS = (
    ("sl", "none", "SL improves on nothing", "Table 3, index 2"),
    ("il", "none", "IL improves on nothing", "Table 3, index 3"),
    ("sl_il", "il", "SL adds to IL", "Table 3, index 4"),
    ("sl_il", "sl", "IL adds to SL", "Table 3, index 4"),
    ("sl_il_lr", "sl_il", "LR adds to SL and IL", "Table 3, index 5"),
    ("jsia", "sl_il_lr", "UI adds to them", "Table 3, index 6"),
    ("jsia", "none", "All parts together improve on nothing", "Table 3, index 6"),
    ("jsia", "degraded_sl", "Disentangled features align sets better than a judge of modality", "Table 3, index 7"),
    ("jsia", "degraded_lr", "Paired images align regions better than unpaired ones", "Table 3, index 8"),
)
CLAIMS = (
    *(better(*step, measure) for step in STEPS for measure in ("rank_1", "mean_ap")),
    smaller("sl_il", "sl", "IL makes a person's images more alike across modalities", "Fig. 4", "intra_distance"),
    smaller("sl", "none", "SL makes different people more alike across modalities", "Fig. 4", "inter_distance"),
    *(
        better(
            "jsia", sweep_row(setting, value), f"The whole method is better than with {symbol} = {value:g}", "Fig. 5"
        )
        for setting, (symbol, values) in SWEEPS.items()
        for value in values
    ),
)

STUDY = Study("jsia", ROWS, CLAIMS)

GENERATORS = ("cyclegan", "stargan", "vae", "jsia")
PRETRAINED = "jsia_pretrained"
LABELS = {
    "cyclegan": "CycleGAN",
    "stargan": "StarGAN",
    "vae": "VAE",
    "jsia": "JSIA-ReID",
    PRETRAINED: "JSIA-ReID before the joint training",
}
WORDS = {
    "md_from_images": "keeps a person nearer to themselves (FRI)",
    "fid_from_images": "comes nearer to real images (FRI)",
}

TOO = "From the latent space too, JSIA-ReID"

PICTURES = Study(
    "jsia",
    [Row(name, LABELS[name], name) for name in GENERATORS],
    [
        *(
            smaller("jsia", other, f"JSIA-ReID {words} than {LABELS[other]}", "Table 4", measure)
            for measure, words in WORDS.items()
            for other in GENERATORS[:-1]
        ),
        smaller("jsia", "vae", f"{TOO}'s pairs are more alike than the VAE's", "Table 4", "md_from_latents"),
        smaller("jsia", "vae", f"{TOO} comes nearer to real images than the VAE", "Table 4", "fid_from_latents"),
    ],
)
"""Table 4: its rows are generators, measured by `jsia_generators.fidelity`."""

"""What DiVE's study shows besides its tables: galleries side by side, methods with and without, people, fairness."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vireid_lib.experiment.claims import Claim, judge
from vireid_lib.experiment.datasets import most_seen
from vireid_lib.experiment.dive_views import identities
from vireid_lib.experiment.gallery_measures import PERCENT, PLAIN, compare
from vireid_lib.experiment.measurements import GIVEN
from vireid_lib.experiment.metrics import MEASURES
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.studies.dive import METHODS, counts, method_label
from vireid_lib.experiment.study import Row, Study, run_of
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.viz.pictures import Grid, pixels, short

FAIRNESS = (
    ("as in this book's tables", "{method}_dive", "{method}_real"),
    ("larger batch for both", "wide_dive", "wide_real"),
    ("twice as long for both", "long_dive", "long_real"),
    ("larger batch with DiVE only, as in the released DEEN", "wide_dive", "{method}_real"),
    ("twice as long with DiVE only", "long_dive", "{method}_real"),
    ("no DiVE at all: the larger batch alone", "wide_real", "{method}_real"),
    ("no DiVE at all: the longer training alone", "long_real", "{method}_real"),
)
"""Comparisons, those that are meant to be fair first: words, row, the row it is compared with; {method} is the
study's."""


def training_sets(study: Study) -> list[str]:
    """The training sets of table 1, in its order."""
    return [row.training for row in table_1(study)]


def table_1(study: Study) -> list[Row]:
    """Table 1's rows: those of the study's method that are named after it."""
    return [row for row in study.rows if row.name == f"{study.method}_{row.training}"]


def pairs_shown(run: Run, *, people: int = 3) -> Grid:
    """Figure 2: people of the target, who were photographed in both lights, then external ones with DiVE's infrared."""
    data, cameras = run.data(), run.infrared_cameras
    real, made = data.train_rows(), run.synthesize("dive")
    both = real.groupby("identity")["modality"].nunique()
    rows, labels = [], []
    for table, infrared, names, words in (
        (real, real, sorted(both.index[both == 2])[:people], "real"),
        (data.external, made, identities(run, people), "DiVE"),
    ):
        for name in names:
            own = table[(table["identity"] == name) & (table["modality"] == "visible")].sort_values("path")
            rows.append(list(pixels(own.iloc[[0, len(own) // 2]])))
            for camera in cameras:
                under = (infrared["camera"] == camera) & (infrared["modality"] == "infrared")
                chosen = infrared[(infrared["identity"] == name) & under]
                rows[-1] += [*pixels(chosen.sort_values("path").iloc[:2]), *[None] * (2 - len(chosen.iloc[:2]))]
            labels.append(f"{words}\n{short(name)}")
    heads = ["visible", "visible", *(f"infrared\ncamera {short(camera)}" for camera in cameras for _ in range(2))]
    return Grid(rows, labels, heads)


def generator_grid(run: Run, study: Study, measured: pd.DataFrame, *, people: int = 8) -> Grid:
    """Figure 4: the same external people as every generator of table 1 that was trained on shows them to the first
    infrared camera."""
    names, camera = identities(run, people), run.infrared_cameras[0]
    external = run.data().external.sort_values("path").drop_duplicates("identity").set_index("identity")
    rows, labels = [list(pixels(external.loc[names, "path"].tolist()))], ["photograph"]
    for training in training_sets(study):
        if training == "real" or f"{study.method}_{training}" not in set(measured["row"]):
            continue
        gallery = run.synthesize(training)
        first = gallery[gallery["camera"] == camera].sort_values("path").drop_duplicates("identity")
        rows.append(list(pixels(first.set_index("identity").loc[names, "path"].tolist())))
        labels.append(training_label(training).removeprefix("+ ").replace(" from ", "\nfrom ").replace(" inf", "\ninf"))
    return Grid(rows, labels, [short(name) for name in names])


BESIDE = {
    "right person (true infrared)": ("right person (%)", 0),
    "Fréchet distance": ("Fréchet distance", 2),
    "infrared (luminance)": ("taken for infrared (%)", 0),
    "variety": ("variety (%)", 0),
    "SSIM on the person": ("SSIM", 2),
    "flagged copies": ("flagged copies (%)", 0),
}
"""Measures of a gallery that stand beside its scores: what they are called there, and digits shown."""


@dataclass(frozen=True, eq=False)
class Beside:
    """Table 1's galleries, measured, beside what training on them gains.

    Attributes:
        table: a row per gallery: its scores' means, gain over real images, and measures, for reading.
        points: label, gain and right person with deviations, for `plots.against`.
        basis: with what each measure was taken.
    """

    table: pd.DataFrame
    points: pd.DataFrame
    basis: pd.DataFrame


def measures_beside(run: Run, study: Study, measured: pd.DataFrame) -> Beside:
    """Measure every gallery of table 1 that was trained on; see `gallery_measures.compare`."""
    first = measured[measured["mode"] == measured["mode"].iloc[0]]
    ranks = {name: group["rank_1"].to_numpy(float) for name, group in first.groupby("row")}
    method = study.method
    names = [name for name in training_sets(study) if name != "real" and f"{method}_{name}" in ranks]
    found = compare(run, names)
    shown = BESIDE
    if PERCENT["right person (true infrared)"] not in found.table:  # nobody has it for real people
        shown = {"right person (photographs)": BESIDE["right person (true infrared)"], **BESIDE}
    kept = {(PERCENT | PLAIN).get(key, key): named for key, named in shown.items()}
    kept = {column: named for column, named in kept.items() if column in found.table}
    gains = [ranks[f"{method}_{name}"] - ranks[f"{method}_real"].mean() for name in names]
    words = found.table["infrared images"].tolist()
    gained = f"gain in rank-1 of {method_label(method)} (points)"
    table = pd.DataFrame({gained: [f"{gain.mean():+.1f}" for gain in gains]}, index=words)
    sizes = [run.gallery_sizes(name) for name in names]
    table["images (distinct)"] = [f"{each['images']:,} ({each['distinct']:,})" for each in sizes]
    for column, (name, digits) in kept.items():
        table[name] = ["–" if pd.isna(value) else f"{value:.{digits}f}" for value in found.table[column]]
    right = next(iter(kept))
    points = pd.DataFrame(
        {
            "label": words,
            "right": found.table[right],
            "right_std": np.nan,
            "gain": [gain.mean() for gain in gains],
            "gain_std": [gain.std(ddof=1) if len(gain) > 1 else np.nan for gain in gains],
        }
    )
    basis = pd.DataFrame(
        {"measured with": [found.basis[column] for column in kept]},
        index=pd.Index([name for name, _ in kept.values()], name="measure"),
    )
    return Beside(table, points, basis)


def with_and_without(study: Study, measured: pd.DataFrame, measure: str = "rank_1") -> pd.DataFrame:
    """Figure 1: the rows of `plots.with_and_without`, for the methods of table 2 that were trained both ways."""
    first = measured[measured["mode"] == measured["mode"].iloc[0]]
    parts = []
    for method, label in METHODS.items():
        sides = [first[first["row"] == f"{method}_{training}"] for training in ("real", "dive")]
        for place, side in enumerate(sides) if all(map(len, sides)) else ():
            parts.append(pd.DataFrame({"label": label, "side": place, "value": side[measure].to_numpy(float)}))
    return pd.concat(parts, ignore_index=True)


def people_curves(run: Run, study: Study, measured: pd.DataFrame, measure: str = "rank_1") -> dict[str, object]:
    """Figure 5: the arguments of `plots.people_curves`; curves of which nothing but all people was trained are left
    out, and where none is left, `curves` is empty."""
    first = measured[measured["mode"] == measured["mode"].iloc[0]]
    groups = first.groupby("row")[measure]
    everybody = run.data().external["identity"].nunique()
    fewer, more = counts(run)
    curves, most = {}, everybody
    for training in ("dive", "oracle_ir"):
        names = {everybody: f"{study.method}_{training}"} | {count: f"{training}_{count}" for count in (*fewer, *more)}
        rows = [
            {"people": count, "mean": groups.get_group(name).mean(), "std": groups.get_group(name).std(ddof=1)}
            for count, name in names.items()
            if name in groups.groups
        ]
        if len(rows) > 1:
            curves[training_label(training).removeprefix("+ ")] = pd.DataFrame(rows)
            most = max(most, *(row["people"] for row in rows))
    beyond = next((row for row in study.rows if row.name in (f"dive_{most}", f"oracle_ir_{most}")), None)
    whole = (run_of(run, beyond) if most > everybody else run).data().external
    nobody = groups.get_group(f"{study.method}_real")
    return {
        "curves": curves,
        "images": whole.groupby("identity").size().loc[most_seen(whole)].tolist(),
        "baseline": (float(nobody.mean()), float(nobody.std(ddof=1))),
        "y": f"{MEASURES[measure]} of {method_label(study.method)} (%)",
    }


def fairness(study: Study, measured: pd.DataFrame, measure: str = "rank_1") -> pd.DataFrame:
    """What DiVE seems to gain when both sides are given the same, and when they are not (`FAIRNESS`), with what they
    were given as recorded; comparisons of rows that were not trained are left out."""
    claims = [
        Claim(words, "", measure, *(name.format(method=study.method) for name in rows)) for words, *rows in FAIRNESS
    ]
    findings = judge(measured, claims)
    given = {name: group[GIVEN].mean() for name, group in measured.groupby("row")}
    verdicts = {"holds": "more", "does not hold": "less"}
    difference = f"difference in {MEASURES[measure]} of {method_label(study.method)} (95 % interval)"
    rows = [
        {
            "comparison": each.claim.words,
            **{name: " / ".join(f"{given[row][name]:,.0f}" for row in each.claim.rows) for name in GIVEN},
            difference: each.words,
            "beyond the seeds' noise?": verdicts.get(each.verdict, each.verdict),
        }
        for each in findings
        if each.difference is not None
    ]
    return pd.DataFrame(rows).set_index("comparison")

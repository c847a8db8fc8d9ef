"""Results: the scores in a workspace, averaged over seeds, beside what papers print, with a status."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
from pydantic import Field

from vireid_lib.data.strict import Strict, validated
from vireid_lib.data.text import read_json
from vireid_lib.evaluation.statistics import equivalence, mean_margin
from vireid_lib.experiment import comparable, variants
from vireid_lib.experiment.cache import Workspace
from vireid_lib.experiment.contrasts import mean_over_seeds, split_scores
from vireid_lib.experiment.papers import Paper, load_papers
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.provenance import StageRecord

if TYPE_CHECKING:
    from vireid_lib.evaluation import Evaluation

METRICS = ("rank_1", "rank_5", "rank_10", "rank_20", "mean_ap", "mean_inp")
GROUP = ["dataset", "mode", "protocol", "method", "training", "external", "variant"]
STATUSES = ("reproduced", "differs", "inconclusive", "one seed", "not yet run")

Share = Annotated[float, Field(ge=0, le=1)]


class Score(Strict):
    """What one trained network scores: the form in which stages record it, in `values["scores"]`.

    Attributes:
        dataset: name of the data set, "mini_vi" or "sysu_mm01".
        method: "agw", ...
        training: what it was trained on: "real", "grayscale", "dive", "dive_from_image", "redrawn", "true", or
            another generator's name.
        external: name of the expanded data set, None without one.
        resolved: every setting that it was measured with, see `variants.resolved`; None in old records.
        variant: not recorded; `score_table` puts there in words how `resolved` differs from what was published. Old
            records have words here that were typed.
        seed: of the training.
        mode: "all", "indoor", "visible-to-infrared", "infrared-to-visible".
        protocol: the protocol's name in words.
        settings: the protocol's settings.
        trials: how many trials were averaged.
        rank_1 ... mean_inp: shares, 0..1.
    """

    dataset: str
    method: str
    training: str
    external: str | None
    resolved: dict[str, object] | None = None
    variant: str = ""
    seed: int
    mode: str
    protocol: str
    settings: dict[str, object]
    trials: int
    rank_1: Share
    rank_5: Share
    rank_10: Share
    rank_20: Share
    mean_ap: Share
    mean_inp: Share


def score_row(
    evaluation: "Evaluation",
    *,
    dataset: str,
    method: str,
    training: str,
    external: str | None,
    seed: int,
    resolved: Mapping[str, object],
) -> dict:
    """Put an evaluation into the form that stages record: `return {"scores": [score_row(...), ...]}`."""
    record = evaluation.to_dict()
    settings = {key: value for key, value in record["protocol"].items() if value is not None}
    mode = settings.get("mode") or settings.get("direction") or "single query"
    means = {metric: record["mean"][metric] for metric in METRICS}
    return Score(
        dataset=dataset,
        method=method,
        training=training,
        external=external,
        resolved=dict(resolved),
        seed=seed,
        mode=mode,
        protocol=settings["name"],
        settings=settings,
        trials=len(record["trials"]),
        **means,
    ).model_dump(exclude={"variant"})


def stages(workspace: Workspace) -> pd.DataFrame:
    """One row per finished stage: name, minutes, device, attempts, when, by which code, where."""
    rows = [
        {
            "stage": record.name,
            "minutes": record.result["wall_seconds"] / 60,
            "device": record.result["device"],
            "attempts": record.result["attempts"],
            "finished": record.result["finished"],
            "version": record.result["library"]["version"],
            "source": record.result["library"]["source"],
            "folder": os.path.relpath(record.folder, workspace.folder),
        }
        for record in workspace.records()
    ]
    columns = ["stage", "minutes", "device", "attempts", "finished", "version", "source", "folder"]
    return pd.DataFrame(rows, columns=columns)


def score_table(records: Iterable[StageRecord]) -> pd.DataFrame:
    """One row per score that the stages recorded: the columns of `Score`; `stage`, `key` and `older`; and `splits`, the
    scores of each split where each has its own network (RegDB), see `contrasts.split_scores`.

    Its variant, the difference of its settings from those that were published, is worked out here: column `differences`
    has it setting by setting (None where an old record does not say), `variant` in words.

    Raises:
        FileError: a stage recorded a score that is none, such as percent where shares are wanted.
    """
    rows = []
    for record in records:
        about = {"stage": record.name, "key": record.key, "older": record.older}
        for score in record.values["scores"]:
            checked = validated(Score, score, str(record.folder / "result.json"), "values.scores")
            found = variants.of_score(checked.dataset, checked.method, checked.training, checked.resolved)
            words = checked.variant if found is None else variants.text(found)
            rows.append(
                {
                    **checked.model_dump(),
                    "variant": words,
                    "differences": found,
                    **about,
                    "splits": split_scores(record, checked.mode),
                }
            )
    return pd.DataFrame(rows, columns=[*Score.model_fields, "differences", "stage", "key", "older", "splits"])


def recorded(folder: Path, results: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """`score_table` of the results that a run's record names, each by its stage, key and whether it is older.

    Args:
        folder: the workspace.
    """
    places = ((each, folder / "stages" / each["stage"] / each["key"]) for each in results)
    return score_table(
        StageRecord(each["stage"], each["key"], place, read_json(place / "result.json"), each["older"])
        for each, place in places
        if place.exists()
    )


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Average the scores over seeds: one row per setting, `<metric>` and `<metric>_std` in percent, `seeds`.

    The standard deviation is the sample's (n - 1), and empty for a single seed. `splits` is the mean over seeds of what
    `scores` has there.
    """
    rows = []
    for setting, group in table.groupby(GROUP, sort=False, dropna=False):
        row = dict(zip(GROUP, setting, strict=True))
        for metric in METRICS:
            row[metric] = 100 * group[metric].mean()
            row[f"{metric}_std"] = 100 * group[metric].std(ddof=1)
        rows.append(
            {
                **row,
                "seeds": len(group),
                "trials": group["trials"].min(),
                "settings": group["settings"].iloc[0],
                "older": bool(group["older"].any()),
                "splits": mean_over_seeds(list(group["splits"])) if "splits" in group else None,
                **{name: group[name].iloc[0] for name in ("resolved", "differences") if name in group},
            }
        )
    columns = [
        *GROUP,
        *(name for metric in METRICS for name in (metric, f"{metric}_std")),
        "seeds",
        "trials",
        "settings",
        "older",
        "splits",
        "resolved",
        "differences",
    ]
    return pd.DataFrame(rows, columns=columns)


def beside_papers(scores: pd.DataFrame, papers: Iterable[Paper] | None = None) -> pd.DataFrame:
    """Every number that the papers print, ours beside it where there is one, and a status.

    A number of ours stands beside a paper's only if data set, mode, method, training data, external set, all settings
    (see `variants`) and the protocol's settings are the paper's, over at least as many trials (`comparable.same`). What
    was measured on the miniature world is therefore never beside one.

    Args:
        scores: from `selection.scores`.

    Returns:
        columns paper, table, title, printed_row, printed_column, dataset, mode, method, training, external, variant,
        metric, paper_value, our_mean, our_std, seeds, over, difference, status, why, older. Values in percent;
        `our_std` is over what `over` says, e.g. "3 seeds" or "10 splits". What is no score (such as DEN's IIRS) stands
        in the studies instead.
    """
    ours = over_seeds(scores)
    rows = []
    for paper in load_papers() if papers is None else papers:
        for value in paper.values():
            if value["metric"] not in METRICS:
                continue
            fits = [comparable.same(row, value, paper.trials) for row in ours.to_dict("records")]
            match = ours[fits] if len(ours) else ours
            rows.append({**value, **_judged(match, value, paper)})
    return pd.DataFrame(rows).drop(columns=["settings", "differences"])


def _judged(match: pd.DataFrame, value: dict, paper: Paper) -> dict:
    """Ours beside one printed number, and whether our mean is equivalent to it.

    The paper's tolerance is the margin of equivalence. "reproduced": the 90 % interval of our mean lies within the
    printed number ± tolerance (two one-sided tests at 5 %; Schuirmann 1987, see `statistics.equivalence`). "differs":
    our 95 % interval lies outside that range as a whole. "inconclusive": neither, so that more seeds are needed. "one
    seed": one training says nothing about the mean. The printed number is taken as it stands, for papers print neither
    spread nor number of trainings.

    The interval is over seeds. Where each split has its own network (RegDB), it is over the splits: the spread between
    splits, which the paper's mean shares, counts as ours, so that the statement is a careful one.
    """
    if match.empty:
        return {
            "our_mean": None,
            "our_std": None,
            "seeds": 0,
            "over": "",
            "difference": None,
            "status": "not yet run",
            "why": "",
            "older": False,
        }
    row, metric = match.iloc[-1], value["metric"]
    mean, deviation, count, noun = row[metric], row[f"{metric}_std"], int(row["seeds"]), "seed"
    if isinstance(row["splits"], dict) and len(row["splits"][metric]) > 1:
        by_split = 100 * pd.Series(row["splits"][metric])
        deviation, count, noun = by_split.std(ddof=1), len(by_split), "split"
    difference, tolerance = mean - value["paper_value"], paper.tolerance.points
    over = f"{count} {noun}{'s' * (count > 1)}"
    why = f"{abs(difference):.2f} points {'above' if difference >= 0 else 'below'} the paper, tolerance {tolerance:g}; "
    if count == 1:
        status, why = "one seed", why + "one seed says nothing about the mean of others"
    else:
        found = equivalence(mean, deviation, count, target=value["paper_value"], margin=tolerance)
        status = {"equivalent": "reproduced", "different": "differs"}.get(found, found)
        margins = [mean_margin(deviation, count, confidence) for confidence in (0.9, 0.95)]
        why += f"our mean over {over} ± {margins[0]:.2f} (90 % interval), ± {margins[1]:.2f} (95 %)"
    return {
        "our_mean": mean,
        "our_std": deviation,
        "seeds": row["seeds"],
        "over": over,
        "difference": difference,
        "status": status,
        "why": why,
        "older": row["older"],
    }


def main_table(scores: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    """The book's main result: rank-1 and mAP of each training set, mean ± standard deviation, one row each.

    Only what the profile asks for: its training sets, seeds and modes, in its order.

    Args:
        scores: from `selection.scores`, of the profile's own settings alone.

    Columns: data set, protocol, method, trained on, rank-1, mAP, mINP (texts, percent), seeds, older.
    """
    wanted = {
        "dataset": [profile.data.target],
        "mode": profile.evaluation.modes,
        "method": [profile.reid.method],
        "training": profile.reid.training_sets,
        "seed": profile.reid.seeds,
    }
    table = scores
    for column, values in wanted.items():
        table = table[table[column].isin(values)]
    table = over_seeds(table)
    for column in ("training", "mode"):
        table = table.sort_values(column, key=lambda names, own=wanted[column]: names.map(own.index), kind="stable")
    rows = [
        {
            "data set": row["dataset"],
            "protocol": row["protocol"],
            "method": row["method"].upper(),
            "trained on": training_label(row["training"]),
            **{
                label: mean_and_std(row[metric], row[f"{metric}_std"])
                for label, metric in (("rank-1", "rank_1"), ("mAP", "mean_ap"), ("mINP", "mean_inp"))
            },
            "seeds": row["seeds"],
            "older": row["older"],
        }
        for _, row in table.iterrows()
    ]
    columns = ["data set", "protocol", "method", "trained on", "rank-1", "mAP", "mINP", "seeds", "older"]
    return pd.DataFrame(rows, columns=columns)


TRAINING_LABELS = {
    "real": "real images only",
    "grayscale": "+ greyscale copies",
    "interpolation": "+ image interpolation",
    "cyclegan": "+ CycleGAN",
    "flow2flow": "+ Flow2Flow",
    "stargan": "+ StarGAN",
    "aligngan": "+ AlignGAN",
    "vae": "+ VAE",
    "vi_diff": "+ VI-Diff",
    "cyclegan_turbo": "+ CycleGAN-Turbo",
    "jsia": "+ JSIA-ReID",
    "dive": "+ DiVE",
    "dive_from_image": "+ DiVE from the image",
    "redrawn": "+ re-drawn infrared",
    "true": "+ true infrared",
}
"""What stands in tables and figures. "+" adds an external, visible set and, as its infrared, what is named."""


def training_label(training: str) -> str:
    """A training set in words, the same in every table and figure."""
    return TRAINING_LABELS.get(training, f"+ {training}")


def mean_and_std(mean: float, std: float) -> str:
    """`49.1 ± 1.2`; without ± for a single seed."""
    return f"{mean:.1f}" if pd.isna(std) else f"{mean:.1f} ± {std:.1f}"


def as_text(table: pd.DataFrame) -> str:
    """`main_table` for the terminal."""
    if table.empty:
        return "No score has been recorded yet."
    if not table["older"].any():
        return table.drop(columns="older").to_string(index=False)
    marked = table.assign(older=[OLDER if older else "" for older in table["older"]]).rename(columns={"older": ""})
    return f"{marked.to_string(index=False)}\n{OLDER} {OLDER_WORDS}"


OLDER = "†"
OLDER_WORDS = "made by older code, or of what older code made (--keep-results)"
"""How every table marks such a number."""

"""Results: the evaluations in a cache as tables of scores, averaged over seeds; the book's main table.

A table shows the results of the settings that a run resolves to, found by their keys and nothing else.
"""

import contextlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from inspect import signature
from pathlib import Path

import pandas as pd
from pandas.io.formats.style import Styler

from vireid_lib.data.strict import FileError
from vireid_lib.data.text import DamagedFile, read_json
from vireid_lib.experiment import method_registry, variants
from vireid_lib.experiment.claims import compare
from vireid_lib.experiment.context import MissingData
from vireid_lib.experiment.contrasts import mean_over_seeds, unit_scores
from vireid_lib.experiment.metrics import SCORES, legend, mark, plus_minus
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.provenance import RESULT, StageRecord, canonical, plain
from vireid_lib.experiment.study import Study, load_study, run_of, study_names, trainable
from vireid_lib.experiment.training_sets import plain_label, training_label

METRICS = tuple(SCORES)
SETTING = ["dataset", "mode", "protocol", "method", "training", "external", "fits", "variant"]
"""What scores that differ in the seed alone have in common."""

COLUMNS = ["dataset", "method", "training", "external", "fits", "resolved", "seed", "mode", "protocol", "settings"]
COLUMNS += ["trials", *METRICS, "variant", "differences", "stage", "key", "older", "splits", "parts"]
STUDIES = study_names()


def score_table(records: Iterable[StageRecord]) -> pd.DataFrame:
    """One row per score of the evaluations (`Run.evaluate`), shares 0..1.

    Columns: dataset, method, training, external, fits (of the generator, `expand.fits`), seed, mode, protocol (in
    words), settings (of the protocol), trials, the `METRICS`; resolved (every setting, see `variants.resolved`),
    differences (from what was published) and the same in words, variant; stage, key and older; splits and parts, see
    `contrasts.unit_scores`.
    """
    return pd.DataFrame([row for record in records for row in _scores(record)], columns=COLUMNS)


def _scores(record: StageRecord) -> Iterator[dict[str, object]]:
    about = record.result["config"]
    found = variants.of_score(about["dataset"], about["method"], about["generator"], about["settings"])
    for mode, evaluation in record.values["evaluations"].items():
        settings = {key: value for key, value in evaluation["protocol"].items() if value is not None}
        row = {name: about[name] for name in ("dataset", "method", "training", "external", "seed")}
        row |= {"stage": record.name, "key": record.key, "older": record.older, "fits": about.get("fits", 1)}
        row |= {"mode": mode, "protocol": settings["name"], "settings": settings, "resolved": about["settings"]}
        row |= {"variant": "" if found is None else variants.text(found), "differences": found}
        row |= {"trials": len(evaluation["trials"])} | {metric: evaluation["mean"][metric] for metric in METRICS}
        yield row | unit_scores(record, mode)


def evaluations(run: Run, *, others: bool = False) -> list[StageRecord]:
    """The finished evaluations that the run's settings ask for, in the profile's order. `others`: also those of the
    profile's training sets with every other method, and of the rows of every study."""
    found: dict[Path, StageRecord] = {}
    settings = cache(partial(_recorded_settings, run.cache.stages))
    for own, training in _trainings(run, others):
        for seed in run.profile.reid.seeds:
            if canonical(plain(own.about_evaluation(training, seed), training)) not in settings(training):
                continue  # the whole key takes a look at every image
            if (record := own.finished(training, seed)) is not None:
                found[record.folder] = record
    return list(found.values())


def _recorded_settings(stages: Path, training: str) -> set[str]:
    """Those of all evaluations on a training set, whatever code made them, of whatever images."""
    found = set()
    for path in (stages / f"evaluate_{training}").glob(f"*/{RESULT}"):
        with contextlib.suppress(DamagedFile):  # counts as not made
            held = read_json(path)
            found.add(canonical(held.get("config") if isinstance(held, dict) else None))
    return found


def scores(run: Run, *, others: bool = False) -> pd.DataFrame:
    """`score_table` of `evaluations`, by mode in the profile's order; empty before anything has been evaluated."""
    table, modes = score_table(evaluations(run, others=others)), run.profile.evaluation.modes
    return table.sort_values("mode", key=lambda names: names.map(modes.index), kind="stable").reset_index(drop=True)


def _trainings(run: Run, others: bool) -> Iterator[tuple[Run, str]]:
    """The profile's training sets with its method, then with the others, then the rows of the studies; what the
    profile's settings do not fit is left out."""
    for method in [run.profile.reid.method, *(method_registry.names() if others else ())]:
        with contextlib.suppress(FileError):  # the profile sets what this method does not have
            own = run.with_method(method)
            yield from ((own, training) for training in own.profile.reid.training_sets)
    for name in STUDIES if others and run.profile.data.external else ():
        study = known_study(run, name)
        for row in trainable(run, study.rows if study else ()):
            with contextlib.suppress(FileError, MissingData):  # or a second external set that is not on this machine
                yield run_of(run, row), row.training


def study_of(run: Run, name: str, parameters: Mapping[str, object] | None = None) -> Study:
    """A study, whose rows may depend on the data and on `parameters` of its notebook."""
    module = f"vireid_lib.experiment.studies.{name}"
    if not importlib.util.find_spec(module):
        return load_study(name)
    make = importlib.import_module(module).study
    return make(run, **{key: value for key, value in (parameters or {}).items() if key in signature(make).parameters})


def known_study(run: Run, name: str, parameters: Mapping[str, object] | None = None) -> Study | None:
    """`study_of`; None if the data that its rows depend on have not been drawn, and so nothing of it trained."""
    made = run.fetched(partial(study_of, name=name, parameters=parameters))
    return made and made.value


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Average the scores over seeds: one row per setting, `<metric>` and `<metric>_std` in percent, `seeds`.

    The standard deviation is the sample's (n - 1), and empty for a single seed. `splits` is the mean over seeds of what
    `score_table` has there.
    """
    rows = []
    for setting, group in table.groupby(SETTING, sort=False, dropna=False):
        percent = 100 * group[list(METRICS)]
        row = dict(zip(SETTING, setting, strict=True)) | percent.mean().to_dict()
        row |= percent.std(ddof=1).add_suffix("_std").to_dict() | {"seeds": len(group), "trials": group["trials"].min()}
        row |= {"older": bool(group["older"].any()), "splits": mean_over_seeds(list(group["splits"]))}
        rows.append(row | {name: group[name].iloc[0] for name in ("settings", "resolved", "differences")})
    values = [*METRICS, *(f"{metric}_std" for metric in METRICS)]
    more = ["seeds", "trials", "older", "splits", "settings", "resolved", "differences"]
    return pd.DataFrame(rows, columns=[*SETTING, *values, *more])


def main_table(scores: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    """The book's main result: `over_seeds` of the profile's modes, training sets and seeds, in the profile's order.
    `scores`: from `scores`, of the profile's own settings alone."""
    return over_seeds(_of_profile(scores, profile))


def _of_profile(scores: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    order = {"training": profile.reid.training_sets, "mode": profile.evaluation.modes}
    scores = scores[scores["seed"].isin(profile.reid.seeds) & (scores["method"] == profile.reid.method)]
    for column, names in order.items():
        scores = scores[scores[column].isin(names)]
        scores = scores.sort_values(column, key=lambda values, names=names: values.map(names.index), kind="stable")
    return scores


def main_result(run: Run) -> list[str]:
    """`show` of the main table as HTML, and `as_markdown`; empty before anything has been evaluated."""
    found = scores(run)
    return [show(main_table(found, run.profile)).to_html(), as_markdown(found, run.profile)] if len(found) else []


def as_markdown(scores: pd.DataFrame, profile: Profile) -> str:
    """The main result in the profile's first mode as a table in Markdown: mean ± standard deviation, and the difference
    from real images and from greyscale copies with its own 95 % interval; below, what was measured and how often.
    `scores`: from `scores`, of the profile's own settings alone."""
    mode, metric = profile.evaluation.modes[0], "rank_1"
    table, own = main_table(scores, profile).query("mode == @mode"), _of_profile(scores, profile)
    references = [name for name in ("real", "grayscale") if name in set(table["training"])]
    found = {name: compare(own, metric, reference=name, mode=mode) for name in references}
    words = {name: dict(zip(each["row"], each["words"], strict=True)) for name, each in found.items()}
    heads = ["trained on", f"{SCORES[metric]} (%)"]
    heads += [f"against {plain_label(name)}" for name in references]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in table.to_dict("records"):
        cells = [training_label(row["training"]) + mark(row["older"]), plus_minus(row[metric], row[f"{metric}_std"])]
        cells += [words[name].get(row["training"], "–") for name in references]
        lines.append("| " + " | ".join(cells) + " |")
    first = table.iloc[0]
    over = {over for each in found.values() for over in each["over"] if over}
    about = f"{first['method'].upper()} on {first['dataset']}, {first['protocol']}: {first['seeds']} training"
    about += f"{'s' * int(first['seeds'] > 1)} of each row, mean ± standard deviation"
    about += f"; differences with their own 95 % intervals, over {', '.join(sorted(over))}" if over else ""
    return "\n".join([*lines, "", f"{about}{legend(table)}."]) + "\n"


def as_words(table: pd.DataFrame, metrics: Iterable[str] = ("rank_1", "mean_ap", "mean_inp")) -> pd.DataFrame:
    """`over_seeds` for reading: mean ± standard deviation in percent, indexed by protocol and training set."""
    words = {"protocol": table["protocol"]}
    words["trained on"] = [
        training_label(name) + mark(older) for name, older in zip(table["training"], table["older"], strict=True)
    ]
    for metric in metrics:
        words[SCORES[metric]] = list(map(plus_minus, table[metric], table[f"{metric}_std"]))
    return pd.DataFrame(words | {"seeds": table["seeds"]}).set_index(["protocol", "trained on"])


def show(table: pd.DataFrame) -> Styler:
    """`main_table` for a page."""
    about = ", ".join(dict.fromkeys(f"{row.method.upper()} on {row.dataset}" for row in table.itertuples()))
    counts = sorted(set(table["seeds"]))
    over = "one seed" if counts == [1] else f"mean ± standard deviation over {'–'.join(map(str, counts))} seeds"
    if (fits := max(table["fits"], default=1)) > 1:
        over += f", which share {fits} fits of each generator that learns"
    caption = f"{about}: percent, {over}{legend(table)}" if len(table) else "No score has been recorded yet."
    cells = [{"selector": "caption, th, td", "props": "text-align: left; padding: .3rem .8rem; vertical-align: top"}]
    return as_words(table).style.set_caption(caption).set_table_styles(cells)


def for_bars(scores: pd.DataFrame, metric: str = "rank_1") -> dict[str, list[float]]:
    """Each training set's scores in the first mode, percent, one for each seed; for `viz.bars`."""
    groups = scores[scores["mode"] == scores["mode"].iloc[0]].groupby("training", sort=False)[metric]
    return {training_label(name): (100 * values).tolist() for name, values in groups}

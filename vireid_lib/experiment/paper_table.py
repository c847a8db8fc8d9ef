"""The papers' tables with our numbers beside theirs, in forms that cannot be mistaken for each other."""

import html
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from pandas.io.formats.style import Styler

from vireid_lib.evaluation.statistics import equivalence, mean_margin
from vireid_lib.experiment import variants
from vireid_lib.experiment.metrics import MEASURES, SCORES, SPREADS, digits_of, has_older, legend, mark, mean_and_std
from vireid_lib.experiment.papers import Column, Conditions, Paper, Table, load_papers, unlike
from vireid_lib.experiment.papers import Row as PaperRow
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.results import over_seeds
from vireid_lib.experiment.settings import changed
from vireid_lib.experiment.study import Row, Study, profile_of

STATUSES = {"reproduced": "✓", "differs": "≠", "inconclusive": "~", "one seed": "?", "not yet run": "not yet run"}
"""How a mean of ours compares with a printed number, and its sign in chapter 07's tables."""

NOT_RUN = {"our_mean": None, "our_std": None, "seeds": 0, "over": "", "difference": None}
NOT_RUN |= {"status": "not yet run", "why": "", "older": False}
"""What stands beside a printed number of which there is none of ours."""

OURS, PAPERS = "font-weight:600", "font-style:italic;opacity:.75"


def beside_papers(scores: pd.DataFrame, papers: Iterable[Paper] | None = None) -> pd.DataFrame:
    """Every number that the papers print, ours (from `results.scores`) beside it where there is one, and a status.

    A number of ours stands beside a paper's only if data set, mode, method, training data, external set, all settings
    (see `variants`) and the protocol's settings are the paper's, over at least as many trials (`papers.unlike`). What
    was measured on the miniature world is therefore never beside one.

    Returns:
        columns paper, table, title, printed_row, printed_column, dataset, mode, method, training, external, variant,
        metric, paper_value, our_mean, our_std, seeds, over, difference, status, why, older. Values in percent;
        `our_std` is over what `over` says, e.g. "3 seeds" or "10 splits". What is no score (such as DEN's IIRS) stands
        in the studies instead.
    """
    ours, rows = over_seeds(scores).to_dict("records"), []
    for paper in load_papers() if papers is None else papers:
        for value in paper.values():
            if value["metric"] in SCORES:
                there = Conditions(value["dataset"], value["mode"], value["settings"], paper.trials)
                match = [
                    row
                    for row in ours
                    if all(row[key] == value[key] for key in ("method", "training", "differences"))
                    and (None if pd.isna(row["external"]) else row["external"]) == value["external"]
                    and not unlike(Conditions(row["dataset"], row["mode"], row["settings"], row["trials"]), there)
                ]
                rows.append({**value, **(_judged(match[-1], value, paper) if match else NOT_RUN)})
    return pd.DataFrame(rows).drop(columns=["settings", "differences"])


def _judged(row: dict, value: dict, paper: Paper) -> dict:
    """Ours beside one printed number, and whether our mean is equivalent to it, by the paper's tolerance as the margin
    (two one-sided tests at 5 %; Schuirmann 1987, see `statistics.equivalence`; chapter 07 says what each status means).

    The interval is over seeds. Where each split has its own network (RegDB), it is over the splits: the spread between
    splits, which the paper's mean shares, counts as ours, so that the statement is a careful one.
    """
    metric = value["metric"]
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
    found = {"our_mean": mean, "our_std": deviation, "seeds": row["seeds"], "over": over, "difference": difference}
    return found | {"status": status, "why": why, "older": row["older"]}


def beside_paper(
    run: Run, study: Study, measured: pd.DataFrame, number: int, *, method: str = "", also: Sequence[str] = ()
) -> Styler:
    """Table `number` of the paper: in each cell the printed number (italics), below it ours, mean ± standard deviation
    over seeds (upright). Rows that were not trained say so.

    On real data a printed number stands there only if ours was measured in the same way: data set, mode, all settings
    of the protocol, and all settings of the training (`papers.unlike`, `variants`). Its column is that of the first
    of our modes that has one; where none has, or a row has other settings, no number stands there, and the caption says
    why. In the miniature world, where only the order of rows can be compared, it is the table's first column.

    Args:
        method: with which ours were trained, if not with the paper's.
        also: rows of the study that belong here though the paper does not print them.
    """
    profile, table, target, trials = run.profile, study.table(number), run.profile.data.target, study.paper.trials

    def apart(mode: str, column: Column, settings: Mapping[str, object]) -> list[str]:
        """In what ours are measured otherwise than a column with these settings, in words."""
        if not table.scored:  # of a generator's pictures: no protocol has a part in it
            return unlike(Conditions(target, ""), Conditions(column.dataset, ""))
        here = Conditions(target, mode, profile.evaluation.settings, profile.evaluation.trials)
        return unlike(here, Conditions(column.dataset, column.mode, settings, trials))

    def distance(pair: tuple[str, int]) -> tuple[bool, bool, int]:
        mode, column = pair[0], table.columns[pair[1]]
        if column.dataset != target:
            return True, True, 0
        why = apart(mode, column, column.settings)
        return False, bool(why) and column.mode != mode, len(why)

    def trained_apart(row: Row | None, printed: PaperRow) -> list[str]:
        """In what ours are trained otherwise than a printed row, in words."""
        if row is None or not table.scored:
            return []
        theirs = changed(variants.as_published(column.dataset, row.method), printed.changes, printed.printed)
        own, theirs = (variants.resolved(each, row.training) for each in (profile_of(profile, row), theirs))
        differs = variants.difference(own, theirs)
        return [f"here {variants.text(differs)}"] if differs else []

    pairs = [(mode, place) for mode in dict.fromkeys(measured["mode"]) for place in range(len(table.columns))]
    # The first mode and column that can be compared; else the nearest.
    mode, place = pairs[0] if run.miniature else min(pairs, key=distance)
    column, ours = table.columns[place], measured[measured["mode"] == mode]
    rows, withheld = [], {}
    for printed in table.rows:
        row, values = study.row_of(printed, profile, method), printed.values[place]
        settings = printed.settings_in(column)
        if why := [] if run.miniature else [*apart(mode, column, settings), *trained_apart(row, printed)]:
            withheld.setdefault(" and ".join(why), []).append(printed.printed)
            values = [None] * len(values)
        rows.append(_cells(table, printed.printed, row, values, ours))
    rows += [_cells(table, study.row(name).label, study.row(name), [None] * len(table.metrics), ours) for name in also]
    title = f"{study.paper.short}, Table {table.number}: {table.title}"
    conditions = [column.dataset, column.mode, *(f"{key} {value}" for key, value in column.settings.items())]
    there = f"printed there, {column.printed} ({', '.join(conditions)})"
    there += ", for the order of rows alone" * run.miniature
    if sum(map(len, withheld.values())) == len(table.rows):
        there = "no printed number stands here"
    others = sorted({row.method for row in table.rows} - {method}) if method else ()
    here = f"measured here ({', '.join(filter(None, (target, mode, method.upper())))})"
    here += f", where the paper has {' and '.join(others).upper()}" if others else ""
    seeds = " to ".join(map(str, sorted({*ours.groupby("row")["seed"].nunique().agg(["min", "max"])})))
    here += f", mean ± standard deviation, {seeds} seeds{legend(ours)}"
    notes = [f"No printed number in {', '.join(names)}: {reason}" for reason, names in withheld.items()]
    return _styled(pd.DataFrame(rows).set_index("row"), title, "scores in percent", there, here, notes)


def _cells(table: Table, name: str, row: Row | None, values: Sequence[float | None], ours: pd.DataFrame) -> dict:
    """A row of a study's table: what is printed, and ours of the study's `row`."""
    group, cells = ours[ours["row"] == row.name] if row else ours.iloc[:0], {"row": html.escape(name)}
    for measure, value in zip(table.metrics, values, strict=True):
        digits = ".2f" if measure in SCORES else ".3f" if measure in SPREADS else "g"
        own = mean_and_std(group[measure], digits_of(measure)) + mark(has_older(group)) if len(group) else "not run"
        cells[MEASURES[measure]] = _cell("–" if value is None else f"{value:{digits}}", own)
    return cells


def _styled(cells: pd.DataFrame, title: str, unit: str, there: str, here: str, notes: Sequence[str] = ()) -> Styler:
    """A table of `_cell`s, whose caption says what is printed and what was measured."""
    more = "".join(f"<br>{html.escape(line)}" for line in notes)
    return cells.rename_axis(None).style.set_caption(
        f"<b>{html.escape(title)}</b><br>{unit}; <span style='{PAPERS}'>{html.escape(there)}</span>, "
        f"<span style='{OURS}'>{html.escape(here)}</span>{more}"
    )


def _cell(printed: str, here: str) -> str:
    style = "font-size:smaller;opacity:.6" if here == "not run" else OURS
    return f'<span style="{PAPERS}">{printed}</span><br><span style="{style}">{html.escape(here)}</span>'

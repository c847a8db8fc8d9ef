"""A study's tables: the paper's numbers and ours, in forms that cannot be mistaken for each other."""

import html
from collections.abc import Mapping, Sequence

import pandas as pd
from pandas.io.formats.style import Styler

from vireid_lib.experiment import variants
from vireid_lib.experiment.metrics import MEASURES, SCORES, SPREADS, digits_of, has_older, legend, mark, mean_and_std
from vireid_lib.experiment.papers import Column, Conditions, Table, unlike
from vireid_lib.experiment.papers import Row as PaperRow
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import changed
from vireid_lib.experiment.study import Row, Study, profile_of

OURS, PAPERS = "font-weight:600", "font-style:italic;opacity:.75"


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
    caption = f"<b>{html.escape(title)}</b><br>scores in percent; <span style='{PAPERS}'>{html.escape(there)}</span>, "
    caption += f"<span style='{OURS}'>{html.escape(here)}</span>"
    notes = [f"No printed number in {', '.join(names)}: {reason}" for reason, names in withheld.items()]
    caption += "".join(f"<br>{html.escape(note)}" for note in notes)
    return pd.DataFrame(rows).set_index("row").rename_axis(None).style.set_caption(caption)


def _cells(table: Table, name: str, row: Row | None, values: Sequence[float | None], ours: pd.DataFrame) -> dict:
    """A row of a study's table: what is printed, and ours of the study's `row`."""
    group, cells = ours[ours["row"] == row.name] if row else ours.iloc[:0], {"row": html.escape(name)}
    for measure, value in zip(table.metrics, values, strict=True):
        digits = ".2f" if measure in SCORES else ".3f" if measure in SPREADS else "g"
        own, style = "not run", "font-size:smaller;opacity:.6"
        if len(group):
            own, style = mean_and_std(group[measure], digits_of(measure)) + mark(has_older(group)), OURS
        shown = "–" if value is None else f"{value:{digits}}"
        text = f'<span style="{PAPERS}">{shown}</span><br><span style="{style}">{html.escape(own)}</span>'
        cells[MEASURES[measure]] = text
    return cells

"""A table of the paper with our rows beside it, in forms that cannot be mistaken for each other."""

import html
from collections.abc import Mapping, Sequence

import pandas as pd

from vireid_lib.experiment import variants
from vireid_lib.experiment.comparable import Conditions, conditions, unlike
from vireid_lib.experiment.papers import SCORES, SPREADS, Column, Table
from vireid_lib.experiment.papers import Row as PaperRow
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.result_tables import CAPTION, OURS, PAPERS, HtmlTable, has_older, legend, mark
from vireid_lib.experiment.settings import changed
from vireid_lib.experiment.studies.measured import MEASURES, mean_and_std
from vireid_lib.experiment.studies.study import Row, Study, profile_of


def beside_paper(
    run: Run, study: Study, measured: pd.DataFrame, number: int, *, method: str = "", also: Sequence[str] = ()
) -> HtmlTable:
    """Table `number` of the paper: in each cell the printed number (italics), below it ours, mean ± standard deviation
    over seeds (upright). Rows that were not trained say so.

    On real data a printed number stands there only if ours was measured in the same way: data set, mode, all settings
    of the protocol, and all settings of the training (`comparable.unlike`, `variants`). Its column is that of the first
    of our modes that has one; where none has, or a row has other settings, no number stands there, and the caption says
    why. In the miniature world, where only the order of rows can be compared, it is the table's first column.

    Args:
        method: with which ours were trained, if not with the paper's.
        also: rows of the study that belong here though the paper does not print them.
    """
    profile, table, trials = run.profile, study.table(number), study.paper.trials
    mode, place = _place(profile, table, list(dict.fromkeys(measured["mode"])), trials)
    column, ours = table.columns[place], measured[measured["mode"] == mode]
    rows, withheld = [], {}
    for printed in table.rows:
        row, values = study.row_of(printed, profile, method), printed.values[place]
        if not run.miniature and (why := _unlike_row(profile, mode, table, column, printed, row, trials)):
            withheld.setdefault(" and ".join(why), []).append(printed.printed)
            values = [None] * len(values)
        rows.append(_cells(table, printed.printed, row, values, ours))
    rows += [_cells(table, study.row(name).label, study.row(name), [None] * len(table.metrics), ours) for name in also]
    found = pd.DataFrame(rows)
    words = _there(table, column, run.miniature, withheld), _here(run, table, mode, method, ours), _without(withheld)
    return HtmlTable(_markup(found, table, study, *words), found)


def _place(profile: Profile, table: Table, modes: Sequence[str], trials: int) -> tuple[str, int]:
    """Our mode and the place of the table's column that can be compared, the first of both; else the nearest."""

    def distance(pair: tuple[str, int]) -> tuple[bool, bool, int]:
        mode, column = pair[0], table.columns[pair[1]]
        if column.dataset != profile.data.target:
            return True, True, 0
        why = _unlike(profile, mode, table, column, column.settings, trials)
        return False, bool(why) and column.mode != mode, len(why)

    pairs = [(mode, place) for mode in modes for place in range(len(table.columns))]
    return pairs[0] if profile.world is not None else min(pairs, key=distance)


def _unlike(
    profile: Profile, mode: str, table: Table, column: Column, settings: Mapping[str, object], trials: int
) -> list[str]:
    here = conditions(profile, mode)
    if not table.scored:  # of a generator's pictures: no protocol has a part in it
        return unlike(Conditions(here.dataset, ""), Conditions(column.dataset, ""))
    return unlike(here, Conditions(column.dataset, column.mode, settings, trials))


def _unlike_row(
    profile: Profile, mode: str, table: Table, column: Column, printed: PaperRow, row: Row | None, trials: int
) -> list[str]:
    """In what a printed number was obtained otherwise than ours, in words."""
    found = _unlike(profile, mode, table, column, printed.settings_in(column), trials)
    if row is None or not table.scored:
        return found
    theirs = changed(variants.as_published(column.dataset, row.method), printed.changes, printed.printed)
    own, theirs = (variants.resolved(each, row.training) for each in (profile_of(profile, row), theirs))
    differs = variants.difference(own, theirs)
    return [*found, f"here {variants.text(differs)}"] if differs else found


def _cells(table: Table, name: str, row: Row | None, values: Sequence[float | None], ours: pd.DataFrame) -> dict:
    group = ours[ours["row"] == row.name] if row else ours.iloc[:0]
    cells = {"row": name, "ours": row.label if row else ""}
    for measure, value in zip(table.metrics, values, strict=True):
        cells[f"{MEASURES[measure]}, printed"] = _printed(measure, value)
        cells[f"{MEASURES[measure]}, here"] = _ours(measure, group)
    return cells


def _there(table: Table, column: Column, miniature: bool, withheld: Mapping[str, Sequence[str]]) -> str:
    """What the printed numbers are."""
    if sum(map(len, withheld.values())) == len(table.rows):
        return "no printed number stands here"
    settings = [f"{key} {value}" for key, value in column.settings.items()]
    about = f"printed there, {column.printed} ({', '.join([column.dataset, column.mode, *settings])})"
    return about + ", for the order of rows alone" * miniature


def _here(run: Run, table: Table, mode: str, method: str, ours: pd.DataFrame) -> str:
    """What ours are."""
    about = ", ".join(filter(None, (run.profile.data.target, mode, method.upper())))
    others = {row.method for row in table.rows} - {method} if method else ()
    instead = f", where the paper has {' and '.join(sorted(others)).upper()}" if others else ""
    return f"measured here ({about}){instead}, mean ± standard deviation, {_seeds(ours)} seeds{legend(ours)}"


def _without(withheld: Mapping[str, Sequence[str]]) -> list[str]:
    """Which rows have no printed number, and why."""
    return [f"No printed number in {', '.join(rows)}: {reason}" for reason, rows in withheld.items()]


def _seeds(ours: pd.DataFrame) -> str:
    """ "3", or "1 to 3" where rows have different numbers of seeds."""
    counts = ours.groupby("row")["seed"].nunique()
    return f"{counts.max()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"


def _printed(measure: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if measure in SCORES else f"{value:.3f}" if measure in SPREADS else f"{value:g}"


def _ours(measure: str, group: pd.DataFrame) -> str:
    if group.empty:
        return "not run"
    return mean_and_std(measure, group[measure]) + mark(has_older(group)) if group[measure].notna().all() else "–"


def _markup(found: pd.DataFrame, table: Table, study: Study, there: str, here: str, without: Sequence[str]) -> str:
    names = [MEASURES[measure] for measure in table.metrics]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("", *names))
    body = ""
    for row in found.to_dict("records"):
        cells = "".join(_cell(row[f"{name}, printed"], row[f"{name}, here"]) for name in names)
        body += f"<tr><td>{html.escape(row['row'])}</td>{cells}</tr>"
    title = html.escape(f"{study.paper.short}, Table {table.number}: {table.title}")
    reasons = "".join(f"<br>{html.escape(line)}" for line in without)
    return (
        f'<div class="table"><table><caption style="{CAPTION}"><b>{title}</b><br>scores in percent; '
        f'<span style="{PAPERS}">{html.escape(there)}</span>, <span style="{OURS}">{html.escape(here)}</span>'
        f"{reasons}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(printed: str, here: str) -> str:
    ours = f'<small style="opacity:.6">{here}</small>' if here == "not run" else f'<span style="{OURS}">{here}</span>'
    return f'<td><span style="{PAPERS}">{printed}</span><br>{ours}</td>'

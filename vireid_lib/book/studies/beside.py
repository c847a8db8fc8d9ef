"""A table of the paper with our rows beside it, in forms that cannot be mistaken for each other."""

import html
from collections.abc import Sequence

import pandas as pd

from vireid_lib.book.book import Book
from vireid_lib.book.papers import SCORES, SPREADS, Table
from vireid_lib.book.result_tables import CAPTION, OURS, PAPERS, HtmlTable
from vireid_lib.book.studies.measured import MEASURES, mean_and_std
from vireid_lib.book.studies.study import Study


def beside_paper(
    book: Book, study: Study, measured: pd.DataFrame, number: int, *, method: str = "", also: Sequence[str] = ()
) -> HtmlTable:
    """Table `number` of the paper: in each cell the printed number (italics), below it ours, mean ± standard deviation
    over seeds (upright). Rows that were not trained say so.

    The paper's column is the one of the profile's first mode, else its first; our numbers are of the profile's data
    set, so that on the miniature world only the order of rows can be compared.

    Args:
        method: with which ours were trained, if not with the paper's.
        also: rows of the study that belong here though the paper does not print them.
    """
    table = study.table(number)
    mode = measured["mode"].iloc[0]
    place = next((place for place, column in enumerate(table.columns)
                  if (column.dataset, column.mode) == (book.profile.data.target, mode)), 0)  # fmt: skip
    ours = measured[measured["mode"] == mode]
    shown = [(printed.printed, study.row_of(printed, method), printed.values[place]) for printed in table.rows]
    shown += [(study.row(name).label, study.row(name), [None] * len(table.metrics)) for name in also]
    rows = []
    for printed, row, values in shown:
        group = ours[ours["row"] == row.name] if row else ours.iloc[:0]
        cells = {"row": printed, "ours": row.label if row else ""}
        for measure, value in zip(table.metrics, values, strict=True):
            cells[f"{MEASURES[measure]}, printed"] = _printed(measure, value)
            cells[f"{MEASURES[measure]}, here"] = _ours(measure, group)
        rows.append(cells)
    found = pd.DataFrame(rows)
    return HtmlTable(_markup(found, table, book, study, place, mode, _seeds(ours), method), found)


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
    return mean_and_std(measure, group[measure]) if group[measure].notna().all() else "–"


def _markup(
    found: pd.DataFrame, table: Table, book: Book, study: Study, place: int, mode: str, seeds: str, method: str
) -> str:  # fmt: skip
    names = [MEASURES[measure] for measure in table.metrics]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("", *names))
    body = ""
    for row in found.to_dict("records"):
        cells = "".join(_cell(row[f"{name}, printed"], row[f"{name}, here"]) for name in names)
        body += f"<tr><td>{html.escape(row['row'])}</td>{cells}</tr>"
    column, paper = table.columns[place], study.paper
    title = html.escape(f"{paper.short}, Table {table.number}: {table.title}")
    printed = html.escape(f"printed there ({column.dataset}, {column.mode})")
    about = ", ".join(filter(None, (book.profile.data.target, mode, method.upper())))
    here = html.escape(f"measured here ({about}), mean ± standard deviation, {seeds} seeds")
    return (
        f'<div class="table"><table><caption style="{CAPTION}"><b>{title}</b><br>scores in percent; '
        f'<span style="{PAPERS}">{printed}</span>, <span style="{OURS}">{here}</span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(printed: str, here: str) -> str:
    ours = f'<small style="opacity:.6">{here}</small>' if here == "not run" else f'<span style="{OURS}">{here}</span>'
    return f'<td><span style="{PAPERS}">{printed}</span><br>{ours}</td>'

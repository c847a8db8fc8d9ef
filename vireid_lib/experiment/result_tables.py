"""Result tables as HTML: our numbers and the papers' in forms that cannot be mistaken for each other."""

import html

import pandas as pd

from vireid_lib.experiment.results import OLDER, OLDER_WORDS

OURS = "font-weight:600"
PAPERS = "font-style:italic;opacity:.75"
CAPTION = "text-align:left;padding:.9rem 0 .3rem"
STATUS_MARKS = {"reproduced": "✓", "differs": "≠", "inconclusive": "~", "one seed": "?", "not yet run": "not yet run"}
METRIC_LABELS = {
    "rank_1": "rank-1",
    "rank_5": "rank-5",
    "rank_10": "rank-10",
    "rank_20": "rank-20",
    "mean_ap": "mAP",
    "mean_inp": "mINP",
}
MAIN_METRICS = ("rank-1", "mAP", "mINP")


class HtmlTable:
    """A table that a notebook shows as HTML and a terminal as text.

    Its styles are written into its elements, so that it looks the same in JupyterLab and on the page.
    """

    def __init__(self, markup: str, table: pd.DataFrame) -> None:
        self.markup, self.table = markup, table

    def _repr_html_(self) -> str:
        return self.markup

    def __repr__(self) -> str:
        return self.table.drop(columns="older", errors="ignore").to_string(index=False)


def show_main_table(table: pd.DataFrame) -> HtmlTable:
    """`results.main_table` for reading: a block for each data set, protocol and method."""
    return HtmlTable(main_table_html(table), table)


def main_table_html(table: pd.DataFrame) -> str:
    """`results.main_table` as HTML."""
    if table.empty:
        return '<p class="notice">No score has been recorded yet; chapter 4 measures them.</p>'
    groups = table.groupby(["data set", "protocol", "method"], sort=False)
    return "".join(_block(*name, rows) for name, rows in groups)


def _block(dataset: str, protocol: str, method: str, rows: pd.DataFrame) -> str:
    seeds = sorted(set(rows["seeds"]))
    if seeds == [1]:
        counted = "a single seed"
    else:
        counted = f"mean ± standard deviation over {'–'.join(map(str, dict.fromkeys([seeds[0], seeds[-1]])))} seeds"
    body = "".join(
        f"<tr><td>{html.escape(row['trained on'])}{mark(row['older'])}</td>"
        + "".join(_number_cell(row[name]) for name in MAIN_METRICS)
        + "</tr>"
        for _, row in rows.iterrows()
    )
    head = "".join(f"<th>{name}</th>" for name in ("trained on", *MAIN_METRICS))
    return (
        f'<div class="table"><table class="main-table"><caption style="{CAPTION}">'
        f"<b>{html.escape(f'{method} on {dataset}, {protocol}')}</b><br>percent, {counted}{legend(rows)}"
        "</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def has_older(rows: pd.DataFrame) -> bool:
    """Whether older code has made something of these rows, as far as they say."""
    return "older" in rows and bool(rows["older"].any())


def mark(older: bool) -> str:
    """What stands behind a number that older code has made."""
    return f" {OLDER}" if older else ""


def legend(rows: pd.DataFrame) -> str:
    """The end of a caption that says what the mark means, where one stands in the table."""
    return f"; {OLDER} {OLDER_WORDS}" if has_older(rows) else ""


def _number_cell(text: str) -> str:
    """A number over a line of its length, so that rows can be compared at a glance."""
    share = text.split(" ")[0]
    colour = "var(--accent, #0b5cad)"
    line = f"linear-gradient({colour}, {colour}) left bottom / {share}% 3px no-repeat"
    return f'<td style="min-width:7.5em;background:{line}"><span style="{OURS}">{html.escape(text)}</span></td>'


def show_papers(beside: pd.DataFrame) -> HtmlTable:
    """`results.beside_papers` for reading, table by table as the papers print them.

    In every cell the paper's numbers come first, in italics; below stands what was measured here, upright, followed
    by ✓ (reproduced), ≠ (differs), ~ (inconclusive) or ? (one seed) and the number of seeds, or of splits, that it is
    the mean of; or that it has not been run. Tables of which nothing was run are folded.
    """
    blocks = []
    for (paper, number), rows in beside.groupby(["paper", "table"], sort=False):
        metrics = " / ".join(METRIC_LABELS[name] for name in dict.fromkeys(rows["metric"]))
        columns = list(dict.fromkeys(rows["printed_column"]))
        head = "".join(f"<th>{html.escape(name)}</th>" for name in ("", *columns))
        body = ""
        for name, row in rows.groupby("printed_row", sort=False):
            cells = (row[row["printed_column"] == column] for column in columns)
            body += f"<tr><td>{html.escape(name)}</td>{''.join(map(_paper_cell, cells))}</tr>"
        title = html.escape(f"{paper}, Table {number}: {rows['title'].iloc[0]}")
        block = (
            f'<div class="table"><table><caption style="{CAPTION}"><b>{title}</b><br>{metrics} in percent; '
            f'<span style="{PAPERS}">printed there</span>, <span style="{OURS}">measured here</span>'
            f"{legend(rows)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
        if (rows["status"] == "not yet run").all():
            block = f"<details><summary>{title}: not yet run</summary>{block}</details>"
        blocks.append(block)
    return HtmlTable("".join(blocks), beside)


def _paper_cell(values: pd.DataFrame) -> str:
    """One cell: the paper's numbers, and ours or that there is none."""
    printed = " / ".join(f"{value:.2f}" for value in values["paper_value"])
    if (values["status"] == "not yet run").all():
        ours = f'<small style="opacity:.6">{STATUS_MARKS["not yet run"]}</small>'
    else:
        counted = html.escape(", ".join(dict.fromkeys(filter(None, values["over"]))))
        ours = f'<span style="{OURS}">{" / ".join(_measured(row) for _, row in values.iterrows())}</span>'
        ours += f" <small>({counted})</small>"
    return f'<td><span style="{PAPERS}">{printed}</span><br>{ours}</td>'


def _measured(row: pd.Series) -> str:
    """A number of ours with its spread, if there is one, and the sign of its status."""
    if row["seeds"] == 0:
        return "–"
    spread = f" ± {row['our_std']:.2f}" if pd.notna(row["our_std"]) else ""
    return f"{row['our_mean']:.2f}{spread} {STATUS_MARKS[row['status']]}{mark(row['older'])}"

"""Protocol trial viewer: one query, the gallery that a trial drew, and what the rule takes away from it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor

from vireid_lib.evaluation import Trial
from vireid_lib.evaluation.rules import JUNK, Rule, camera_numbers, find_rule, identity_labels
from vireid_lib.viz import Picture, gallery_sheet, widgets
from vireid_lib.viz.pictures import cameras, pixels, short

PEOPLE = 6
COLUMNS = 8
LEFT = ""  # not removed


def view_trials(trials: Sequence[Trial], rule: str) -> None:
    """Show one query with its gallery; in an interactive session, choose the trial and the query.

    Args:
        trials: as a protocol draws them.
        rule: the protocol's rule.
    """
    queries = min(len(trial.query) for trial in trials)
    start = int(np.argmax([_count(trials[0], rule, place) for place in range(min(queries, 50))]))

    def viewer(trial=1, query=start) -> Picture:
        """One query and its gallery in one trial."""
        return sheet(trials[trial - 1], rule, trials[trial - 1].query.index[query], number=(trial, len(trials)))

    widgets.explore(viewer, trial=range(1, len(trials) + 1), query=range(queries))


def fates(trial: Trial, rule: str, query: int) -> pd.DataFrame:
    """What becomes of each gallery image for one query.

    Args:
        query: index label of the query's row.

    Returns:
        the gallery's rows, with "right" (same person) and "removed": why the rule removes it, or "".
    """
    asked, gallery = trial.query.loc[[query]], trial.gallery
    found, (labels, numbers) = find_rule(rule), _coded(asked, gallery, rule)
    parts = {
        "junk": Rule("", False, junk=found.junk),
        "same person, same camera": Rule("", False, own_camera=found.own_camera),
        f"not asked from camera {short(asked['camera'].iloc[0])}": Rule("", False, blind=found.blind),
    }
    why = np.full(len(gallery), LEFT, dtype=object)
    for words, part in parts.items():
        taken = part.removed(labels[0], numbers[0], labels[1], numbers[1]).numpy()
        why[taken & (why == LEFT)] = words
    return gallery.assign(right=(labels[1] == labels[0]).numpy() & (labels[1] != JUNK).numpy(), removed=why)


def removed_by_camera(trial: Trial, rule: str) -> pd.DataFrame:
    """For each query camera (rows) and gallery camera (columns): how many gallery images a query loses, on average."""
    labels, numbers = _coded(trial.query, trial.gallery, rule)
    taken = find_rule(rule).removed(labels[0][:, None], numbers[0][:, None], labels[1], numbers[1]).numpy()
    lost = pd.DataFrame(taken, index=trial.query["camera"].to_numpy(), columns=trial.gallery["camera"].to_numpy())
    lost = lost.T.groupby(level=0).sum().T.groupby(level=0).mean()
    lost = lost.loc[cameras(trial.query), cameras(trial.gallery)]
    return lost.rename(index=short, columns=short).rename_axis("query camera").rename_axis("gallery camera", axis=1)


def sheet(trial: Trial, rule: str, query: int, *, number: tuple[int, int] = (1, 1), people: int = PEOPLE) -> Picture:
    """The query beside the gallery: people in rows, the query's own first, cameras in columns.

    Args:
        query: index label of the query's row.
        number: of the trial, and how many there are.
        people: how many of the gallery's people are shown; the numbers in the title count all.
    """
    asked, table = trial.query.loc[query], fates(trial, rule, query)
    others = sorted(set(table["identity"]) - {asked["identity"]})
    own = [asked["identity"]] if asked["identity"] in set(table["identity"]) else []
    shown = [*own, *others[: people - len(own)]]
    columns, heads = _columns(table)
    grid = [[_nth(table, name, camera, place) for camera, place in columns] for name in shown]
    rows = [row for line in grid for row in line if row is not None]
    images = dict(zip(rows, pixels(table.loc[rows]), strict=True))
    reasons = table.loc[table["removed"] != LEFT, "removed"].value_counts()
    words = "; ".join(f"{count} removed ({reason})" for reason, count in reasons.items()) or "none removed"
    left = int((table["right"] & (table["removed"] == LEFT)).sum())
    return gallery_sheet(
        pixels(trial.query.loc[[query]])[0],
        [[None if row is None else images[row] for row in line] for line in grid],
        right=[[row is not None and bool(table.at[row, "right"]) for row in line] for line in grid],
        removed=[[row is not None and table.at[row, "removed"] != LEFT for row in line] for line in grid],
        query_label=f"person {short(asked['identity'])}\ncamera {short(asked['camera'])}\n{asked['modality']}",
        row_labels=[short(name) for name in shown],
        column_labels=heads,
        title=f"Trial {number[0]} of {number[1]}: {len(table)} gallery images of {table['identity'].nunique()} people"
        f"\nFor this query: {words}\nRight images left: {left}",
    )


def _columns(table: pd.DataFrame) -> tuple[list[tuple[str, int]], list[str]]:
    """(camera, which of a person's images) of each column, and its heading."""
    places = cameras(table)
    most = table.groupby(["identity", "camera"]).size().groupby("camera").max()
    room = max(1, COLUMNS // len(places))
    columns = [(camera, place) for camera in places for place in range(min(room, most[camera]))]
    modality = dict(zip(table["camera"], table["modality"], strict=True))
    heads = ["" if place else f"camera {short(camera)}\n{modality[camera]}" for camera, place in columns]
    return columns, heads


def _nth(table: pd.DataFrame, identity: str, camera: str, place: int) -> int | None:
    rows = table.index[(table["identity"] == identity) & (table["camera"] == camera)]
    return int(rows[place]) if place < len(rows) else None


def _count(trial: Trial, rule: str, place: int) -> int:
    """How much the rule takes from a query's gallery: the first figure shows where it takes most."""
    return int((fates(trial, rule, trial.query.index[place])["removed"] != LEFT).sum())


def _coded(
    query: pd.DataFrame, gallery: pd.DataFrame, rule: str
) -> tuple[list[Int[Tensor, " images"]], list[Int[Tensor, " images"]]]:
    """Labels of (queries, gallery) and camera numbers of (queries, gallery), as rules take them."""
    names = (query["identity"].to_numpy(), gallery["identity"].to_numpy())
    labels = identity_labels(*names, len(query), len(gallery), junk=find_rule(rule).junk)
    numbers = [camera_numbers(part["camera"].to_numpy(), "cameras", len(part)) for part in (query, gallery)]
    return [torch.from_numpy(each) for each in labels], [torch.from_numpy(each) for each in numbers]

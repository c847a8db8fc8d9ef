"""A query beside its gallery, sorted by person and camera."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from vireid_lib.viz.data import FADED
from vireid_lib.viz.images import Image, _frame
from vireid_lib.viz.style import INK, QUIET, RIGHT, Picture, bare, styled

ASKING = 1.7  # inches for the query


@styled
def gallery_sheet(
    query: Image,
    images: Sequence[Sequence[Image | None]],
    *,
    right: Sequence[Sequence[bool]],
    removed: Sequence[Sequence[bool]],
    query_label: str = "",
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    title: str = "",
    cell: float = 0.86,
) -> Picture:
    """The query at the left, the gallery as rows of people; removed images faded, right ones framed and ticked.

    Args:
        images: one sequence per row, None where there is none.
        right: whether each shows the query's person.
        removed: whether the rule takes it out.
    """
    ratio = query.shape[1] / query.shape[0]
    columns, lines = len(images[0]), len(images)
    width = columns * (cell * ratio + 0.3) + 0.6
    picture = Picture(ASKING + width, 1.05 + lines * (cell + 0.19), title or "A query and its gallery")
    left, rest = picture.subfigures(1, 2, width_ratios=[ASKING, width])
    asking = left.subplots(2, 1, height_ratios=[1, max(1e-3, lines / 2 - 1)])
    asking[1].set_visible(False)
    _show(asking[0], query, query_label, 8, INK)
    asking[0].set_title("query", fontsize=8, fontweight="bold", color=INK, loc="center", pad=5)
    grid = rest.subplots(lines, columns, squeeze=False)
    for row, line in enumerate(images):
        for column, image in enumerate(line):
            faded, found = removed[row][column], right[row][column]
            shown = np.full_like(query, 255) if image is None else image
            if faded:
                shown = (255 - FADED * (255 - shown.astype(float))).astype(np.uint8)
            words = "removed" if faded else "✓ right" if found else ""
            _show(grid[row, column], shown, words, 6.5, QUIET if faded else RIGHT)
            if found:
                _frame(grid[row, column], QUIET if faded else RIGHT, (0, (2, 1)) if faded else "-")
    for axes, label in zip(grid[0], column_labels, strict=False):
        axes.set_title(label, fontsize=7.5, fontweight="normal", color=QUIET, loc="center", pad=5)
    for axes, label in zip(grid[:, 0], row_labels, strict=False):
        axes.set_ylabel(label, rotation=0, ha="right", va="center", color=INK, labelpad=8)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold")
    return picture


def _show(axes: Axes, image: Image, below: str, size: float, colour: str) -> None:
    axes.imshow(image)
    bare(axes)
    axes.set_xlabel(below or " ", fontsize=size, color=colour, labelpad=1.5)

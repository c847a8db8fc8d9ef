"""Figures about data and protocols: materials in two lights, what carries over, one query's gallery, luck."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from vireid_lib.viz.images import Image, _frame, _grid, _overlay
from vireid_lib.viz.style import INK, LINE, QUIET, RIGHT, SERIES, WRONG, Picture, styled

FADED = 0.25  # how much of a removed image is left
HALF = 0.36  # height of one of two bars


@styled
def materials(table: pd.DataFrame, *, slope: float | None = None, title: str = "") -> Picture:
    """Infrared brightness of many pieces of clothing over their luminance, each a dot in its own colour.

    Args:
        table: columns luminance, infrared, red, green, blue, all 0..1.
        slope: of the law by which luminance explains infrared brightness; drawn as a line through the middle.
    """
    picture = Picture(4.6, 4.2, title or f"{len(table)} materials: infrared brightness over luminance")
    axes = picture.subplots()
    if slope is not None:
        middle = table[["luminance", "infrared"]].mean()
        ends = np.array([0.0, 1.0])
        line = middle["infrared"] + slope * (ends - middle["luminance"])
        axes.plot(ends, line, color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.scatter(
        table["luminance"],
        table["infrared"],
        c=table[["red", "green", "blue"]].to_numpy(),
        s=26,
        edgecolors=LINE,
        linewidths=0.5,
        zorder=2,
    )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="luminance in visible light (0 black, 1 white)")
    axes.set_ylabel("brightness in infrared (0 black, 1 white)")
    axes.set_aspect("equal")
    axes.set_title(title)
    return picture


@styled
def carried_over(table: pd.DataFrame, *, title: str = "") -> Picture:
    """Correlations of descriptors between visible cameras, and between visible and infrared ones.

    Args:
        table: as `vireid_lib.analysis.cross_modal_correlation.cross_modal_correlation` returns it.
    """
    picture = Picture(7.2, 0.9 + 0.5 * len(table), title or "Correlation over identities, per descriptor")
    axes = picture.subplots()
    places = np.arange(len(table))
    for shift, name, colour in ((-HALF / 2, "visible–visible", QUIET), (HALF / 2, "visible–infrared", SERIES[0])):
        values = table[name].to_numpy(float)
        axes.barh(places + shift, np.nan_to_num(values), height=HALF, color=colour, alpha=0.85, label=name)
        for place, value in zip(places + shift, values, strict=True):
            text = "constant" if np.isnan(value) else f"{value:+.2f}"
            axes.annotate(
                text,
                (max(0.0, np.nan_to_num(value)), place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color=INK,
            )
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(places, table.index, color=INK)
    axes.invert_yaxis()
    lowest = float(np.nanmin(table[["visible–visible", "visible–infrared"]].to_numpy(float)))
    axes.set_xlim(min(-0.1, lowest - 0.1), 1.12)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"correlation over {int(table['identities'].iloc[0])} identities (1 the same, 0 unrelated)")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), ncols=2)
    axes.set_title(title)
    return picture


@styled
def ranked_gallery(
    query: Image,
    images: Sequence[Image],
    ranking: pd.DataFrame,
    *,
    columns: int = 12,
    cell: float = 1.05,
    title: str = "",
) -> Picture:
    """One query and its ranked gallery: right and wrong images framed and marked, removed ones faded.

    Args:
        images: in the order of the rows of `ranking`.
        ranking: as `vireid_lib.analysis.retrieval.ranked` returns it, or its first rows.
    """
    lines = -(-len(images) // columns)
    ratio = query.shape[1] / query.shape[0]
    picture, axes = _grid(lines, columns + 1, cell * ratio + 0.12, cell + 0.36, title, False, True)
    picture.get_layout_engine().set(w_pad=0.04, h_pad=0.06)
    axes[0, 0].imshow(query)
    axes[0, 0].set_title("query", fontsize=8, fontweight="bold", color=INK, loc="center", pad=5)
    for place, (image, row) in enumerate(zip(images, ranking.itertuples(), strict=True)):
        axis = axes[place // columns, place % columns + 1]
        camera = str(row.camera).rsplit("/", 1)[-1]
        if row.removed:
            axis.imshow((255 - FADED * (255 - image.astype(float))).astype(np.uint8))
            axis.set_xlabel(f"removed\ncam. {camera}", fontsize=7, color=QUIET, labelpad=2)
            continue
        axis.imshow(image)
        colour = RIGHT if row.right else WRONG
        _frame(axis, colour, "-" if row.right else (0, (2, 1)))
        sign = "✓" if row.right else "✗"
        axis.set_xlabel(f"{row.rank} {sign}\ncam. {camera}", fontsize=7, color=colour, labelpad=2)
    return picture


@styled
def explanations(
    images: Sequence[Image],
    maps: Mapping[str, Sequence[Float[np.ndarray, "map_height map_width"]]],
    *,
    labels: Sequence[str] = (),
    cell: float = 1.6,
    title: str = "",
) -> Picture:
    """Images, and below them the same images under each kind of heat map, each map from 0 to its own maximum.

    Args:
        maps: kind of map → one map per image; what is negative is drawn as 0.
        labels: above the images.
    """
    ratio = images[0].shape[1] / images[0].shape[0]
    picture, axes = _grid(1 + len(maps), len(images), cell * ratio, cell, title, True, bool(labels))
    for column, image in enumerate(images):
        axes[0, column].imshow(image)
        for row, kind in enumerate(maps.values(), start=1):
            _overlay(axes[row, column], image, np.maximum(kind[column], 0), 0.0, max(float(kind[column].max()), 0.0))
        if labels:
            axes[0, column].set_title(labels[column], fontsize=8, fontweight="normal", color=QUIET, loc="center")
    for row, label in enumerate(("image", *maps)):
        axes[row, 0].set_ylabel(label, rotation=0, ha="right", va="center", color=QUIET, labelpad=8)
    return picture

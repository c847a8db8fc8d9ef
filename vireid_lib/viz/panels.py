"""Figures of several panels or runs: one projection coloured three ways, training curves of several runs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes

from vireid_lib.viz.style import (
    EDGE,
    MODALITY_COLOURS,
    MODALITY_MARKERS,
    QUIET,
    SERIES,
    Picture,
    bare,
    identity_colours,
    styled,
)

SMOOTHING = 0.05  # share of the records that a curve averages over
MARKERS = ("o", "s", "^", "D")


@styled
def projection(
    points: Float[np.ndarray, "images 2"],
    *,
    identities: Sequence[str],
    modalities: Sequence[str],
    cameras: Sequence[str],
    title: str = "",
) -> Picture:
    """One projection, three times: coloured by identity, by modality and by camera; markers are modalities. Raises
    ValueError if the inputs have different lengths."""
    if not len(points) == len(identities) == len(modalities) == len(cameras):
        raise ValueError(
            f"projection got {len(points)} points, {len(identities)} identities, {len(modalities)} modalities and "
            f"{len(cameras)} cameras; give one of each per image."
        )
    picture = Picture(9.6, 4.3, title or f"Projection of {len(points)} images, by identity, modality and camera")
    places = sorted(set(cameras))
    schemes = {
        "identity": (identities, identity_colours(identities)),
        "modality": (modalities, MODALITY_COLOURS),
        "camera": (cameras, {name: SERIES[place % len(SERIES)] for place, name in enumerate(places)}),
    }
    for axes, (name, (labels, colours)) in zip(picture.subplots(1, 3), schemes.items(), strict=True):
        _panel(axes, points, labels, modalities, colours)
        shown = {label: colour for label, colour in colours.items() if label in set(labels)}
        for label, colour in shown.items():
            axes.plot([], [], "o", color=colour, markersize=5, label=label.rsplit("/", 1)[-1])
        columns = len(shown) if len(shown) <= 6 else 5
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            ncols=columns,
            handletextpad=0.1,
            columnspacing=0.8,
            fontsize=7.5,
        )
        axes.set_title(f"by {name}")
    picture.supxlabel("first dimension (no unit)", fontsize=8, color=QUIET)
    picture.supylabel("second dimension (no unit)", fontsize=8, color=QUIET)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return picture


def _panel(
    axes: Axes, points: np.ndarray, labels: Sequence[str], modalities: Sequence[str], colours: Mapping[str, str]
) -> None:
    bare(axes)
    modalities = np.asarray(modalities, dtype=object)
    painted = np.asarray([colours[label] for label in labels])
    for modality, marker in MODALITY_MARKERS.items():
        chosen = modalities == modality
        axes.scatter(*points[chosen].T, s=26, marker=marker, c=painted[chosen], edgecolors=[EDGE], linewidths=0.5)
    # Each axis has its own scale: in t-SNE neither has a unit, and the panel is used in full.
    axes.set_box_aspect(1)
    axes.margins(0.06)


@styled
def training_curves(
    runs: Mapping[str, Sequence[pd.DataFrame]], column: str, *, axis: str = "", title: str = ""
) -> Picture:
    """One column of the history of several runs: a smoothed line for each seed, in one colour per name.

    Args:
        runs: name → histories (column `step` and the terms), one per seed.
        column: which term, e.g. "total".
        axis: what it is, with its unit.
    """
    picture = Picture(7.2, 3.3, title or f"{column} over training steps: {', '.join(runs)}")
    axes = picture.subplots()
    for place, (name, histories) in enumerate(runs.items()):
        colour = SERIES[place % len(SERIES)]
        for number, history in enumerate(histories):
            window = max(1, round(SMOOTHING * len(history)))
            smooth = history[column].rolling(window, min_periods=1, center=True).mean()
            label = name if number == 0 else None
            axes.plot(history["step"], smooth, color=colour, linewidth=1.3, alpha=0.8, label=label)
    axes.set_xlabel("step")
    axes.set_ylabel(axis or column)
    axes.margins(x=0.01)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set_title(title)
    return picture


@styled
def against(
    table: pd.DataFrame, *, x: str, y: str, label: str, x_axis: str, y_axis: str, zero: bool = True, title: str = ""
) -> Picture:
    """Named points with their standard deviations in both directions.

    Args:
        table: columns `x`, `x`_std, `y`, `y`_std and `label`.
        x_axis, y_axis: what the axes show, with their units.
        zero: draw a line at y = 0.
    """
    picture = Picture(7.2, 3.6, title or f"{y_axis} over {x_axis}")
    axes = picture.subplots()
    for place, row in enumerate(table.to_dict("records")):
        colour = SERIES[place % len(SERIES)]
        errors = {f"{way}err": row[f"{name}_std"] for way, name in (("x", x), ("y", y)) if pd.notna(row[f"{name}_std"])}
        marker = MARKERS[place // len(SERIES) % len(MARKERS)]  # where the colours begin again
        axes.errorbar(row[x], row[y], **errors, fmt=marker, color=colour, capsize=3, elinewidth=1.2, label=row[label])
    if zero:
        axes.axhline(0, color=QUIET, linewidth=0.8)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), labelcolor="linecolor")
    axes.margins(x=0.1, y=0.15)
    axes.set_xlabel(x_axis)
    axes.set_ylabel(y_axis)
    axes.set_title(title)
    return picture

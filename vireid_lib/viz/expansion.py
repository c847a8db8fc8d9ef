"""Methods with and without something, as pairs of points."""

import numpy as np
import pandas as pd

from vireid_lib.viz.style import INK, QUIET, SERIES, Picture, styled


@styled
def with_and_without(table: pd.DataFrame, *, names: tuple[str, str], axis: str, title: str = "") -> Picture:
    """Two dots for each label, joined by an arrow from the first to the second; several seeds as small dots.

    Args:
        table: columns label, side (0 or 1) and value; one row per seed.
        names: what the sides are.
        axis: what is measured, with its unit.
    """
    labels = list(dict.fromkeys(table["label"]))
    picture = Picture(7.2, 1.2 + 0.55 * len(labels), title or f"{axis}, {names[0]} and {names[1]}: {', '.join(labels)}")
    axes = picture.subplots()
    for place, label in enumerate(labels):
        own = table[table["label"] == label].groupby("side")["value"]
        means, deviations = own.mean(), own.std(ddof=1)
        if len(means) == 2:
            axes.annotate(
                "",
                (means[1], place),
                (means[0], place),
                arrowprops={"arrowstyle": "->", "color": QUIET, "linewidth": 1.3, "shrinkA": 5, "shrinkB": 5},
            )
            text = f"{means[1] - means[0]:+.1f}"
            axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontweight="bold")
        for side, mean in means.items():
            shift = 0.16 if side else -0.16
            values = own.get_group(side)
            if len(values) > 1:
                axes.plot(
                    values,
                    np.full(len(values), place + shift),
                    "o",
                    color="white",
                    markersize=3.4,
                    markeredgecolor=SERIES[side],
                    alpha=0.9,
                )
            if deviations[side] > 0:
                axes.plot(
                    [mean - deviations[side], mean + deviations[side]],
                    [place + shift] * 2,
                    color=SERIES[side],
                    linewidth=1.1,
                    alpha=0.6,
                    zorder=1,
                )
            axes.plot(mean, place, "o", color=SERIES[side], markersize=8, zorder=3)
    for side, name in enumerate(names):
        axes.plot([], [], "o", color=SERIES[side], markersize=7, label=name)
    axes.set_yticks(range(len(labels)), labels, color=INK)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(axis)
    picture.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=2, handlelength=1)
    axes.set_title(title)
    return picture

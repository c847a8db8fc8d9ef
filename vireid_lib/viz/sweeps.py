"""What a setting does: distances within and between people for several networks, scores over a setting's values."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from vireid_lib.viz.style import INK, QUIET, SERIES, Picture, styled

WITHIN, BETWEEN = SERIES[0], SERIES[2]


@styled
def distance_panels(
    networks: Mapping[str, tuple[Float[np.ndarray, " same"], Float[np.ndarray, " different"]]],
    *,
    axis: str = "cosine distance",
    title: str = "",
    bins: int = 60,
) -> Picture:
    """Histograms of distances within and between people, a panel per network, with their means and what δ is between.

    Args:
        networks: name → distances of pairs of the same person, and of different people.
        axis: which distance.
    """
    alt = f"{axis} within and between people: {', '.join(networks)}"
    picture = Picture(7.2, 0.9 + 1.15 * len(networks), title or alt)
    grid = picture.subplots(len(networks), 1, sharex=True, squeeze=False)[:, 0]
    values = np.concatenate([part for pair in networks.values() for part in pair])
    edges = np.linspace(values.min(), values.max(), bins + 1)
    for axes, (name, pair) in zip(grid, networks.items(), strict=True):
        tallest = 0.0
        for part, colour, label in zip(pair, (WITHIN, BETWEEN), ("same person", "different people"), strict=True):
            heights, _ = np.histogram(part, edges, density=True)
            tallest = max(tallest, heights.max())
            axes.stairs(heights, edges, fill=True, color=colour, alpha=0.18)
            axes.stairs(heights, edges, color=colour, linewidth=1.4, label=label)
            axes.axvline(part.mean(), color=colour, linewidth=1, linestyle=(0, (4, 3)))
        same, different = (part.mean() for part in pair)
        axes.set_ylim(0, 1.3 * tallest)
        axes.annotate(
            "",
            (different, 1.12 * tallest),
            (same, 1.12 * tallest),
            arrowprops={"arrowstyle": "<->", "color": INK, "linewidth": 1, "shrinkA": 0, "shrinkB": 0},
        )
        axes.annotate(
            f"δ = {different - same:.3f}",
            (max(same, different), 1.12 * tallest),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", color=INK)
    grid[-1].set_xlabel(f"{axis} of a visible and an infrared image")
    picture.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return picture


@styled
def sweeps(curves: Mapping[str, pd.DataFrame], *, y: str, title: str = "") -> Picture:
    """A score over the values of several settings, one panel each, on one scale.

    Args:
        curves: setting → columns "value", "mean", "std" (NaN for one seed) and "paper" (True at the paper's value,
            which is drawn filled).
        y: what the score is, with its unit.
    """
    picture = Picture(2.1 + 1.9 * len(curves), 2.7, title or f"{y} over {', '.join(curves)}")
    grid = picture.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for place, (axes, (name, table)) in enumerate(zip(grid, curves.items(), strict=True)):
        table, colour = table.sort_values("value"), SERIES[place % len(SERIES)]
        positions = np.arange(len(table))  # settings differ by factors: even steps keep them apart
        axes.errorbar(positions, table["mean"], yerr=table["std"].fillna(0), color=colour, capsize=3, elinewidth=1.2)
        for position, row in zip(positions, table.to_dict("records"), strict=True):
            face = colour if row["paper"] else "white"
            axes.plot(position, row["mean"], "o", color=colour, markerfacecolor=face, zorder=3)
        axes.set_xticks(positions, [f"{value:g}" for value in table["value"]])
        axes.set_xlabel(name, color=QUIET)
        axes.margins(x=0.15)
    grid[0].set_ylabel(y)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return picture

"""Charts about the generator: curves, differences, brightness, attention."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from vireid_lib.viz.style import INK, QUIET, SERIES, Picture, styled


@styled
def lines(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    title: str = "",
    logarithmic: bool = False,
    markers: bool = False,
) -> Picture:
    """Curves over one axis, named at the right.

    Args:
        curves: name → (places, values).
        x, y: what the axes show, with their units.
    """
    picture = Picture(7.2, 3.3, title or f"{y} over {x}: {', '.join(curves)}")
    axes = picture.subplots()
    for place, (name, (places, values)) in enumerate(curves.items()):
        axes.plot(
            places, values, color=SERIES[place % len(SERIES)], label=name, marker="o" if markers else "", markersize=4
        )
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_yscale("log" if logarithmic else "linear")
    if all(float(place).is_integer() for places, _ in curves.values() for place in places):
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.margins(x=0.01)
    _legend_below(picture, axes)
    axes.set_title(title)
    return picture


def _legend_below(picture: Picture, axes: Axes, **options: object) -> None:
    """A legend that takes room from the figure's lower end, however tall the figure is."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 2 if max(len(label) for label in labels) > 24 else 4
    picture.legend(handles, labels, loc="outside lower left", ncols=columns, handlelength=1.4, **options)


@styled
def differences(
    labels: Sequence[str],
    means: Sequence[float],
    margins: Sequence[float],
    *,
    axis: str,
    title: str = "",
    groups: Sequence[str] = (),
    established: Sequence[bool] = (),
) -> Picture:
    """Differences from zero with their intervals; a hollow dot is a difference that is not established.

    Args:
        margins: half widths of the intervals; NaN draws the mean alone.
        axis: what differs, with its unit and the kind of interval.
        groups: a group for each label, drawn in its own colour.
        established: for each label; empty takes the differences whose interval leaves out zero.
    """
    picture = Picture(7.2, 1.1 + 0.4 * len(labels), title or f"Differences of {axis}: {', '.join(labels)}")
    axes = picture.subplots()
    kinds = list(dict.fromkeys(groups))
    for place, (mean, margin) in enumerate(zip(means, margins, strict=True)):
        colour = SERIES[kinds.index(groups[place]) % len(SERIES)] if kinds else SERIES[0]
        known = not np.isnan(margin)
        full = established[place] if len(established) else known and abs(mean) > margin
        axes.errorbar(
            mean,
            place,
            xerr=margin if known else None,
            fmt="o",
            color=colour,
            elinewidth=1.8,
            capsize=3,
            markerfacecolor=colour if full else "white",
        )
        text = f"{mean:+.1f}" + (f" ± {margin:.1f}" if known else "")
        axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontweight="bold")
    axes.axvline(0, color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
    axes.set_yticks(range(len(labels)), labels, color=INK)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(axis)
    for place, kind in enumerate(kinds):
        axes.plot([], [], "o", color=SERIES[place % len(SERIES)], label=kind)
    if kinds:
        _legend_below(picture, axes)
    axes.set_title(title)
    return picture


@styled
def grouped_points(
    table: pd.DataFrame,
    *,
    x: str,
    group: str,
    value: str,
    spread: str,
    even: float | None = None,
    axis: str = "",
    title: str = "",
) -> Picture:
    """Means with deviations, side by side for each group: attention by piece of the prompt and resolution, say.

    Args:
        x: column whose values stand along the axis; group: column that gives the colour.
        value, spread: columns of means and standard deviations.
        even: a level to draw a line at.
    """
    picture = Picture(7.2, 3.2, title or f"{value} by {x} and {group}")
    axes = picture.subplots()
    places, groups = list(dict.fromkeys(table[x])), list(dict.fromkeys(table[group]))
    for number, name in enumerate(groups):
        own = table[table[group] == name].set_index(x).reindex(places)
        shift = (number - (len(groups) - 1) / 2) * 0.6 / len(groups)
        axes.errorbar(
            np.arange(len(places)) + shift,
            own[value],
            yerr=own[spread],
            fmt="o",
            label=str(name),
            color=SERIES[number % len(SERIES)],
            elinewidth=1.4,
            capsize=2.5,
            markersize=5,
        )
    if even is not None:
        axes.axhline(even, color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
    axes.set_xticks(range(len(places)), places, color=INK)
    axes.grid(axis="x", visible=False)
    axes.set_ylabel(axis or value)
    _legend_below(picture, axes, title=group, alignment="left")
    axes.set_title(title)
    return picture

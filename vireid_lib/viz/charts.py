"""Charts of numbers: bars, differences with their intervals."""

from collections.abc import Sequence

import numpy as np

from vireid_lib.viz.style import INK, QUIET, SERIES, Picture, styled


@styled
def bars(
    labels: Sequence[str],
    means: Sequence[float],
    deviations: Sequence[float],
    *,
    points: Sequence[Sequence[float]] = (),
    axis: str = "rank-1 (%)",
    title: str = "",
) -> Picture:
    """Horizontal bars, mean ± standard deviation, with every seed as a dot; a dashed line compares with the first.

    Args:
        deviations: standard deviations; NaN where there is one value only.
        points: the single values behind each mean.
        axis: what is measured, with its unit.
    """
    picture = Picture(7.2, 0.9 + 0.42 * len(labels), title or f"Bars of {axis}: {', '.join(labels)}")
    axes = picture.subplots()
    places = np.arange(len(labels))
    axes.barh(places, means, height=0.62, color=[QUIET, *[SERIES[0]] * (len(labels) - 1)], alpha=0.85)
    spread = np.nan_to_num(np.asarray(deviations, dtype=float))
    drawn, line = spread > 0, {"fmt": "none", "ecolor": INK, "elinewidth": 1.3, "capsize": 3}
    axes.errorbar(np.asarray(means)[drawn], places[drawn], xerr=spread[drawn], **line)
    right = max(mean + error for mean, error in zip(means, spread, strict=True))
    for place, values in enumerate(points):
        axes.plot(values, np.full(len(values), place), "o", color="white", markeredgecolor=INK, markersize=3.6)
        right = max(right, *values)
    for place, (mean, error) in enumerate(zip(means, spread, strict=True)):
        text = f"{mean:.1f} ± {error:.1f}" if error else f"{mean:.1f}"
        axes.annotate(text, (right, place), xytext=(8, 0), textcoords="offset points", va="center", fontweight="bold")
    axes.axvline(means[0], color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
    axes.set_yticks(places, labels, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, right * 1.16)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(axis)
    axes.set_title(title)
    return picture


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
        look = {"fmt": "o", "color": colour, "markerfacecolor": colour if full else "white"}
        axes.errorbar(mean, place, xerr=margin if known else None, elinewidth=1.8, capsize=3, **look)
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
        columns = 2 if max(map(len, kinds)) > 24 else 4
        picture.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=columns, handlelength=1.4)
    axes.set_title(title)
    return picture

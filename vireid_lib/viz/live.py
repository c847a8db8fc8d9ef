"""Curves of trainings that are under way, with how far each is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.ticker import MaxNLocator

from vireid_lib.viz.style import QUIET, SERIES, Picture, bare, styled

SMOOTHING = 0.05  # share of the records that a curve averages over


@dataclass(frozen=True, eq=False)
class Curve:
    """One training.

    Attributes:
        group: curves of one group have one colour.
        label: what it is and how far.
        values: columns "step" and "value"; may be empty.
        finished: finished ones are thin, and stand in the legend once per group.
    """

    group: str
    label: str
    values: pd.DataFrame
    finished: bool


@styled
def live_curves(panels: Mapping[str, Sequence[Curve]], *, title: str = "") -> Picture:
    """A panel for each kind of training; what is unfinished is drawn strong, ends in a dot and says how far it is."""
    lines = [
        sum(not curve.finished for curve in curves) + len({c.group for c in curves if c.finished})
        for curves in panels.values()
    ]
    heights = [max(2.3, 0.5 + 0.18 * count) for count in lines]
    words = "; ".join(curve.label for curves in panels.values() for curve in curves if not curve.finished)
    picture = Picture(9.6, sum(heights) + 0.2, title or f"Losses of trainings: {words or 'all finished'}")
    grid = picture.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (name, curves) in zip(grid, panels.items(), strict=True):
        groups = list(dict.fromkeys(curve.group for curve in curves))
        counts = {group: sum(curve.finished for curve in curves if curve.group == group) for group in groups}
        named = set()
        for curve in curves:
            colour = SERIES[groups.index(curve.group) % len(SERIES)]
            label = curve.label
            if curve.finished:
                label = None if curve.group in named else f"{curve.group}: {counts[curve.group]} finished"
                named.add(curve.group)
            _curve(axes, curve, colour, label)
        axes.set_title(name)
        axes.set(xlabel="training step", ylabel="loss (no unit)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.01)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.03), labelspacing=0.3, handlelength=1.2)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return picture


def _curve(axes, curve: Curve, colour: str, label: str | None) -> None:
    if curve.values.empty:
        axes.plot([], [], color=colour, label=label)
        return
    window = max(1, round(SMOOTHING * len(curve.values)))
    smooth = curve.values["value"].rolling(window, min_periods=1, center=True).mean()
    style = {"linewidth": 0.9, "alpha": 0.55} if curve.finished else {"linewidth": 2.2}
    axes.plot(curve.values["step"], smooth, color=colour, label=label, **style)
    if not curve.finished:
        axes.plot(curve.values["step"].iloc[-1], smooth.iloc[-1], "o", color=colour, markersize=5)


@styled
def nothing_yet(words: str) -> Picture:
    """A picture that says so: what is to be seen later."""
    picture = Picture(7.2, 0.6, words)
    axes = picture.subplots()
    bare(axes)
    axes.annotate(words, (0, 0.5), xycoords="axes fraction", color=QUIET, va="center")
    return picture

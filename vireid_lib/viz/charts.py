"""Charts: loss curves, bars with deviations, distance histograms."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from vireid_lib.viz.style import INK, QUIET, SERIES, Picture, styled

SMOOTHING = 0.05  # share of the steps that a smoothed curve averages over


@styled
def loss_curves(
    history: pd.DataFrame, *, terms: Sequence[str] = (), title: str = "", logarithmic: bool = False
) -> Picture:
    """Loss terms over steps: each value faint, a running mean on top.

    Args:
        history: column `step` and one column per term, as `training.loop.train` returns it.
        terms: the columns to draw; empty draws all.

    Raises:
        ValueError: there is no such term.
    """
    terms = list(terms) or [name for name in history.columns if name != "step"]
    for name in terms:
        if name not in history.columns:
            raise ValueError(f"history has no term {name}; it has {', '.join(history.columns)}.")
    picture = Picture(7.2, 3.1, title or f"Curves of {', '.join(terms)} over training steps")
    axes = picture.subplots()
    window = max(1, round(SMOOTHING * len(history)))
    for place, name in enumerate(terms):
        colour = SERIES[place % len(SERIES)]
        values = history[name].astype(float)
        smooth = values.rolling(window, min_periods=1, center=True).mean()
        axes.plot(history["step"], values, color=colour, alpha=0.22, linewidth=0.8)
        axes.plot(history["step"], smooth, color=colour, label=name)
    axes.set_xlabel("step")
    axes.set_ylabel("loss (no unit)")
    axes.set_yscale("log" if logarithmic else "linear")
    axes.margins(x=0.01)
    axes.legend(loc="upper right", labelcolor="linecolor")
    axes.set_title(title)
    return picture


@styled
def bars(
    labels: Sequence[str],
    means: Sequence[float],
    deviations: Sequence[float] | None = None,
    *,
    points: Sequence[Sequence[float]] | None = None,
    axis: str = "rank-1 (%)",
    reference: int | None = 0,
    title: str = "",
) -> Picture:
    """Horizontal bars, mean ± standard deviation, with every seed as a dot.

    Args:
        deviations: standard deviations; NaN where there is one value only.
        points: the single values behind each mean.
        axis: what is measured, with its unit.
        reference: the bar that the others are compared with, by a dashed line; None for none.
    """
    picture = Picture(7.2, 0.9 + 0.42 * len(labels), title or f"Bars of {axis}: {', '.join(labels)}")
    axes = picture.subplots()
    places = np.arange(len(labels))
    colours = [QUIET if place == reference else SERIES[0] for place in places]
    axes.barh(places, means, height=0.62, color=colours, alpha=0.85)
    spread = np.zeros(len(labels)) if deviations is None else np.nan_to_num(np.asarray(deviations, dtype=float))
    drawn = spread > 0
    axes.errorbar(
        np.asarray(means)[drawn], places[drawn], xerr=spread[drawn], fmt="none", ecolor=INK, elinewidth=1.3, capsize=3
    )
    right = max(mean + error for mean, error in zip(means, spread, strict=True))
    for place, values in enumerate(points or ()):
        axes.plot(values, np.full(len(values), place), "o", color="white", markeredgecolor=INK, markersize=3.6)
        right = max(right, *values)
    for place, (mean, error) in enumerate(zip(means, spread, strict=True)):
        text = f"{mean:.1f} ± {error:.1f}" if error else f"{mean:.1f}"
        axes.annotate(text, (right, place), xytext=(8, 0), textcoords="offset points", va="center", fontweight="bold")
    if reference is not None:
        axes.axvline(means[reference], color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
    axes.set_yticks(places, labels, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(0, right * 1.16)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(axis)
    axes.set_title(title)
    return picture


@styled
def distance_histograms(
    groups: Mapping[str, Float[np.ndarray, " pairs"]], *, axis: str = "distance", title: str = "", bins: int = 60
) -> Picture:
    """Distributions of distances, one outline per group, with each group's mean as a vertical line.

    Args:
        groups: name, such as "same person, across modalities" → distances.
        axis: which distance.
    """
    picture = Picture(7.2, 3.1, title or f"Histograms of {axis}: {', '.join(groups)}")
    axes = picture.subplots()
    low = min(float(values.min()) for values in groups.values())
    high = max(float(values.max()) for values in groups.values())
    edges = np.linspace(low, high, bins + 1)
    for place, (name, values) in enumerate(groups.items()):
        colour = SERIES[place % len(SERIES)]
        heights, _ = np.histogram(values, edges, density=True)
        axes.stairs(heights, edges, fill=True, color=colour, alpha=0.18)
        axes.stairs(heights, edges, color=colour, linewidth=1.5, label=f"{name} (mean {values.mean():.2f})")
        axes.axvline(values.mean(), color=colour, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xlabel(axis)
    axes.set_ylabel("density of pairs")
    columns = 2 if max(map(len, groups)) < 32 else 1
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=columns, handlelength=1)
    axes.set_title(title)
    return picture

"""Charts of numbers: bars, differences with their intervals, projections, training curves, two measures."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vireid_lib.viz import style
from vireid_lib.viz.style import INK, QUIET, SERIES

SMOOTHING = 0.05  # share of the records that a curve averages over
MARKERS = ("o", "s", "^", "D")  # where the colours begin again


def _chart(height: float, title: str, what: str) -> tuple[Figure, Axes]:
    """A figure of a page's width with one chart, its title, and in words what it shows."""
    picture = style.picture(7.2, height, title or what)
    axes = picture.subplots()
    axes.set_title(title)
    return picture, axes


def bars(values: Mapping[str, Sequence[float]], *, axis: str = "rank-1 (%)", title: str = "") -> Figure:
    """Horizontal bars, the mean ± standard deviation of the values of each label (one for each seed), which are dots; a
    dashed line compares with the first. `axis`: what is measured, with its unit."""
    picture, axes = _chart(0.9 + 0.42 * len(values), title, f"Bars of {axis}: {', '.join(values)}")
    table = pd.DataFrame({name: pd.Series(own).agg(["mean", "std"]) for name, own in values.items()}).T
    colours, errors = [QUIET, *[SERIES[0]] * (len(table) - 1)], {"ecolor": INK, "elinewidth": 1.3, "capsize": 3}
    axes.barh(range(len(table)), table["mean"], 0.62, xerr=table["std"], color=colours, alpha=0.85, error_kw=errors)
    right = max(*(table["mean"] + table["std"].fillna(0)), *map(max, values.values()))
    for place, (own, (mean, deviation)) in enumerate(zip(values.values(), table.to_numpy(), strict=True)):
        axes.plot(own, [place] * len(own), "o", color="white", markeredgecolor=INK, markersize=3.6)
        text = f"{mean:.1f}" if np.isnan(deviation) else f"{mean:.1f} ± {deviation:.1f}"
        axes.annotate(text, (right, place), xytext=(8, 0), textcoords="offset points", va="center", fontweight="bold")
    _lines(axes, list(values), axis, table["mean"].iloc[0])
    axes.set_xlim(0, right * 1.16)
    return picture


def _lines(axes: Axes, labels: Sequence[str], axis: str, reference: float) -> None:
    """Labelled lines from the top down, beside a dashed one at `reference`."""
    axes.axvline(reference, color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
    axes.set_yticks(range(len(labels)), labels, color=INK)
    axes.set(ylim=(len(labels) - 0.5, -0.5), xlabel=axis)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def differences(
    labels: Sequence[str],
    means: Sequence[float],
    margins: Sequence[float],
    *,
    axis: str,
    title: str = "",
    groups: Sequence[str] = (),
    established: Sequence[bool] = (),
) -> Figure:
    """Differences from zero with their intervals; a hollow dot is a difference that is not established.

    Args:
        margins: half widths of the intervals; NaN draws the mean alone.
        axis: what differs, with its unit and the kind of interval.
        groups: a group for each label, drawn in its own colour.
        established: for each label; empty takes the differences whose interval leaves out zero.
    """
    picture, axes = _chart(1.1 + 0.4 * len(labels), title, f"Differences of {axis}: {', '.join(labels)}")
    kinds = list(dict.fromkeys(groups))
    for place, (mean, margin) in enumerate(zip(means, margins, strict=True)):
        colour = SERIES[kinds.index(groups[place]) % len(SERIES)] if kinds else SERIES[0]
        known = not np.isnan(margin)
        full = established[place] if len(established) else known and abs(mean) > margin
        look = {"fmt": "o", "color": colour, "markerfacecolor": colour if full else "white"}
        axes.errorbar(mean, place, xerr=margin if known else None, elinewidth=1.8, capsize=3, **look)
        text = f"{mean:+.1f}" + (f" ± {margin:.1f}" if known else "")
        axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontweight="bold")
    _lines(axes, labels, axis, 0)
    for place, kind in enumerate(kinds):
        axes.plot([], [], "o", color=SERIES[place % len(SERIES)], label=kind)
    if kinds:
        columns = 2 if max(map(len, kinds)) > 24 else 4
        picture.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=columns, handlelength=1.4)
    return picture


def projection(points: Float[np.ndarray, "images 2"], table: pd.DataFrame, *, title: str = "") -> Figure:
    """A projection of the images of a table, three times: coloured by identity, by modality and by camera; markers are
    modalities."""
    picture = style.picture(9.6, 4.3, title or f"Projection of {len(points)} images, by identity, modality and camera")
    modalities, places = table["modality"].to_numpy(), sorted(set(table["camera"]))
    schemes = {
        "identity": style.identity_colours(table["identity"]),
        "modality": style.MODALITY_COLOURS,
        "camera": {name: SERIES[place % len(SERIES)] for place, name in enumerate(places)},
    }
    for axes, (name, colours) in zip(picture.subplots(1, 3), schemes.items(), strict=True):
        style.bare(axes)
        painted = np.asarray([colours[label] for label in table[name]])
        for modality, marker in style.MODALITY_MARKERS.items():
            chosen = modalities == modality
            look = {"marker": marker, "edgecolors": [style.EDGE], "linewidths": 0.5}
            axes.scatter(*points[chosen].T, s=26, c=painted[chosen], **look)
        # Each axis has its own scale: in t-SNE neither has a unit, and the panel is used in full.
        axes.set_box_aspect(1)
        axes.margins(0.06)
        shown = [label for label in colours if label in set(table[name])]
        for label in shown:
            axes.plot([], [], "o", color=colours[label], markersize=5, label=label.rsplit("/", 1)[-1])
        look = {"loc": "upper center", "handletextpad": 0.1, "columnspacing": 0.8, "fontsize": 7.5}
        axes.legend(bbox_to_anchor=(0.5, 0), ncols=len(shown) if len(shown) <= 6 else 5, **look)
        axes.set_title(f"by {name}")
    picture.supxlabel("first dimension (no unit)", fontsize=8, color=QUIET)
    picture.supylabel("second dimension (no unit)", fontsize=8, color=QUIET)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return picture


def training_curves(
    runs: Mapping[str, Sequence[pd.DataFrame]], column: str, *, axis: str = "", title: str = ""
) -> Figure:
    """One column of the history of several runs, e.g. "total": a smoothed line for each seed, in one colour per name.

    Args:
        runs: name → histories (column `step` and the terms), one per seed.
        axis: what the column is, with its unit.
    """
    picture, axes = _chart(3.3, title, f"{column} over training steps: {', '.join(runs)}")
    for place, (name, histories) in enumerate(runs.items()):
        colour = SERIES[place % len(SERIES)]
        for number, history in enumerate(histories):
            window = max(1, round(SMOOTHING * len(history)))
            smooth = history[column].rolling(window, min_periods=1, center=True).mean()
            label = name if number == 0 else None
            axes.plot(history["step"], smooth, color=colour, linewidth=1.3, alpha=0.8, label=label)
    axes.set(xlabel="step", ylabel=axis or column)
    axes.margins(x=0.01)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return picture


def against(rows: pd.DataFrame, *, x: str, y: str, x_axis: str, y_axis: str, title: str = "") -> Figure:
    """Two columns of a table: the means over the rows of each "label", with their standard deviations. `x_axis,
    y_axis`: what the axes show, with their units."""
    picture, axes = _chart(3.6, title, f"{y_axis} over {x_axis}")
    for place, (label, own) in enumerate(rows.groupby("label", sort=False)[[x, y]]):
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place // len(SERIES) % len(MARKERS)]
        errors = dict(zip(("xerr", "yerr"), np.nan_to_num(own.std(ddof=1)), strict=True))
        axes.errorbar(*own.mean(), **errors, fmt=marker, color=colour, capsize=3, elinewidth=1.2, label=label)
    if rows[y].min() < 0 < rows[y].max():
        axes.axhline(0, color=QUIET, linewidth=0.8)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), labelcolor="linecolor")
    axes.margins(x=0.1, y=0.15)
    axes.set(xlabel=x_axis, ylabel=y_axis)
    return picture


def distance_hills(distances: Mapping[str, Mapping[str, Float[np.ndarray, " _"]]]) -> Figure:
    """Histograms of the distances across modalities, of the same person and of different people, a panel for each
    network; dashed lines are their means, and δ is how far apart these are. `distances`: of each network, from
    `analysis.embedding_spread.pair_distances`."""
    picture = style.picture(7.2, 0.9 + 1.15 * len(distances), f"Distances across modalities: {', '.join(distances)}")
    places = picture.subplots(len(distances), 1, sharex=True, squeeze=False)[:, 0]
    for place, (name, found) in zip(places, distances.items(), strict=True):
        same, different = (found[f"{kind}, across modalities"] for kind in ("same person", "different people"))
        for values, words, colour in ((same, "same person", "C0"), (different, "different people", "C2")):
            place.hist(values, 60, density=True, color=colour, alpha=0.35, label=words)
            place.axvline(values.mean(), color=colour, linewidth=1, linestyle="--")
        place.set_title(f"{name}: δ = {different.mean() - same.mean():.3f}", fontsize=9)
        place.set_yticks([])
    places[-1].set_xlabel("cosine distance of a visible and an infrared image")
    places[0].legend(loc="upper right")
    picture.suptitle("Distances across modalities")
    return picture


def around(curves: Mapping[str, tuple[float, pd.DataFrame]], title: str) -> Figure:
    """Rank-1 over the values of settings, a panel for each; the value that was chosen is filled. `curves`: symbol of a
    setting → the chosen value, and a row for each value (the index) with "mean" and "std"."""
    picture = style.picture(2.1 + 1.9 * len(curves), 2.7, f"{title}: {', '.join(curves)}")
    places = picture.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for place, (symbol, (chosen, table)) in zip(places, curves.items(), strict=True):
        steps = np.arange(len(table))  # settings differ by factors: even steps keep them apart
        place.errorbar(steps, table["mean"], table["std"].fillna(0), fmt="o-", markerfacecolor="white", capsize=3)
        place.plot(steps[table.index == chosen], table["mean"][table.index == chosen], "o", color="C0", zorder=3)
        place.set_xticks(steps, [f"{value:g}" for value in table.index])
        place.set_xlabel(symbol)
    places[0].set_ylabel("rank-1 (%)")
    picture.suptitle(title)
    return picture

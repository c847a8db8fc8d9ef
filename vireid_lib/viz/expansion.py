"""Figures of a study of data expansion: methods with and without it, people added, a prompt's picture."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8

from vireid_lib.viz.images import _grid, _overlay
from vireid_lib.viz.style import INK, QUIET, SERIES, Picture, styled

MAP_LIMITS = (0.0, 2.5)  # in units of a map's mean


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


@styled
def people_curves(
    curves: Mapping[str, pd.DataFrame],
    images: Sequence[int],
    *,
    y: str,
    baseline: tuple[float, float] | None = None,
    title: str = "",
) -> Picture:
    """A score over the number of people that were added, over the number of images that each of them has.

    Args:
        curves: name → columns people, mean, std (NaN for one seed).
        images: images of each person, in the order in which people are added.
        baseline: mean and standard deviation without any.
    """
    picture = Picture(7.2, 3.5, title or f"{y} over the number of added people: {', '.join(curves)}")
    axes = picture.subplots()
    back = axes.twinx()
    axes.set_zorder(back.get_zorder() + 1)
    axes.patch.set_visible(False)
    back.stairs(images, np.arange(len(images) + 1), fill=True, color=QUIET, alpha=0.16)
    back.set_ylim(0, 3.2 * max(images))
    back.set_yticks([0, max(images)])
    back.set_ylabel("images of each person", color=QUIET, loc="bottom")
    back.grid(False)
    if baseline is not None:
        mean, spread = baseline
        axes.axhline(mean, color=QUIET, linewidth=1, linestyle=(0, (4, 3)), label="nobody added")
        axes.axhspan(mean - np.nan_to_num(spread), mean + np.nan_to_num(spread), color=QUIET, alpha=0.1, linewidth=0)
    for place, (name, table) in enumerate(curves.items()):
        table = table.sort_values("people")
        axes.errorbar(
            table["people"],
            table["mean"],
            yerr=table["std"].fillna(0),
            color=SERIES[place % len(SERIES)],
            marker="o",
            markersize=5,
            capsize=3,
            elinewidth=1.2,
            label=name,
        )
    axes.set_xlim(0, 1.04 * max([len(images), *(table["people"].max() for table in curves.values())]))
    axes.set_xlabel("external people added")
    axes.set_ylabel(y)
    picture.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=3, handlelength=1.6)
    axes.set_title(title)
    return picture


@styled
def prompt_picture(
    photographs: Mapping[str, UInt8[np.ndarray, "height width 3"]],
    image: UInt8[np.ndarray, "height width 3"],
    attention: Mapping[str, Mapping[str, Float[np.ndarray, "h w"]]],
    *,
    title: str = "",
    cell: float = 1.4,
) -> Picture:
    """Photographs of the people of a prompt, the picture that was made of it, and where each piece of it was heard.

    Args:
        photographs: name → photograph.
        attention: name of a resolution → piece of the prompt → map, in units of its own mean; a row for each. NaN is
            a piece that the prompt does not have.
    """
    pieces = list(next(iter(attention.values())))
    first = len(photographs) + 1
    ratio = image.shape[1] / image.shape[0]
    picture, axes = _grid(len(attention), first + len(pieces), cell * ratio, cell, title, True, True)
    for place, (name, photograph) in enumerate({**photographs, "made": image}.items()):
        axes[0, place].imshow(photograph)
        label = name if name == "made" else f"photograph\n{name}"
        axes[0, place].set_title(label, fontsize=8, fontweight="normal", color=QUIET, loc="center", pad=5)
    for row, (resolution, maps) in enumerate(attention.items()):
        for place, (piece, heat) in zip(axes[row, first:], maps.items(), strict=True):
            if np.isnan(heat).any():
                place.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255)
                place.set_xlabel("not in it", fontsize=6.5, color=QUIET, labelpad=1)
            else:
                _overlay(place, image, heat, *MAP_LIMITS)
            if row == 0:
                place.set_title(piece, fontsize=8, fontweight="normal", color=QUIET, loc="center", pad=5)
        axes[row, first].set_ylabel(resolution, rotation=0, ha="right", va="center", color=INK, labelpad=6)
    return picture

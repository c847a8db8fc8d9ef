"""Figures made of images: grids, ranked retrieval lists, heat maps and attention on top of images."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vireid_lib.analysis.retrieval import ranked
from vireid_lib.evaluation import Trial
from vireid_lib.viz.pictures import pixels, short
from vireid_lib.viz.style import HEAT, INK, QUIET, RIGHT, WRONG, bare, styled
from vireid_lib.viz.style import picture as new_picture

Image = UInt8[np.ndarray, "height width 3"]
LABEL_INCHES = 1.25
HEAD_INCHES = 0.45


@styled
def image_grid(
    images: Sequence[Sequence[Image | None]],
    *,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    title: str = "",
    cell: float = 1.15,
) -> Figure:
    """Images in rows and columns. Raises ValueError: there is no image, or as many labels as rows or columns are not
    given.

    Args:
        images: one sequence per row; None leaves a gap, so that a missing image is seen to be missing.
        row_labels, column_labels: what the rows and columns are.
        cell: height of an image, in inches.
    """
    columns = max((len(row) for row in images), default=0)
    shown = [image for row in images for image in row if image is not None]
    if not shown:
        raise ValueError("image_grid got no image; give at least one row with one image.")
    for name, labels, count in (("row_labels", row_labels, len(images)), ("column_labels", column_labels, columns)):
        if labels and len(labels) != count:
            raise ValueError(f"{name} has {len(labels)} entries for {count}; give one for each, or none.")
    picture, axes = _grid(len(images), columns, shown[0], cell, title, row_labels, column_labels)
    for row, row_axes in zip(images, axes, strict=True):
        for image, place in zip(row, row_axes, strict=False):
            if image is not None:
                place.imshow(image)
    return picture


@styled
def retrieval_lists(
    features: Float[Tensor, "images dim"],
    table: pd.DataFrame,
    trial: Trial,
    rule: str,
    queries: Sequence[int],
    *,
    ranks: int = 8,
    title: str = "",
) -> Figure:
    """Some queries of a trial with the gallery images ranked first, and their distances; right and wrong ones by frame
    and sign, not by colour alone. Gallery images that the rule removes are left out.

    Args:
        features: of the rows of `table`.
        table: the rows that the trial was drawn from, with index 0..n-1.
        queries: rows of the table.
        ranks: how many gallery images are shown, or fewer where a gallery has fewer.
    """
    found = [ranked(features, trial, rule, query).query("not removed").head(ranks) for query in queries]
    asked, heads = pixels(table.loc[list(queries)]), ["query", *range(1, max(map(len, found)) + 1)]
    words = [f"{short(table['identity'][query])}\ncamera {short(table['camera'][query])}" for query in queries]
    picture, axes = _grid(len(queries), len(heads), asked[0], 1.15, title, words, heads, room=0.16)
    for line, image, ranking in zip(axes, asked, found, strict=True):
        line[0].imshow(image)
        for place, shown, row in zip(line[1:], pixels(table.loc[ranking["row"]]), ranking.itertuples(), strict=False):
            sign, colour, style = ("✓", RIGHT, "-") if row.right else ("✗", WRONG, (0, (2, 1)))
            place.imshow(shown)
            for spine in place.spines.values():
                spine.set(visible=True, edgecolor=colour, linewidth=2.2, linestyle=style, capstyle="butt")
            place.set_xlabel(f"{sign} {row.distance:.2f}", fontsize=7.5, color=colour, labelpad=2)
    return picture


@styled
def attention_overlays(
    images: Sequence[Image],
    attention: Sequence[Mapping[str, Float[np.ndarray, "map_height map_width"]]],
    *,
    row_labels: Sequence[str] = (),
    limits: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Each generated image and where each token of its prompt attends; one scale within an image.

    A map of NaN is that of a token which the prompt does not have: the image is shown in grey without colours. Raises
    ValueError: the rows have different tokens.

    Args:
        images: one per row.
        attention: for each image, token → attention map, the same tokens in every row.
        row_labels: the prompts, say.
        limits: the values drawn darkest and brightest, the same for all images; None takes each image's own range.
    """
    heads = ["image", *attention[0]]
    if any(["image", *maps] != heads for maps in attention):
        raise ValueError("attention_overlays needs the same tokens in every row; draw other prompts separately.")
    picture, axes = _grid(len(images), len(heads), images[0], 1.6, title, row_labels, heads)
    for line, image, maps in zip(axes, images, attention, strict=True):
        line[0].imshow(image)
        known = [heat for heat in maps.values() if not np.isnan(heat).any()]
        low, high = limits or (min(heat.min() for heat in known), max(heat.max() for heat in known))
        for place, heat in zip(line[1:], maps.values(), strict=True):
            if np.isnan(heat).any():
                place.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255)
                place.set_xlabel("not in this prompt", fontsize=6.5, color=QUIET, labelpad=1)
            else:
                _overlay(place, image, heat, low, high)
    return picture


@styled
def explanations(
    images: Sequence[Image],
    maps: Mapping[str, Sequence[Float[np.ndarray, "map_height map_width"]]],
    *,
    labels: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Images, and below them the same images under each kind of heat map, each map from 0 to its own maximum.

    Args:
        maps: kind of map → one map per image; what is negative is drawn as 0.
        labels: above the images.
    """
    picture, axes = _grid(1 + len(maps), len(images), images[0], 1.6, title, ("image", *maps), labels)
    for column, image in zip(axes.T, images, strict=True):
        column[0].imshow(image)
    for row, kind in zip(axes[1:], maps.values(), strict=True):
        for place, image, heat in zip(row, images, kind, strict=True):
            _overlay(place, image, np.maximum(heat, 0), 0.0, max(float(heat.max()), 0.0))
    return picture


def _grid(
    rows: int,
    columns: int,
    like: Image,
    cell: float,
    title: str,
    row_labels: Sequence[str],
    column_labels: Sequence[object],
    room: float = 0.0,
) -> tuple[Figure, np.ndarray]:
    """A picture with `rows` × `columns` bare axes, labelled at the left and above, for images of the shape of `like`,
    `cell` inches high; `room` is left for words below each."""
    longest = max((0.07 * len(line) for label in row_labels for line in label.splitlines()), default=0.0)
    width = columns * (cell * like.shape[1] / like.shape[0] + 0.75 * room + 0.06)
    height = rows * (cell + room + 0.06) + HEAD_INCHES * bool(column_labels or title)
    width += max(LABEL_INCHES, longest) if row_labels else 0.0
    picture = new_picture(width, height, alt=title or f"Grid of {rows} by {columns} images")
    picture.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    axes = picture.subplots(rows, columns, squeeze=False)
    for place in axes.flat:
        bare(place)
    for place, label in zip(axes[:, 0], row_labels, strict=False):
        place.set_ylabel(label, rotation=0, ha="right", va="center", color=INK, labelpad=8)
    for place, label in zip(axes[0], column_labels, strict=False):
        place.set_title(str(label), fontsize=8, fontweight="normal", color=QUIET, loc="center", pad=5)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return picture, axes


def _overlay(axes: Axes, image: Image, heat: np.ndarray, low: float, high: float) -> None:
    """The image in grey with the heat map on top, more opaque where it is hotter."""
    axes.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255)
    scaled = (heat - low) / (high - low) if high > low else np.zeros_like(heat)
    extent, alpha = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5), 0.25 + 0.55 * np.clip(scaled, 0, 1)
    axes.imshow(scaled, cmap=HEAT, vmin=0, vmax=1, alpha=alpha, extent=extent, interpolation="bilinear")

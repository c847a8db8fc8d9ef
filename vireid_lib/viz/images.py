"""Images of table rows, and figures made of them: grids, ranked retrieval lists, heat maps on top of images."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from PIL import Image as Pillow
from torch import Tensor

from vireid_lib.analysis.retrieval import ranked
from vireid_lib.data.grey import grey
from vireid_lib.data.images import load_images
from vireid_lib.evaluation import Trial
from vireid_lib.viz.style import HEAT, INK, QUIET, RIGHT, WRONG, bare
from vireid_lib.viz.style import picture as new_picture

Image = UInt8[np.ndarray, "height width 3"]
LABEL_INCHES = 1.25
HEAD_INCHES = 0.45
SIZE = (128, 64)
"""Height and width of images in figures, in pixels."""


def pixels(rows: pd.DataFrame | Sequence[str], size: tuple[int, int] = SIZE) -> UInt8[np.ndarray, "images h w 3"]:
    """Decode the rows' (or the paths') images, in order, for a figure; nothing is cached."""
    paths = rows["path"].tolist() if isinstance(rows, pd.DataFrame) else list(rows)
    return np.asarray(load_images(paths, size, cache=None))


def short(identity: str) -> str:
    """ "sysu_mm01/0042" → "0042", as figures name people."""
    return identity.rsplit("/", 1)[-1]


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
        cell: height of an image, in inches.
    """
    columns = max(map(len, images), default=0)
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


def attention_overlays(
    images: Sequence[Image],
    attention: Sequence[Mapping[str, Float[np.ndarray, "map_height map_width"]]],
    *,
    row_labels: Sequence[str] = (),
    limits: tuple[float, float] | None = None,
    title: str = "",
) -> Figure:
    """Each generated image and where each token of its prompt attends; one scale within an image. A map of NaN is that
    of a token which the prompt does not have. Raises ValueError: the rows have different tokens.

    Args:
        images: one per row.
        attention: for each image, token → attention map, the same tokens in every row.
        row_labels: the prompts, say.
        limits: the values drawn darkest and brightest, the same for all images; None takes each image's own range.
    """
    if any([*maps] != [*attention[0]] for maps in attention):
        raise ValueError("attention_overlays needs the same tokens in every row; draw other prompts separately.")
    rows = []
    for image, maps in zip(images, attention, strict=True):
        ends = limits or (np.nanmin([*maps.values()]), np.nanmax([*maps.values()]))
        rows.append([image, *(_overlay(image, heat, *ends) for heat in maps.values())])
    return image_grid(rows, row_labels=row_labels, column_labels=["image", *attention[0]], title=title, cell=1.6)


def explanations(
    images: Sequence[Image],
    maps: Mapping[str, Sequence[Float[np.ndarray, "map_height map_width"]]],
    *,
    labels: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Images, below labels, and below them the same images under each kind of heat map (one map per image), each map
    from 0 to its own maximum; what is negative is drawn as 0."""
    rows = [images]
    for kind in maps.values():
        rows.append([_overlay(image, heat, 0.0, float(heat.max())) for image, heat in zip(images, kind, strict=True)])
    return image_grid(rows, row_labels=["image", *maps], column_labels=labels, title=title, cell=1.6)


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


def _overlay(image: Image, heat: Float[np.ndarray, "map_height map_width"], low: float, high: float) -> Image:
    """The image in grey under the heat map, more opaque where it is hotter; in grey alone if the map is NaN."""
    shown = grey(image)
    if np.isnan(heat).any():
        return shown
    scaled = np.clip((heat - low) / (high - low), 0, 1) if high > low else np.zeros_like(heat)
    large = Pillow.fromarray(scaled.astype(np.float32)).resize(image.shape[1::-1], Pillow.Resampling.BILINEAR)
    shares = np.asarray(large)
    alpha = (0.25 + 0.55 * shares)[..., None]
    return (alpha * 255 * matplotlib.colormaps[HEAT](shares)[..., :3] + (1 - alpha) * shown).astype(np.uint8)

"""The embedding in two dimensions: identities as colours, modalities as markers, synthetic images hollow."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from vireid_lib.viz.style import (
    EDGE,
    INK,
    MODALITY_COLOURS,
    MODALITY_MARKERS,
    QUIET,
    SERIES,
    Picture,
    bare,
    identity_colours,
    styled,
)


@styled
def scatter(
    points: Float[np.ndarray, "images 2"],
    identities: Sequence[str],
    modalities: Sequence[str],
    *,
    sources: Sequence[str] | None = None,
    title: str = "",
    names: bool = True,
) -> Picture:
    """Features projected to the plane (t-SNE, say). Its axes have no unit and no meaning, so none has ticks.

    Args:
        points: one per image.
        identities, modalities: of each image.
        sources: "real" or a generator's name; images that are not real are drawn hollow.
        names: write each identity's name at the middle of its points.

    Raises:
        ValueError: the inputs have different lengths, or a modality is unknown.
    """
    sources = ["real"] * len(points) if sources is None else list(sources)
    if not len(points) == len(identities) == len(modalities) == len(sources):
        raise ValueError(
            f"scatter got {len(points)} points, {len(identities)} identities, {len(modalities)} modalities and "
            f"{len(sources)} sources; give one of each per image."
        )
    if unknown := set(modalities) - set(MODALITY_MARKERS):
        raise ValueError(f"unknown modality {sorted(unknown)[0]!r}; there is {' and '.join(MODALITY_MARKERS)}.")
    colours = identity_colours(identities)
    picture = Picture(6.4, 5.2, title or f"Projection of {len(points)} images of {len(colours)} people to the plane")
    axes = picture.subplots()
    bare(axes)
    identities, modalities = np.asarray(identities, dtype=object), np.asarray(modalities, dtype=object)
    real = np.asarray([source == "real" for source in sources])
    for name, colour in colours.items():
        own = identities == name
        for modality, marker in MODALITY_MARKERS.items():
            for is_real in (True, False):
                chosen = own & (modalities == modality) & (real == is_real)
                if chosen.any():
                    face = colour if is_real else "none"
                    edge = EDGE if is_real else colour
                    axes.scatter(
                        *points[chosen].T,
                        s=40,
                        marker=marker,
                        facecolors=face,
                        edgecolors=edge,
                        linewidths=0.6 if is_real else 1.4,
                        alpha=0.9,
                    )
        if names:
            _name(axes, name, np.median(points[own], axis=0), colour)
    axes.legend(handles=_legend(modalities, real), loc="upper left", bbox_to_anchor=(0, -0.04), ncols=4)
    name_dimensions(axes)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(title)
    return picture


def name_dimensions(axes: Axes) -> None:
    """Name the axes of a projection, which have neither unit nor meaning."""
    axes.set_xlabel("first dimension (no unit)", fontsize=8)
    axes.set_ylabel("second dimension (no unit)", fontsize=8)


def _name(axes: Axes, name: str, place: np.ndarray, colour: str) -> None:
    box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": colour, "alpha": 0.85}
    axes.annotate(name.split("/")[-1], place, color=INK, fontsize=7, ha="center", va="center", bbox=box)


def _legend(modalities: np.ndarray, real: np.ndarray) -> list[Line2D]:
    """Markers for modalities, filled and hollow for real and synthetic, in grey: colour is for people."""
    shapes = {modality: marker for modality, marker in MODALITY_MARKERS.items() if modality in modalities}
    handles = [
        Line2D([], [], linestyle="none", marker=marker, color=QUIET, label=modality)
        for modality, marker in shapes.items()
    ]
    if not real.all():
        hollow = {"linestyle": "none", "marker": "^", "markeredgecolor": QUIET, "markerfacecolor": "none"}
        handles.append(Line2D([], [], label="synthetic (hollow)", **hollow))
    return handles


@styled
def coloured(
    points: Float[np.ndarray, "images 2"],
    *,
    labels: Sequence[str],
    scheme: str,
    modalities: Sequence[str],
    sources: Sequence[str],
    title: str = "",
) -> Picture:
    """A projection in the colours of one property, which the legend names; markers are modalities, whatever the
    colours say, and images that are not real are hollow.

    Args:
        labels: of each image, by which it is coloured.
        scheme: what the labels are: "identity", "modality", "camera", "source".
    """
    picture = Picture(7.4, 5.4, title or f"Projection of {len(points)} images, coloured by {scheme}")
    axes = picture.subplots()
    bare(axes)
    if scheme == "identity":
        colours = identity_colours(labels)
    elif scheme == "modality":
        colours = MODALITY_COLOURS
    else:
        colours = {name: SERIES[place % len(SERIES)] for place, name in enumerate(sorted(set(labels)))}
    painted, real = np.asarray([colours[label] for label in labels]), np.asarray([name == "real" for name in sources])
    shapes = np.asarray(modalities, dtype=object)
    for modality, marker in MODALITY_MARKERS.items():
        for hollow in (False, True):
            chosen = (shapes == modality) & (real != hollow)
            if not chosen.any():
                continue
            look = (
                {"facecolors": "none", "edgecolors": painted[chosen], "linewidths": 1.5}
                if hollow
                else {"facecolors": painted[chosen], "edgecolors": [EDGE], "linewidths": 0.6}
            )
            axes.scatter(*points[chosen].T, s=46, marker=marker, **look)
    dots = [
        Line2D([], [], linestyle="none", marker="s", color=colours[name], label=name)
        for name in colours
        if name in set(labels)
    ]
    picture.legend(handles=dots, title=scheme, loc="outside right upper", alignment="left", fontsize=8)
    axes.legend(handles=_legend(shapes, real), loc="upper left", bbox_to_anchor=(0, -0.04), ncols=4)
    name_dimensions(axes)
    axes.margins(0.05)
    axes.set_title(title)
    return picture

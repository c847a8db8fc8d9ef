"""The room that one person's images take up in the embedding, in each modality: planes on one scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.spatial import ConvexHull, QhullError

from vireid_lib.viz.style import INK, MODALITY_COLOURS, MODALITY_MARKERS, QUIET, Picture, styled


@dataclass(frozen=True, eq=False)
class PersonPlane:
    """One person's features in the plane in which they spread most.

    Attributes:
        name: of the person, as the figure's column says it.
        points: one per image.
        modalities: of each image.
        share: of the features' variance that the plane shows, 0..1.
    """

    name: str
    points: Float[np.ndarray, "images 2"]
    modalities: Sequence[str]
    share: float


@styled
def space_use(networks: Mapping[str, Sequence[PersonPlane]], *, title: str = "") -> Picture:
    """A row of panels per network, a column per person; all panels have one scale.

    Each modality's points have an outline (convex hull) in its colour; the line joins the two modalities' centres.

    Raises:
        ValueError: the networks show different people.
    """
    people = [[plane.name for plane in planes] for planes in networks.values()]
    if any(names != people[0] for names in people):
        raise ValueError("space_use: each network must show the same people in the same order")
    columns = len(people[0])
    picture = Picture(1.4 + 1.9 * columns, 0.8 + 1.72 * len(networks), title or f"Room of {columns} people's features")
    grid = picture.subplots(len(networks), columns, squeeze=False, sharex=True, sharey=True)
    reach = max(np.abs(plane.points).max() for planes in networks.values() for plane in planes) * 1.08
    for row, (name, planes) in enumerate(networks.items()):
        for axes, plane in zip(grid[row], planes, strict=True):
            _panel(axes, plane)
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
            axes.tick_params(labelsize=7)
            axes.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
            axes.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
            if row == 0:
                axes.set_title(plane.name, fontsize=8, fontweight="normal", color=QUIET, loc="center")
        grid[row, 0].set_ylabel(name, rotation=0, ha="right", va="center", color=INK, labelpad=12)
    handles = [
        Line2D([], [], linestyle="none", marker=marker, color=MODALITY_COLOURS[name], label=name)
        for name, marker in MODALITY_MARKERS.items()
    ]
    handles.append(Line2D([], [], color=INK, linewidth=1.4, label="between the two centres"))
    picture.legend(handles=handles, loc="outside lower center", ncols=3)
    for axes in grid[-1]:
        axes.set_xlabel("first direction", fontsize=7.5)
    picture.supylabel("second principal direction (features have length 1)", fontsize=7.5, color=QUIET)
    if title:
        picture.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return picture


def _panel(axes: Axes, plane: PersonPlane) -> None:
    modalities, centres = np.asarray(plane.modalities, dtype=object), []
    for name, marker in MODALITY_MARKERS.items():
        points, colour = plane.points[modalities == name], MODALITY_COLOURS[name]
        if not len(points):
            continue
        centres.append(points.mean(0))
        try:
            outline = points[ConvexHull(points).vertices]
            axes.fill(*outline.T, facecolor=colour, alpha=0.14, edgecolor=colour, linewidth=0.8)
        except (QhullError, ValueError):  # fewer than three points, or all on a line: there is no outline
            pass
        axes.scatter(*points.T, s=13, marker=marker, color=colour, edgecolors="white", linewidths=0.4, zorder=3)
    if len(centres) == 2:
        axes.plot(*np.stack(centres).T, color=INK, linewidth=1.4, zorder=4)
    axes.annotate(f"{100 * plane.share:.0f} % shown", (0.03, 0.03), xycoords="axes fraction", fontsize=6.5, color=QUIET)

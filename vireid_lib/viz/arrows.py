"""Points in a plane with an arrow at each: what the losses make of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from vireid_lib.viz.style import EDGE, INK, MODALITY_MARKERS, QUIET, Picture, identity_colours, styled

COLUMNS = 3


@styled
def arrow_panels(
    points: Float[np.ndarray, "points 2"],
    steps: Mapping[str, Float[np.ndarray, "points 2"]],
    *,
    identities: Sequence[str],
    modalities: Sequence[str],
    titles: Mapping[str, str] | None = None,
) -> Picture:
    """The same points once for each entry of `steps`, with an arrow at each point; identities are colours,
    modalities markers. Within a panel arrows have one scale (the longest is always drawn equally long), across
    panels they do not.

    Args:
        points: places.
        steps: a panel's name → its arrows.
        identities, modalities: of each point.
        titles: a panel's name → its title; None takes the names.
    """
    points = np.asarray(points)  # a widget gives lists
    rows = -(-len(steps) // COLUMNS)
    picture = Picture(9.6, 3.3 * rows, f"{len(points)} features in a plane and where {', '.join(steps)} push them")
    colours = identity_colours(identities)
    reach = max(np.ptp(points, axis=0).max(), 1e-9)
    panels = list(picture.subplots(rows, COLUMNS, squeeze=False).flat)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    for axes, (name, arrows) in zip(panels, steps.items(), strict=False):
        for place, (person, modality) in enumerate(zip(identities, modalities, strict=True)):
            axes.plot(
                *points[place], MODALITY_MARKERS[modality], color=colours[person], markersize=7, markeredgecolor=EDGE
            )
        longest = np.linalg.norm(arrows, axis=1).max()
        if longest > 1e-9:
            shown = arrows / longest * 0.2 * reach
            axes.quiver(*points.T, *shown.T, color=INK, angles="xy", scale_units="xy", scale=1, width=0.006, zorder=3)
        axes.set_title((titles or {}).get(name, name))
        axes.set(xlim=middle[0] + np.array([-0.75, 0.75]) * reach, ylim=middle[1] + np.array([-0.75, 0.75]) * reach)
        axes.set_aspect("equal")
    for axes in panels[len(steps) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(steps) - COLUMNS) : len(steps)]:
        axes.set_xlabel("feature, first dimension (no unit)")
    for axes in panels[: len(steps) : COLUMNS]:
        axes.set_ylabel("second dimension (no unit)")
    handles = [picture.axes[0].plot([], [], "o", color=colours[name], label=f"person {name}")[0] for name in colours]
    handles += [
        picture.axes[0].plot([], [], marker, color=QUIET, linestyle="none", label=modality)[0]
        for modality, marker in MODALITY_MARKERS.items()
    ]
    picture.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return picture

"""Every picture of the book: one style, identities as colours, modalities as markers, safe for colour-blind eyes."""

from vireid_lib.viz.charts import bars, distance_histograms, loss_curves
from vireid_lib.viz.data import explanations
from vireid_lib.viz.expansion import with_and_without
from vireid_lib.viz.galleries import gallery_sheet
from vireid_lib.viz.generator import differences, grouped_points, lines
from vireid_lib.viz.images import attention_overlays, image_grid, retrieval_lists
from vireid_lib.viz.panels import against, projection, training_curves
from vireid_lib.viz.style import STYLE, Picture, identity_colours, notebook_style
from vireid_lib.viz.sweeps import distance_panels, sweeps

__all__ = [
    "Picture",
    "STYLE",
    "against",
    "attention_overlays",
    "bars",
    "differences",
    "distance_histograms",
    "distance_panels",
    "explanations",
    "gallery_sheet",
    "grouped_points",
    "identity_colours",
    "image_grid",
    "lines",
    "loss_curves",
    "notebook_style",
    "projection",
    "retrieval_lists",
    "sweeps",
    "training_curves",
    "with_and_without",
]

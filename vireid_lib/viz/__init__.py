"""Every picture of the book: one style, identities as colours, modalities as markers, safe for colour-blind eyes."""

from vireid_lib.viz.arrows import arrow_panels
from vireid_lib.viz.charts import bars, distance_histograms, loss_curves, run_bars, token_table
from vireid_lib.viz.data import carried_over, explanations, materials, ranked_gallery
from vireid_lib.viz.embedding import coloured, scatter
from vireid_lib.viz.expansion import people_curves, prompt_picture, with_and_without
from vireid_lib.viz.galleries import gallery_sheet, query_list
from vireid_lib.viz.generator import brightness_curves, differences, grouped_points, lines, token_map
from vireid_lib.viz.hues import hue_circle
from vireid_lib.viz.images import attention_overlays, heat_overlays, image_grid, retrieval_lists
from vireid_lib.viz.live import Curve, live_curves, nothing_yet
from vireid_lib.viz.loss_panels import loss_panels
from vireid_lib.viz.panels import against, projection, training_curves
from vireid_lib.viz.style import STYLE, Picture, identity_colours, notebook_style
from vireid_lib.viz.sweeps import distance_panels, sweeps

__all__ = [
    "STYLE",
    "Curve",
    "Picture",
    "against",
    "arrow_panels",
    "attention_overlays",
    "bars",
    "brightness_curves",
    "carried_over",
    "coloured",
    "differences",
    "distance_histograms",
    "distance_panels",
    "explanations",
    "gallery_sheet",
    "grouped_points",
    "heat_overlays",
    "hue_circle",
    "identity_colours",
    "image_grid",
    "lines",
    "live_curves",
    "loss_curves",
    "loss_panels",
    "materials",
    "notebook_style",
    "nothing_yet",
    "people_curves",
    "projection",
    "prompt_picture",
    "query_list",
    "ranked_gallery",
    "retrieval_lists",
    "run_bars",
    "scatter",
    "sweeps",
    "token_map",
    "token_table",
    "training_curves",
    "with_and_without",
]

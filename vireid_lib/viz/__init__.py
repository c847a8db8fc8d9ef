"""Every picture of the book: one style, identities as colours, modalities as markers, safe for colour-blind eyes."""

from vireid_lib.viz.charts import against, around, bars, differences, distance_hills, projection, training_curves
from vireid_lib.viz.images import attention_overlays, explanations, image_grid, retrieval_lists
from vireid_lib.viz.style import identity_colours, notebook_style

__all__ = ["against", "around", "attention_overlays", "bars", "differences", "distance_hills", "explanations"]
__all__ += ["identity_colours", "image_grid", "notebook_style", "projection", "retrieval_lists", "training_curves"]

"""Layers that the methods share; one file each."""

from vireid_lib.reid.layers.diverse_embedding import DiverseEmbeddingExpansion
from vireid_lib.reid.layers.entrance import check_batch, check_images
from vireid_lib.reid.layers.head import bn_neck, identity_classifier
from vireid_lib.reid.layers.modality_alleviation import ModalityAlleviation
from vireid_lib.reid.layers.multi_stage_aggregation import MultiStageAggregation
from vireid_lib.reid.layers.non_local import NonLocal
from vireid_lib.reid.layers.pattern_alignment import PatternAlignment
from vireid_lib.reid.layers.pooling import average_pool, generalised_mean_pool

__all__ = [
    "DiverseEmbeddingExpansion",
    "ModalityAlleviation",
    "MultiStageAggregation",
    "NonLocal",
    "PatternAlignment",
    "average_pool",
    "bn_neck",
    "check_batch",
    "check_images",
    "generalised_mean_pool",
    "identity_classifier",
]

"""Layers and networks that methods share; one idea a file."""

from vireid_lib.reid.layers.backbones import TwoStreamBackbone, TwoStreamResNet50, TwoStreamSmall
from vireid_lib.reid.layers.checks import check_batch, check_images
from vireid_lib.reid.layers.diverse_embedding import DiverseEmbeddingExpansion
from vireid_lib.reid.layers.head import average_pool, bn_neck, generalised_mean_pool, identity_classifier, stream_aside
from vireid_lib.reid.layers.modality_alleviation import ModalityAlleviation
from vireid_lib.reid.layers.multi_stage_aggregation import MultiStageAggregation
from vireid_lib.reid.layers.network import Output, TwoStreamNetwork
from vireid_lib.reid.layers.non_local import NonLocal
from vireid_lib.reid.layers.pattern_alignment import PatternAlignment

__all__ = [
    "DiverseEmbeddingExpansion",
    "ModalityAlleviation",
    "MultiStageAggregation",
    "NonLocal",
    "Output",
    "PatternAlignment",
    "TwoStreamBackbone",
    "TwoStreamNetwork",
    "TwoStreamResNet50",
    "TwoStreamSmall",
    "average_pool",
    "bn_neck",
    "check_batch",
    "check_images",
    "generalised_mean_pool",
    "identity_classifier",
    "stream_aside",
]

"""Protocols and metrics: CMC, mAP, mINP."""

from vireid_lib.evaluation.evaluator import combine, cosine_distance, evaluate
from vireid_lib.evaluation.metrics import Scores, TiedDistancesWarning, score
from vireid_lib.evaluation.protocols import LlcmProtocol, MarketProtocol, RegdbProtocol, SysuProtocol, Trial

__all__ = ["Scores", "TiedDistancesWarning", "combine", "cosine_distance", "evaluate", "score"]
__all__ += ["LlcmProtocol", "MarketProtocol", "RegdbProtocol", "SysuProtocol", "Trial"]

"""Protocols and metrics: CMC, mAP, mINP."""

from vireid_lib.evaluation.evaluator import Evaluation, combine, cosine_distance, evaluate
from vireid_lib.evaluation.metrics import Scores, TiedDistancesWarning, score
from vireid_lib.evaluation.protocols import (
    LlcmProtocol,
    MarketProtocol,
    RegdbProtocol,
    SysuProtocol,
    Trial,
    build_protocol,
)

__all__ = [
    "Evaluation",
    "LlcmProtocol",
    "MarketProtocol",
    "RegdbProtocol",
    "Scores",
    "SysuProtocol",
    "TiedDistancesWarning",
    "Trial",
    "build_protocol",
    "combine",
    "cosine_distance",
    "evaluate",
    "score",
]

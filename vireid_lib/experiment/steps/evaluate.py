"""Rank the test images by a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.data.text import read_json
from vireid_lib.evaluation.evaluator import DISTANCES, Evaluation, combine
from vireid_lib.evaluation.evaluator import evaluate as rank
from vireid_lib.evaluation.protocols import EvaluationProtocol
from vireid_lib.experiment import method_registry
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.steps import features_file
from vireid_lib.training import determinism

if TYPE_CHECKING:
    from vireid_lib.reid.config import ReidConfig


def evaluate(
    folder: Path,
    *,
    trained: Mapping[int, StageRecord],
    ranked: Mapping[int, pd.DataFrame],
    translated: Mapping[int, pd.DataFrame],
    protocols: Mapping[int, Mapping[str, EvaluationProtocol]],
    device: str,
    cache: Path,
) -> dict[str, Any]:
    """Test features and scores of trained networks.

    Writes `features_<split>.safetensors`: "features" as the method is tested, and "plain", of the images as they are,
    on which distances between images are measured. (Some methods are tested with features averaged over an image and
    its mirror image. Such an average lies nearer to the others of its identity, so that distances of the two kinds do
    not compare.)

    Args:
        trained: the training of each of the data set's splits; a protocol refuses to rank whom it was trained on.
        ranked: the images that its protocol ranks.
        translated: these in the other modality, row by row, for a method that describes them with it; else empty.
        protocols: by mode.
    """
    from vireid_lib.reid.train import RECORD

    found: dict[str, list[Evaluation]] = {}
    for split, record in trained.items():
        network, config = method_registry.load(record.folder)
        identities = read_json(record.folder / RECORD)["identities"]
        plain = config.model_copy(update={"flip_at_test": False})
        with determinism.threads(1, device == "cpu"):
            network.to(device)
            features = _features(network, ranked[split], translated.get(split), config, cache)
            both = {"features": features, "plain": features}
            if config.flip_at_test:
                both["plain"] = _features(network, ranked[split], translated.get(split), plain, cache)
        safetensors.torch.save_file({name: each.clone() for name, each in both.items()}, folder / features_file(split))
        for mode, protocol in protocols[split].items():
            distance = DISTANCES[config.similarity]
            result = rank(features, ranked[split], protocol, distance=distance, trained_identities=identities)
            found.setdefault(mode, []).append(result)
    about = {
        str(split): {"stage": f"{record.name}/{record.key}", "minutes": record.result["wall_seconds"] / 60}
        | record.values
        for split, record in trained.items()
    }
    return {"evaluations": {mode: combine(parts).to_dict() for mode, parts in found.items()}, "trainings": about}


def _features(
    network: nn.Module, rows: pd.DataFrame, translated: pd.DataFrame | None, config: ReidConfig, cache: Path | None
) -> Float[Tensor, "rows dim"]:
    """Features of test images; with their translations, the two heads' side by side, equally weighted."""
    from vireid_lib.reid.features import extract

    if translated is None:
        return extract(network, rows, config, cache)
    heads = (("real", rows), ("generated", translated))
    return torch.cat([extract(network.alone(kind), own, config, cache) for kind, own in heads], 1) / 2**0.5

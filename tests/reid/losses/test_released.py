"""Every loss against the authors' code: value and gradients, in float64 and float32."""

import oracle_files
import pytest
import torch
from torch import Tensor

from vireid_lib.reid.layers.network import average_pool
from vireid_lib.reid.losses.adaptive_quadruplet import Positives, adaptive_quadruplet
from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining
from vireid_lib.reid.losses.centre_losses import centre_cluster, centre_loss
from vireid_lib.reid.losses.divergences import jensen_shannon, kl_divergence, margin_mmd, maximum_mean_discrepancy
from vireid_lib.reid.losses.identity_cross_entropy import (
    additive_margin_softmax,
    identity_cross_entropy,
    soft_identity_cross_entropy,
)
from vireid_lib.reid.losses.orthogonality import orthogonal
from vireid_lib.reid.losses.triplets import (
    cross_modality_triplet,
    enhanced_squared_triplet,
    hard_triplet,
    hetero_centre_triplet,
    weighted_regularized_triplet,
)

Data = dict[str, Tensor]
FEATURES, MODALITIES = {"feats": "grad"}, {"source": "grad_source", "target": "grad_target"}


def hetero_centre(rows: Tensor, data: Data, about: dict, name: str) -> Tensor:
    margin = about.get("margin", oracle_files.in_name(name, "m", 0.3))
    return hetero_centre_triplet(*rows.chunk(2), *data["in.labels"].chunk(2), margin=margin)


def enhanced(rows: Tensor, data: Data, about: dict, name: str) -> Tensor:
    options = {"sharpness": float(about["alpha"]), "scale": float(about["gamma"]), "squared": bool(about["square"])}
    return enhanced_squared_triplet(rows, data["in.labels"], **options)


def pair_mining(rows: Tensor, data: Data, about: dict, name: str) -> Tensor:
    visible, infrared, *_ = data["in.labels"].chunk(4)
    # The release's margin is 0.2 whatever the oracle's argument.
    return centre_guided_pair_mining(*rows.chunk(4), visible, infrared, margin=0.2, form="release")


def gated(visible: Tensor, infrared: Tensor, data: Data, about: dict, name: str) -> Tensor:
    labels = torch.arange(about["P"]).repeat_interleave(about["K"])
    return margin_mmd(visible, infrared, labels, labels, margin=float(about["margin"]))


def learnt_centres(rows: Tensor, centres: Tensor, data: Data, about: dict, name: str) -> Tensor:
    value = centre_loss(rows, data["in.labels"], centres, form="release")
    return value if about["reduction"] == "mean" else value * len(rows) * len(centres)


def quadruplet(rows: Tensor, data: Data, about: dict, name: str) -> Tensor:
    drawn = torch.zeros(2, len(data["in.labels"]), dtype=torch.int64)
    for anchor, stage, index in data["in.draws"].tolist():
        drawn[stage, anchor] = index  # the last draw of a stage is the one used
    others = data["in.prediction"].to(rows.dtype), data["in.labels"], data["in.prob"].to(rows.dtype)
    options = {"threshold": about["threshold"], "margin": about["margin"]}
    return adaptive_quadruplet(rows, *others, Positives(*drawn), **options)


def across(visible: Tensor, infrared: Tensor, data: Data, about: dict, name: str) -> Tensor:
    labels = data["in.labels"]
    return cross_modality_triplet(visible, infrared, labels, labels, margin=about["margin"], metric=about["metric"])


# Oracles → loss, its inputs and the names of their gradients, and where not "loss", the name of the value.
CASES = {
    "wrt_*": (lambda rows, data, *_: weighted_regularized_triplet(rows, data["in.labels"]), FEATURES),
    "wrt_* normalised": (
        lambda rows, data, *_: weighted_regularized_triplet(rows, data["in.labels"], normalize=True),
        {"feats": "grad_normalized"},
        "loss_normalized",
    ),
    "ori_triplet_m*": (
        lambda rows, data, about, name: hard_triplet(
            rows, data["in.labels"], margin=oracle_files.in_name(name, "m", 0.3)
        ),
        FEATURES,
    ),
    "mpanet_triplet": (
        lambda rows, data, about, _: hard_triplet(rows, data["in.labels"], margin=about["margin"]),
        FEATURES,
    ),
    "label_smooth_ce": (
        lambda rows, data, *_: identity_cross_entropy(rows, data["in.labels"], smoothing=0.1),
        {"logits": "grad_logits"},
    ),
    "adp_*": (enhanced, FEATURES),
    "caj_kl_T*": (
        lambda rows, data, about, name: kl_divergence(
            rows, data["in.label"].to(rows.dtype), temperature=oracle_files.in_name(name, "T", 3.0)
        ),
        {"pred": "grad_pred"},
    ),
    "cpm_*": (pair_mining, FEATURES),
    "dart_soft_id": (
        lambda rows, data, *_: soft_identity_cross_entropy(rows, data["in.labels"], data["in.prob"].to(rows.dtype)),
        {"logits": "grad_logits"},
    ),
    "dart_robust_triplet": (quadruplet, FEATURES),
    "deen_orthogonal": (
        lambda maps, *_: orthogonal(average_pool(maps).chunk(3)[1:], form="release"),
        {"feature_map": "grad_feature_map"},
        "loss_ort",
    ),
    "hetero_center_triplet_*": (hetero_centre, FEATURES),
    "jsia_triplet_*": (across, {"vis": "grad_vis", "ir": "grad_ir"}),
    "mmd": (lambda visible, infrared, *_: maximum_mean_discrepancy(visible, infrared), MODALITIES),
    "margin_mmd_*": (gated, MODALITIES),
    "mpanet_center_triplet_*": (
        lambda rows, data, about, _: centre_cluster(rows, data["in.labels"], margin=about["margin"]),
        FEATURES,
    ),
    "mpanet_center_loss_*": (learnt_centres, {"feats": "grad_feats", "centers": "grad_centers"}),
    "mpanet_am_softmax": (
        lambda rows, data, about, _: additive_margin_softmax(
            rows, data["in.labels"], scale=float(about["scale"]), margin=float(about["margin"])
        ),
        {"cosines": "grad"},
    ),
    "mpanet_jsd": (lambda one, other, *_: jensen_shannon(one, other), {"p_logits": "grad_p", "q_logits": "grad_q"}),
}
TOLERANCES = {  # of value and gradient in float64
    "label_smooth_ce": (1e-7, 1e-6),  # the released code builds its targets in float32
    "mpanet": (1e-9, 1e-9),
    "deen_orthogonal": (1e-9, 1e-9),
}


@pytest.mark.parametrize(
    ("oracle", "case"), [(oracle, case) for case in CASES for oracle in oracle_files.names(f"losses/{case.split()[0]}")]
)
def test_value_and_gradients(oracle: str, case: str) -> None:
    loss, gradients, *value = CASES[case]
    data, about = oracle_files.read(oracle), oracle_files.meta(oracle)
    tight = next((each for start, each in TOLERANCES.items() if case.startswith(start)), (1e-10, 1e-9))
    for dtype, (of_value, of_gradient) in ((torch.float64, tight), (torch.float32, (2e-5, 2e-5))):
        inputs = [data[f"in.{name}"].to(dtype, copy=True).requires_grad_() for name in gradients]
        result = loss(*inputs, data, about, oracle)
        if result.requires_grad:
            result.backward()
        assert result.item() == pytest.approx(data[f"out.{(*value, 'loss')[0]}"].item(), rel=of_value, abs=1e-12)
        for given, gradient in zip(inputs, gradients.values(), strict=True):
            expected = data[f"out.{gradient}"]
            found = torch.zeros_like(given) if given.grad is None else given.grad
            assert (found.double() - expected).abs().max() <= of_gradient * expected.abs().max(), gradient


def test_oracles_state_their_tolerance() -> None:
    for name in oracle_files.names("losses/*"):
        assert oracle_files.meta(name)["tolerance"]

"""Every loss against the authors' code: value and gradients, in float64 and float32."""

from functools import partial

import oracle_files
import pytest
import torch
from torch import Tensor

from vireid_lib.reid.layers.network import average_pool
from vireid_lib.reid.losses import divergences, triplets
from vireid_lib.reid.losses import identity_cross_entropy as entropies
from vireid_lib.reid.losses.adaptive_quadruplet import Positives, adaptive_quadruplet
from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining
from vireid_lib.reid.losses.centre_losses import centre_cluster, centre_loss
from vireid_lib.reid.losses.orthogonality import orthogonal


def enhanced(rows: Tensor, labels: Tensor, square: float, **options: float) -> Tensor:
    return triplets.enhanced_squared_triplet(rows, labels, squared=bool(square), **options)


def hetero_centre(rows: Tensor, labels: Tensor, margin: float) -> Tensor:
    return triplets.hetero_centre_triplet(*rows.chunk(2), *labels.chunk(2), margin=margin)


def pair_mining(rows: Tensor, labels: Tensor) -> Tensor:
    # The release's margin is 0.2 whatever the oracle's argument.
    return centre_guided_pair_mining(*rows.chunk(4), *labels.chunk(4)[:2], margin=0.2, form="release")


def gated(visible: Tensor, infrared: Tensor, P: float, K: float, margin: float) -> Tensor:
    labels = torch.arange(int(P)).repeat_interleave(int(K))
    return divergences.margin_mmd(visible, infrared, labels, labels, margin=margin)


def learnt_centres(rows: Tensor, centres: Tensor, labels: Tensor, reduction: str) -> Tensor:
    value = centre_loss(rows, labels, centres, form="release")
    return value if reduction == "mean" else value * len(rows) * len(centres)


def quadruplet(rows: Tensor, logits: Tensor, labels: Tensor, confidence: Tensor, draws: Tensor, **options) -> Tensor:
    drawn = torch.zeros(2, len(labels), dtype=torch.int64)
    for anchor, stage, index in draws.tolist():
        drawn[stage, anchor] = index  # the last draw of a stage is the one used
    return adaptive_quadruplet(rows, logits, labels, confidence, Positives(*drawn), **options)


WRT = triplets.weighted_regularized_triplet
FEATURES, MODALITIES = {"feats": "grad"}, {"source": "grad_source", "target": "grad_target"}
LABELS, MARGIN = ["labels"], {"margin": "margin"}
# Oracles → loss, its inputs and the names of their gradients, other tensors, settings by their names there, and where
# not "loss", the name of the value.
CASES = {
    "wrt_*": (WRT, FEATURES, LABELS, {}),
    "wrt_* normalised": (partial(WRT, normalize=True), {"feats": "grad_normalized"}, LABELS, {}, "loss_normalized"),
    "ori_triplet_m*": (triplets.hard_triplet, FEATURES, LABELS, MARGIN),
    "mpanet_triplet": (triplets.hard_triplet, FEATURES, LABELS, MARGIN),
    "label_smooth_ce": (
        partial(entropies.identity_cross_entropy, smoothing=0.1),
        {"logits": "grad_logits"},
        LABELS,
        {},
    ),
    "adp_*": (enhanced, FEATURES, LABELS, {"sharpness": "alpha", "scale": "gamma", "square": "square"}),
    "caj_kl_T*": (divergences.kl_divergence, {"pred": "grad_pred"}, ["label"], {"temperature": "T"}),
    "cpm_*": (pair_mining, FEATURES, LABELS, {}),
    "dart_soft_id": (entropies.soft_identity_cross_entropy, {"logits": "grad_logits"}, ["labels", "prob"], {}),
    "dart_robust_triplet": (
        quadruplet,
        FEATURES,
        ["prediction", "labels", "prob", "draws"],
        MARGIN | {"threshold": "threshold"},
    ),
    "deen_orthogonal": (
        lambda maps: orthogonal(average_pool(maps).chunk(3)[1:], form="release"),
        {"feature_map": "grad_feature_map"},
        [],
        {},
        "loss_ort",
    ),
    "hetero_center_triplet_*": (hetero_centre, FEATURES, LABELS, MARGIN),
    "jsia_triplet_*": (
        triplets.cross_modality_triplet,
        {"vis": "grad_vis", "ir": "grad_ir"},
        LABELS * 2,
        MARGIN | {"metric": "metric"},
    ),
    "mmd": (divergences.maximum_mean_discrepancy, MODALITIES, [], {}),
    "margin_mmd_*": (gated, MODALITIES, [], MARGIN | {"P": "P", "K": "K"}),
    "mpanet_center_triplet_*": (centre_cluster, FEATURES, LABELS, MARGIN),
    "mpanet_center_loss_*": (
        learnt_centres,
        {"feats": "grad_feats", "centers": "grad_centers"},
        LABELS,
        {"reduction": "reduction"},
    ),
    "mpanet_am_softmax": (entropies.additive_margin_softmax, {"cosines": "grad"}, LABELS, MARGIN | {"scale": "scale"}),
    "mpanet_jsd": (divergences.jensen_shannon, {"p_logits": "grad_p", "q_logits": "grad_q"}, [], {}),
}
TOLERANCES = {  # of value and gradient in float64
    "label_smooth_ce": (1e-7, 1e-6),  # the released code builds its targets in float32
    "mpanet": (1e-9, 1e-9),
    "deen_orthogonal": (1e-9, 1e-9),
}


@pytest.mark.parametrize(
    ("oracle", "case"), [(oracle, case) for case in CASES for oracle in oracle_files.names(f"losses/{case.split()[0]}")]
)
def test_value_and_gradients(oracle, case):
    loss, gradients, more, settings, *value = CASES[case]
    about = {"margin": oracle_files.in_name(oracle, "m", 0.3), "T": oracle_files.in_name(oracle, "T", 3.0)}
    about |= oracle_files.meta(oracle)
    assert about["tolerance"]
    named = {own: about[theirs] for own, theirs in settings.items()}
    options = {name: given if isinstance(given, str) else float(given) for name, given in named.items()}
    tight = next((each for start, each in TOLERANCES.items() if case.startswith(start)), (1e-10, 1e-9))
    expected = oracle_files.read(oracle)
    for dtype, (of_value, of_gradient) in ((torch.float64, tight), (torch.float32, (2e-5, 2e-5))):
        data = oracle_files.read(oracle, dtype)
        inputs = [data[f"in.{name}"].requires_grad_() for name in gradients]
        result = loss(*inputs, *(data[f"in.{name}"] for name in more), **options)
        if result.requires_grad:
            result.backward()
        assert result.item() == pytest.approx(expected[f"out.{(*value, 'loss')[0]}"].item(), rel=of_value, abs=1e-12)
        for given, gradient in zip(inputs, gradients.values(), strict=True):
            found, exact = torch.zeros_like(given) if given.grad is None else given.grad, expected[f"out.{gradient}"]
            assert (found.double() - exact).abs().max() <= of_gradient * exact.abs().max(), gradient

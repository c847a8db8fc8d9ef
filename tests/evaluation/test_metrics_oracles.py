"""CMC, mAP and mINP against the released evaluators' own outputs."""

import numpy as np
import oracle_files
import pytest
import torch

from vireid_lib.evaluation import score

NAMES = oracle_files.names("evaluators/*")
RULES = {"sysu": "sysu-mm01", "regdb": "regdb", "llcm": "llcm"}


def load(name):
    data = {key: value.numpy() for key, value in oracle_files.read(name).items()}
    arguments = {"query_ids": data["in.q_pids"], "gallery_ids": data["in.g_pids"]}
    if "in.q_camids" in data:
        arguments |= {"query_cameras": data["in.q_camids"], "gallery_cameras": data["in.g_camids"]}
    return data, arguments, RULES[name.split("/")[1].split("_")[0]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("as_tensors_and_names", [False, True])
def test_agrees_with_the_released_evaluator(name, as_tensors_and_names):
    data, arguments, rule = load(name)
    distances = data["in.distmat"]
    if as_tensors_and_names:
        # The inputs are representable in float32, so the ranking must not change.
        distances = torch.from_numpy(distances).float()
        arguments = {
            key: [f"set/{value}" if "cameras" in key else f"set/{value:04d}" for value in values]
            for key, values in arguments.items()
        }
    scores = score(distances, rule=rule, **arguments)
    assert scores.cmc.shape == data["out.cmc"].shape
    np.testing.assert_allclose(scores.cmc, data["out.cmc"], rtol=0, atol=1e-6)
    assert scores.mean_ap == pytest.approx(float(data["out.mAP"]), rel=0, abs=1e-12)
    assert scores.mean_inp == pytest.approx(float(data["out.mINP"]), rel=0, abs=1e-12)
    assert scores.tied_queries == 0
    if "aux.query_has_valid_match" in data:
        assert scores.valid_queries == data["aux.query_has_valid_match"].sum()


OTHERS = [
    (name, evaluator) for name in NAMES for evaluator in ("mpanet", "wu") if f"out.{evaluator}_mAP" in load(name)[0]
]


@pytest.mark.parametrize("name, evaluator", OTHERS)
def test_agrees_with_other_evaluators_where_they_mean_the_same(name, evaluator):
    """On SYSU-MM01 all of MPANet's and Wu's values; on RegDB MPANet's mAP and rank 1.

    Beyond rank 1 MPANet's RegDB curve counts identities, where AGW, DEEN and we count images.
    """
    data, arguments, rule = load(name)
    scores = score(data["in.distmat"], rule=rule, **arguments)
    assert scores.mean_ap == pytest.approx(float(data[f"out.{evaluator}_mAP"]), rel=0, abs=1e-12)
    if f"out.{evaluator}_cmc_full" in data:
        ranks = 1 if rule == "regdb" else len(scores.cmc)
        theirs = data[f"out.{evaluator}_cmc_full"][:ranks]
        np.testing.assert_allclose(scores.cmc[:ranks], theirs, rtol=0, atol=1e-12)

"""Methods that are trained with a generator: fitted for each seed, ranked like any other."""

import pytest

from vireid_lib.experiment.study import Row, load_study, run_of
from vireid_lib.generators.aligngan.networks import AlignedNetwork


@pytest.fixture(scope="module")
def run(tiny_book):
    return run_of(tiny_book, Row("aligngan", "AlignGAN", "aligngan", {"steps": 4}))


def test_it_is_trained_and_ranked(run):
    record = run.evaluate("real", 0, progress=False)
    assert set(record.values["evaluations"]) == set(run.profile.evaluation.modes)
    network, config = run.network("real", 0)
    assert isinstance(network, AlignedNetwork) and config == run.reid_config and config.steps == 4
    features, rows = run.features("real", 0)
    assert len(features) == len(rows) == len(run.data().test())
    trained = record.values["trainings"]["1"]
    assert trained["steps"] == 4 and trained["images_seen"] > 0


def test_each_seed_has_a_fit_of_its_own_with_the_methods_settings(run):
    starts = [run.starting_point("real", seed) for seed in (0, 1)]
    assert starts[0].key != starts[1].key
    assert run.train("real", 0).result["inputs"]["start"] == f"stage:fit_aligngan:{starts[0].key}"
    fitted = starts[0].result["config"]
    assert (fitted["steps"], fitted["feature_identities"], fitted["feature_images"]) == (4, 2, 2)
    assert (fitted["generator_width"], fitted["identities"], fitted["images"]) == (2, 2, 1)


def test_rows_of_a_seed_share_their_pretraining(tiny_book):
    study = load_study("jsia")
    none, whole = (run_of(tiny_book, study.row(name)) for name in ("none", "jsia"))
    starts = [run.train("real", 0, progress=False).result["inputs"]["start"] for run in (none, whole)]
    assert starts[0] == starts[1] == f"stage:fit_jsia:{whole.starting_point('real', 0).key}"
    network, config = whole.network("real", 0)
    assert config.method == "jsia" and not network.training

"""What DEEN's study shows besides its tables: distances, settings, the two readings of LLCM's protocol."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.analysis.embedding_spread import pair_distances
from vireid_lib.evaluation.evaluator import DISTANCES, evaluate
from vireid_lib.evaluation.protocols import DIRECTIONS, LlcmProtocol
from vireid_lib.experiment.metrics import mean_and_std
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.studies.deen import SWEEPS, sweep_row
from vireid_lib.experiment.study import Study, run_of
from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining
from vireid_lib.training import seeds


def pair_mining_curves() -> dict[str, tuple[list[float], list[float]]]:
    """CPM, in both forms, of two people 0.6 apart while what was made of their visible images moves, for `plots.lines`:
    visible centres are at 0, infrared ones at 1; what was made of infrared images is at 0, where it should be."""
    people, places = torch.arange(2), [place / 20 for place in range(-10, 31)]
    visible, infrared, *made = (torch.tensor([[place, 0.0], [place, 0.6]]) for place in (0.0, 1.0, *places))
    return {
        form: (
            places,
            [
                float(centre_guided_pair_mining(visible, infrared, each, visible, people, people, form=form))
                for each in made
            ],
        )
        for form in ("paper", "release")
    }


def distances(
    run: Run, study: Study, rows: Sequence[str], *, seed: int
) -> dict[str, tuple[Float[np.ndarray, " same"], Float[np.ndarray, " different"]]]:
    """Cosine distances of visible-infrared pairs of test images, for `plots.distance_panels`: of the first row's
    network before training ("initial"), then of each row's after it."""
    found = {"initial": pair_distances(initial_features(run, study, rows[0], seed), run.data().test())}
    for name in rows:
        row = study.row(name)
        found[row.label] = pair_distances(*run_of(run, row).features(row.training, seed, plain=True))
    kinds = ("same person, across modalities", "different people, across modalities")
    return {label: tuple(pairs[kind] for kind in kinds) for label, pairs in found.items()}


def initial_features(run: Run, study: Study, name: str, seed: int) -> Float[Tensor, "images dim"]:
    """Test features of a row's network as its training starts: random, or ImageNet's where the row has such
    weights."""
    from vireid_lib.reid import methods
    from vireid_lib.reid.features import extract

    row = study.row(name)
    config, data = run_of(run, row).reid_config, run.data()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer(seed, "weights"))
        method = methods.build(config.method, config, data.train_rows()["identity"].nunique())
    return extract(
        method.network.eval().to(run.device),
        data.test(),
        config.model_copy(update={"flip_at_test": False}),
        run.cache.files,
    )


def sweep_curves(study: Study, measured: pd.DataFrame, measure: str = "rank_1") -> dict[str, pd.DataFrame]:
    """A score over λ1, λ2 and α, for `plots.sweeps`; settings of which nothing but the paper's value was trained are
    left out.

    Args:
        measured: from `studies.measure`.
    """
    from vireid_lib.reid.methods.deen import DeenConfig

    first = measured[measured["mode"] == measured["mode"].iloc[0]]
    groups, published = first.groupby("row")[measure], DeenConfig()
    curves = {}
    for setting, (symbol, values) in SWEEPS.items():
        places = {getattr(published, setting): "deen", **{value: sweep_row(setting, value) for value in values}}
        rows = [
            {
                "value": value,
                "mean": groups.get_group(name).mean(),
                "std": groups.get_group(name).std(ddof=1),
                "paper": name == "deen",
            }
            for value, name in places.items()
            if name in groups.groups
        ]
        if len(rows) > 1:
            curves[symbol] = pd.DataFrame(rows)
    return curves


def llcm_readings(run: Run, study: Study, name: str) -> pd.DataFrame:
    """A row's networks under LLCM's protocol, in both directions and, for visible to infrared, both readings: images
    that ask and answer in a trial, and scores, mean ± standard deviation over seeds.

    On another data set than LLCM it is that set's test images that are drawn and ranked so.
    """
    row = study.row(name)
    own, rows = run_of(run, row), []
    ranking = DISTANCES[own.reid_config.similarity]
    for direction, reading in ((DIRECTIONS[1], "paper"), (DIRECTIONS[0], "paper"), (DIRECTIONS[0], "release")):
        protocol = LlcmProtocol(direction, reading, trial_count=run.profile.evaluation.trials)
        results = [
            evaluate(*own.features(row.training, seed), protocol, distance=ranking) for seed in run.profile.reid.seeds
        ]
        trial = results[0].trials[0]
        scores = {label: pd.Series([100 * value(each.scores) for each in results]) for label, value in SCORES.items()}
        rows.append(
            {
                "direction": direction,
                "reading": "both" if direction == DIRECTIONS[1] else reading,
                "queries": trial.queries,
                "gallery": trial.gallery,
                **{label: mean_and_std(values) for label, values in scores.items()},
            }
        )
    return pd.DataFrame(rows).set_index(["direction", "reading"])


SCORES = {
    "rank-1": lambda scores: scores.rank(1),
    "rank-10": lambda scores: scores.rank(10),
    "mAP": lambda scores: scores.mean_ap,
}

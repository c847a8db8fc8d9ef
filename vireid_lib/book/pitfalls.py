"""Chapter 08: mistakes that raise no error and change the number, each as a live demonstration."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.book.lessons import score_trial
from vireid_lib.book.retrieval import per_query
from vireid_lib.evaluation import Trial, score
from vireid_lib.experiment import jobs, trainings
from vireid_lib.experiment.metrics import plus_minus
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord

NOISE = 0.5  # of the features' standard deviation
SPLITS = 10  # as RegDB has


def directions(features: Float[Tensor, "images dim"], trial: Trial, rule: str) -> pd.DataFrame:
    """One trial as it is defined and with query and gallery exchanged: rank-1, mAP (percent), queries, gallery."""
    rows = {}
    for name, swapped in (("as defined", False), ("swapped", True)):
        asked, ranked = (trial.gallery, trial.query) if swapped else (trial.query, trial.gallery)
        found = score_trial(features, trial, rule, swapped=swapped)
        rows[name] = {
            "asks": "/".join(sorted(asked["modality"].unique())),
            "rank-1": 100 * found.rank(1),
            "mAP": 100 * found.mean_ap,
            "queries that count": found.valid_queries,
            "gallery images": len(ranked),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def rules(features: Float[Tensor, "images dim"], trial: Trial, own: str) -> pd.DataFrame:
    """The same features and trial under every data set's rule, `own` first: rank-1, rank-10, mAP (percent)."""
    rows = {}
    for rule in (own, *sorted({"sysu-mm01", "regdb", "llcm", "market-1501"} - {own})):
        found = score_trial(features, trial, rule)
        rows[rule] = {"rank-1": 100 * found.rank(1), "rank-10": 100 * found.rank(10), "mAP": 100 * found.mean_ap}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule")


def counting(features: Float[Tensor, "images dim"], trial: Trial, rule: str) -> pd.DataFrame:
    """The same rankings, the CMC counted in the two ways that are in use, in percent.

    Returns:
        index "each identity once" and "every image"; a column for every rank from 1 to 20.
    """
    found = per_query(features, trial, rule)
    ranks = {"each identity once": found["identity rank"], "every image": found["rank"]}
    shares = {name: [100 * float((column <= k).mean()) for k in range(1, 21)] for name, column in ranks.items()}
    return pd.DataFrame.from_dict(shares, orient="index", columns=pd.RangeIndex(1, 21, name="rank"))


def collapsed(trial: Trial, rule: str) -> pd.DataFrame:
    """What evaluators report of a network that gives every image the same feature, by how they order equal distances.

    Returns:
        rows "wrong images first (this book)", "as the gallery is listed", "right images first"; rank-1, mAP (percent).
    """
    labels = np.unique(
        np.concatenate([part["identity"].to_numpy(object) for part in (trial.query, trial.gallery)]),
        return_inverse=True,
    )[1]
    right = torch.from_numpy(labels[: len(trial.query), None] == labels[None, len(trial.query) :]).double()
    listed = torch.arange(right.shape[1]).double().expand_as(right)
    orders = {
        "wrong images first (this book)": torch.zeros_like(right),
        "as the gallery is listed": listed,
        "right images first": -right,
    }
    rows = {}
    for name, distances in orders.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the first order is all ties: that is the point
            found = score(
                distances,
                query_ids=trial.query["identity"].to_numpy(),
                rule=rule,
                gallery_ids=trial.gallery["identity"].to_numpy(),
                query_cameras=trial.query["camera"].to_numpy(),
                gallery_cameras=trial.gallery["camera"].to_numpy(),
            )
        rows[name] = {"rank-1": 100 * found.rank(1), "mAP": 100 * found.mean_ap}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("equal distances are ranked")


def chosen_on_the_test_set(
    features: Float[Tensor, "images dim"], trial: Trial, rule: str, *, candidates: int = 20, seed: int = 0
) -> pd.DataFrame:
    """Score many networks that are equally good by construction on two halves of the test identities.

    Each "network" gives the same features with noise of its own, half as large as the features' own spread, as the
    last epochs of a training differ. Whichever looks best on one half of the people owes that to luck alone, as the
    other half shows: so does an epoch that was chosen on the test set.

    Returns:
        one row per candidate; columns "choosing half" and "other half", rank-1 in percent.
    """
    generator = torch.Generator().manual_seed(seed)
    people = sorted(set(trial.query["identity"]) & set(trial.gallery["identity"]))
    halves = {"choosing half": set(people[::2]), "other half": set(people[1::2])}
    noise = NOISE * float(features.std())
    rows = []
    for _ in range(candidates):
        noisy = features + noise * torch.randn(features.shape, generator=generator)
        row = {}
        for name, half in halves.items():
            parts = (part[part["identity"].isin(half)] for part in (trial.query, trial.gallery))
            row[name] = 100 * score_trial(noisy, Trial(*parts, trial.name), rule).rank(1)
        rows.append(row)
    return pd.DataFrame(rows)


def gift(table: pd.DataFrame, counts: Sequence[int] = (2, 5, 10, 20), *, draws: int = 2000) -> pd.DataFrame:
    """By how many points the best of some candidates stands out on the half that chose it, and on the other half.

    Args:
        table: as `chosen_on_the_test_set` returns it.
        counts: how many candidates are looked at.
        draws: random choices of that many candidates, over which the mean is taken.
    """
    generator, rows = np.random.default_rng(0), {}
    one, other = (table[name].to_numpy() - table[name].mean() for name in ("choosing half", "other half"))
    for count in counts:
        looked = np.stack([generator.permutation(len(table))[:count] for _ in range(draws)])
        best = looked[np.arange(draws), one[looked].argmax(1)]
        rows[count] = {"choosing half": one[best].mean(), "other half": other[best].mean()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("networks looked at")


def leaking_splits(run: Run, seed: int) -> StageRecord:
    """One trained network on ten splits, as RegDB has them: the first is its own, the others cut its training people
    and its test people anew into halves.

    As many of its training people are taken as there are test people (or the other way round), so that every split
    asks as hard a question. Values: "rows", a list of {"split", "seen" (share of the test people that the network was
    trained on), "rank_1", "mean_ap"}.
    """
    data, protocol = run.data(), run.protocol()
    known, tested = data.train_rows(), data.test()
    record = run.evaluate("real", seed)

    def make(folder: Path) -> dict:
        from vireid_lib.reid.features import extract

        network, config = run.network("real", seed)
        old = extract(network.to(run.device), known, config, run.cache.files)
        features = torch.cat([old, run.features("real", seed)[0]])
        table = pd.concat([known, tested], ignore_index=True).assign(split="test")
        rows = []
        for split, (people, seen) in enumerate(_cuts(known, tested), start=1):
            kept = table.index[table["identity"].isin(people)].to_numpy(copy=True)
            trial = protocol.trials(table.loc[kept].reset_index(drop=True))[0]
            found = score_trial(features[torch.from_numpy(kept)], trial, protocol.rule)
            rows.append({"split": split, "seen": seen, "rank_1": found.rank(1), "mean_ap": found.mean_ap})
        return {"rows": rows}

    return run.stage("leaking_splits", {"seed": seed, "splits": SPLITS}, {"reid": record}, make, seeds=[seed])


def _cuts(known: pd.DataFrame, tested: pd.DataFrame) -> list[tuple[list[str], float]]:
    """The test people of each split, and the share of them that the network knows."""
    both = [
        sorted(table.groupby("identity")["modality"].nunique().loc[lambda n: n == 2].index) for table in (known, tested)
    ]
    size, draw = min(map(len, both)), np.random.default_rng(0)
    train, test = (sorted(draw.choice(people, size, replace=False)) for people in both)
    cuts = [test] + [sorted(draw.permutation([*train, *test])[:size]) for _ in range(SPLITS - 1)]
    return [(cut, len(set(cut) & set(train)) / size) for cut in cuts]


def leaked(run: Run) -> pd.DataFrame:
    """`leaking_splits` of all seeds: columns seed, split, seen, rank_1, mean_ap, in percent."""
    seeds = run.profile.reid.seeds
    table = pd.DataFrame([{"seed": seed, **row} for seed in seeds for row in leaking_splits(run, seed).values["rows"]])
    return table.assign(**{name: 100 * table[name] for name in ("seen", "rank_1", "mean_ap")})


def leak_summary(table: pd.DataFrame) -> pd.DataFrame:
    """What would be reported: the network's own split, and the mean over all splits; mean ± deviation over seeds."""
    parts = {"its own split (nobody known)": table[table["split"] == 1], "mean of all ten splits": table}
    rows = {}
    for name, part in parts.items():
        by_seed = part.groupby("seed")[["seen", "rank_1", "mean_ap"]].mean()
        rows[name] = {"test people trained on (%)": f"{by_seed['seen'].mean():.0f}"} | {
            words: plus_minus(by_seed[key].mean(), by_seed[key].std(ddof=1))
            for words, key in (("rank-1", "rank_1"), ("mAP", "mean_ap"))
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def batch_sizes(run: Run, *, steps: int = 80, seeds: int = 2) -> list[StageRecord]:
    """Train on real images with half of the method's batch, with all of it, and with half for twice the steps.

    Short trainings: what is compared is the batch, and not what the method can do.
    """
    config = run.reid_config
    whole, half = config.identities, max(2, config.identities // 2)
    settings = [(half, steps), (whole, steps), (half, 2 * steps)]
    wanted = [
        (run.with_method(run.profile.reid.method, {"identities": people, "steps": length}), "real", seed)
        for seed in run.profile.reid.seeds[:seeds]
        for people, length in settings
    ]
    return jobs.evaluate_all(wanted)


def batch_table(records: Sequence[StageRecord]) -> pd.DataFrame:
    """`batch_sizes` for reading: people in a batch, steps, images seen, and rank-1 in percent (first mode)."""
    rows = []
    for record in records:
        people, given = record.result["config"]["settings"]["reid.config.identities"], trainings.given(record)
        rows.append(
            {
                "people in a batch": people,
                "steps": round(given["steps"].mean()),
                "images seen": round(given["images seen"].mean()),
                "rank-1": 100 * next(iter(record.values["evaluations"].values()))["mean"]["rank_1"],
            }
        )
    grouped = pd.DataFrame(rows).groupby(["people in a batch", "steps", "images seen"], sort=False)["rank-1"]
    words = [plus_minus(mean, spread) for mean, spread in zip(grouped.mean(), grouped.std(ddof=1), strict=True)]
    return grouped.size().rename("seeds").reset_index().assign(**{"rank-1": words})

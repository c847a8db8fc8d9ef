"""Scores features and a table under a protocol: per trial, their mean, and a record of the ranked images."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.evaluation.metrics import Scores, scores_of
from vireid_lib.evaluation.protocols import EvaluationProtocol, Trial
from vireid_lib.evaluation.ranking import Ranking, chunks

REPORTED_RANKS = (1, 5, 10, 20)


def cosine_distance(
    query: Float[Tensor, "queries dim"], gallery: Float[Tensor, "gallery dim"]
) -> Float[Tensor, "queries gallery"]:
    """Return 1 - cosine similarity."""
    return 1 - torch.nn.functional.normalize(query) @ torch.nn.functional.normalize(gallery).T


def dot_distance(
    query: Float[Tensor, "queries dim"], gallery: Float[Tensor, "gallery dim"]
) -> Float[Tensor, "queries gallery"]:
    """Return the negated inner product, for features whose lengths carry meaning."""
    return -(query @ gallery.T)


DISTANCES = {"cosine": cosine_distance, "dot": dot_distance}


@dataclass(frozen=True, eq=False)
class TrialResult:
    """One trial and its scores."""

    trial: Trial
    scores: Scores

    def to_dict(self) -> dict:
        """Return plain numbers for a result record, and a digest of the images that were ranked."""
        trial, scores = self.trial, self.scores
        counts = {name: getattr(scores, name) for name in ("valid_queries", "tied_queries")}
        counts = {"queries": len(trial.query), **counts, "gallery": len(trial.gallery), "digest": _digest(trial)}
        return {"name": trial.name, "part": trial.part, **counts, **_summary(scores), "cmc": scores.cmc.tolist()}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One network's scores under one protocol, whose settings are `protocol`, by the distance of that name; `disjoint`
    is True if a check found no test identity in training, None without the check."""

    protocol: dict
    trials: tuple[TrialResult, ...]
    distance: str
    disjoint: bool | None = None

    @property
    def scores(self) -> Scores:
        """Mean over trials; the CMC is as long as the shortest, query counts are summed over trials."""
        scores = [trial.scores for trial in self.trials]
        length = min(len(each.cmc) for each in scores)
        means = {name: float(np.mean([getattr(each, name) for each in scores])) for name in ("mean_ap", "mean_inp")}
        sums = {name: sum(getattr(each, name) for each in scores) for name in ("valid_queries", "tied_queries")}
        return Scores(cmc=np.mean([each.cmc[:length] for each in scores], axis=0), **means, **sums)

    def to_dict(self) -> dict:
        """Return all that a result record needs, as plain JSON values; deviations are sample deviations."""
        several, per_trial = len(self.trials) > 1, pd.DataFrame([_summary(trial.scores) for trial in self.trials])
        deviation = {key: float(np.std(own.to_numpy(), ddof=1)) if several else None for key, own in per_trial.items()}
        return {
            "protocol": self.protocol,
            "distance": self.distance,
            "ties": "pessimistic",
            "identities_disjoint_from_training": self.disjoint,
            "mean": {**_summary(self.scores), "cmc": self.scores.cmc.tolist()},
            "deviation_over_trials": deviation,
            "trials": [trial.to_dict() for trial in self.trials],
        }


def _summary(scores: Scores) -> dict[str, float]:
    ranks = {f"rank_{k}": scores.rank(k) for k in REPORTED_RANKS}
    return {**ranks, "mean_ap": scores.mean_ap, "mean_inp": scores.mean_inp}


def evaluate(
    features: Float[Tensor, "images dim"],
    table: pd.DataFrame,
    protocol: EvaluationProtocol,
    *,
    distance: Callable[[Tensor, Tensor], Tensor] = cosine_distance,
    trained_identities: Collection[str] | None = None,
) -> Evaluation:
    """Score features, a row for each row of `table`, under a protocol, on the device they are on, holding the distances
    of a chunk of queries at a time. Raises ValueError: features that do not fit the table or are not finite (naming the
    image), an identity that was trained on, or what the protocol finds wrong with the table.

    Args:
        table: the rows that the protocol may use, usually `data.tables.test_rows`; validation rows to choose settings.
        distance: of a block of queries to the whole gallery, smaller is closer.
        trained_identities: the identities of the network's training, to make sure that none is tested.
    """
    if features.ndim != 2 or len(features) != len(table):
        raise ValueError(f"features of shape {tuple(features.shape)} for {len(table)} rows; give one vector a row")
    refuse_non_finite(features, table)
    table, features = table.reset_index(drop=True), features.detach()
    if features.element_size() < 4:
        features = features.float()  # rankings need more than half precision
    trials = protocol.trials(table)
    if trained_identities is not None:
        tested = {identity for trial in trials for identity in trial.query["identity"].unique()}
        seen = sorted(tested & set(trained_identities))
        if seen:
            raise ValueError(
                f"{len(seen)} of {len(tested)} query identities were trained on, {seen[0]} among them: "
                "test with the network that was trained on this protocol's own training split"
            )
    results = {}
    for group in _sharing(trials):
        for trial, ranking in zip(group, _ranked(features, group, protocol.rule, distance), strict=True):
            results[trial.name] = TrialResult(trial, scores_of(ranking))
    in_order = tuple(results[trial.name] for trial in trials)
    return Evaluation(protocol.to_dict(), in_order, distance.__name__, None if trained_identities is None else True)


def refuse_non_finite(features: Float[Tensor, "images dim"], table: pd.DataFrame) -> None:
    """Raise ValueError, naming the first such image, where a feature is NaN or infinite."""
    bad = torch.nonzero(~torch.isfinite(features).all(1)).flatten().tolist()
    for first in table["path"].iloc[bad[:1]]:
        raise ValueError(
            f"the features of {len(bad)} of {len(table)} images are not finite, first that of {first}: the network has "
            "diverged, then train it with a lower rate; or this image is broken"
        )


def _sharing(trials: Sequence[Trial]) -> list[list[Trial]]:
    """The trials in groups that have the same queries, or else the same gallery."""
    for side in ("query", "gallery"):
        groups: dict[bytes, list[Trial]] = {}
        for trial in trials:
            groups.setdefault(getattr(trial, side).index.to_numpy().tobytes(), []).append(trial)
        if len(groups) < len(trials):
            break
    return list(groups.values())


def _ranked(features: Tensor, trials: Sequence[Trial], rule: str, distance: Callable) -> list[Ranking]:
    """Rank trials that share one side and draw images of the other; a distance is computed once for all of them."""
    rankings = []
    for trial in trials:
        sides = (trial.query, trial.gallery)
        ids, cameras = ([rows[column].to_numpy() for rows in sides] for column in ("identity", "camera"))
        rankings.append(Ranking(ids, cameras, rule, shape=tuple(map(len, sides))))
    queries, asked = _union([trial.query for trial in trials])
    gallery, drawn = _union([trial.gallery for trial in trials])
    gallery_features = features[gallery]
    for chunk in chunks(len(queries), len(gallery)):
        distances = distance(features[queries[chunk]], gallery_features)
        for ranking, rows, columns in zip(rankings, asked, drawn, strict=True):
            here = torch.nonzero((rows >= chunk.start) & (rows < chunk.stop)).flatten()
            if len(here):
                ranking.add(distances[rows[here] - chunk.start][:, columns], here)
    return rankings


def _union(tables: Sequence[pd.DataFrame]) -> tuple[Tensor, list[Tensor]]:
    """The rows that are in any of the tables, and where among them those of each table are."""
    places, found = pd.factorize(np.concatenate([rows.index.to_numpy() for rows in tables]))
    return torch.from_numpy(found), list(torch.from_numpy(places).split([len(rows) for rows in tables]))


def _digest(trial: Trial) -> str:
    """Return a sha256 of the query and gallery images in order, independent of the data set's folder."""
    summary = hashlib.sha256()
    for rows in (trial.query, trial.gallery):
        for path, identity, camera in zip(rows["path"], rows["identity"], rows["camera"], strict=True):
            summary.update(f"{identity} {camera} {PurePath(path).name}\n".encode())
        summary.update(b"\n")
    return summary.hexdigest()


def combine(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Put the trials of several evaluations, at least one, into one, as for RegDB's ten splits with a network each.
    Raises ValueError: different protocols or distances, or the same trial twice."""
    about = {(each.protocol["name"], each.protocol["rule"], each.distance) for each in evaluations}
    if len(about) > 1:
        raise ValueError(f"evaluations have different protocols or distances, {sorted(about)}; combine like with like")
    trials = tuple(trial for each in evaluations for trial in each.trials)
    for name, count in Counter(result.trial.name for result in trials).items():
        if count > 1:
            raise ValueError(f"trial {name!r} is there twice; give each trial once")
    protocol = {key: value for key, value in evaluations[0].protocol.items() if key != "trial"}
    disjoint = True if all(each.disjoint for each in evaluations) else None
    return Evaluation(protocol, trials, evaluations[0].distance, disjoint)

"""Measurements of the book as cached stages: identity preservation, distances in the embedding."""

from pathlib import Path

from vireid_lib.analysis.embedding_spread import cross_modality_distances, spread
from vireid_lib.analysis.identity_preservation import identify
from vireid_lib.experiment.pipeline import Run, load_features
from vireid_lib.experiment.provenance import StageRecord

KNOWING = "oracle_ir"
"""The training set whose network knows the external identities in both modalities."""


def evaluators(run: Run) -> dict[str, str]:
    """Evaluator networks, which say whether an image still shows the identity: training set → what each has seen. The
    baseline is fair, and as weak as the baseline is. The network that was trained with the miniature world's true
    infrared is sharp, and partial to exactly those materials."""
    found = {"real": "baseline; has never seen these identities"}
    if KNOWING in run.profile.reid.training_sets:
        found[KNOWING] = "trained on these identities' true infrared"
    return found


def preservation(run: Run, evaluator: str, seed: int) -> StageRecord:
    """How often a gallery's infrared image lies nearest to a visible image of its own identity, by cosine distance, for
    one evaluator (a key of `evaluators(run)`) with its training's seed. Every infrared image of the external identities
    asks; their external visible images answer. Values: "chance", "identities", and for each training set that adds
    infrared images, in "galleries": "rank_1", "images", "by_identity"."""
    tables = {name: run.synthesize(name) for name in run.profile.reid.training_sets if name != "real"}
    external = run.data().external

    def make(folder: Path) -> dict:
        from vireid_lib.reid.features import extract

        network, config = run.network(evaluator, seed)
        network.to(run.device)
        visible = extract(network, external, config, run.cache.files)
        found, chance = {}, 0.0
        for name, table in tables.items():
            asked = extract(network, table, config, run.cache.files)
            outcome = identify(asked, table["identity"], visible, external["identity"])
            chance = outcome.chance
            worst_first = outcome.by_identity[["identity", "rank_1"]].to_dict("records")
            found[name] = {"rank_1": outcome.rank_1, "images": len(table), "by_identity": worst_first}
        return {"chance": chance, "identities": external["identity"].nunique(), "galleries": found}

    inputs = {"evaluator": run.evaluate(evaluator, seed), "external": external, **tables}
    return run.stage("identity_preservation", {"evaluator": evaluator, "seed": seed}, inputs, make, seeds=[seed])


def distances(run: Run, evaluated: StageRecord) -> StageRecord:
    """Every distance of `analysis.embedding_spread` (`spread` and `cross_modality_distances`) between the test features
    that `Run.evaluate` left, of the images as they are for every method; with several splits their mean, and in
    "splits" each by split, under the names that the splits' trials have."""
    features = {split: load_features(evaluated, split, plain=True) for split in run.splits}

    def make(folder: Path) -> dict:
        found = {}
        for split, own in features.items():
            test = run.data(split).test(validation=run.validation)
            found[f"split {split}"] = {**spread(own, test), **cross_modality_distances(own, test)}
        names = next(iter(found.values()))
        means = {name: sum(each[name] for each in found.values()) / len(found) for name in names}
        by_split = {name: {split: each[name] for split, each in found.items()} for name in names}
        return means | ({"splits": by_split} if len(found) > 1 else {})

    return run.stage("embedding_spread", {}, {"features": evaluated}, make, seeds=evaluated.result["seeds"])

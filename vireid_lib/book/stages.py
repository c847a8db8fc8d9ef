"""The experiment, step by step: every function makes, or fetches, one cached stage of an open book."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import safetensors.torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.book import engines, joint, own_people, results
from vireid_lib.book.book import Book
from vireid_lib.book.data_stages import Datasets, datasets, infrared_cameras
from vireid_lib.book.fitting import translators
from vireid_lib.book.profiles import Profile
from vireid_lib.book.records import StageRecord, canonical
from vireid_lib.book.settings import dive_config, reid_config
from vireid_lib.data import tables
from vireid_lib.data.manifest import load_manifest
from vireid_lib.evaluation.evaluator import DISTANCES, Evaluation, combine, evaluate
from vireid_lib.evaluation.protocols import build_protocol
from vireid_lib.generators.interface import refuse_identities
from vireid_lib.training.determinism import threads

FEATURES = "features.safetensors"


def splits(book: Book) -> list[int]:
    """The data set's published training splits: RegDB has one per trial, the others have one."""
    return list(range(1, book.profile.evaluation.trials + 1)) if book.profile.evaluation.protocol == "regdb" else [1]


def fitted_rows(book: Book, split: int = 1) -> pd.DataFrame:
    """What DiVE is fitted to: the target's training rows, or those that its settings leave, and the external ones."""
    from vireid_lib.generators.dive.selection import fitted_rows

    data = datasets(book, split)
    rows = tables.concat(data.learn(), data.external)
    refuse_identities(rows, data.test(), f"DiVE on {book.profile.data.target}")
    return fitted_rows(rows, dive_config(book.profile))


def finetuning(book: Book, split: int = 1) -> StageRecord:
    """Fine-tune DiVE on the target's training images and the external visible images."""
    from vireid_lib.generators.dive import Dive

    table, config = fitted_rows(book, split), dive_config(book.profile)

    def make(folder: Path) -> dict:
        generator = Dive(config, cache=book.workspace.cache, device=book.device)
        generator.fit(table, folder / "dive")
        return {"images": len(table), "identities": table["identity"].nunique(),
                "cameras": sorted(table["camera"].unique()), **generator.summary()}

    return book.stage("dive_finetuning", config.fit_settings(), {"table": table}, make, version=4, seeds=[config.seed],
                      manifests=manifests(book))


def generator(book: Book, split: int = 1, **sampling: object):
    """The fine-tuned DiVE, ready to `expand`; `sampling` replaces sampling settings, e.g. start="image"."""
    from vireid_lib.generators.dive import Dive

    config = dive_config(book.profile).model_copy(update=sampling)
    record = finetuning(book, split)
    return Dive.load(record.folder / "dive", config, cache=book.workspace.cache, device=book.device)


def gallery(book: Book, name: str, split: int = 1) -> pd.DataFrame:
    """The infrared images of the external identities that training set `name` adds, as a table.

    Args:
        name: a generator's, as `vireid_lib.generators.names` has it; or "dive_from_image", "redrawn" or "true".
    """
    data = datasets(book, split)
    identities = sorted(data.external["identity"].unique())
    cameras, per_camera = infrared_cameras(book), book.profile.expand.per_camera
    if name in ("redrawn", "true"):
        rows = data.truth(name)
        order = rows.groupby(["identity", "camera"]).cumcount()
        return rows[order < per_camera].reset_index(drop=True)
    if name == "copies":
        record = _copies(book, data)
    elif name not in ("dive", "dive_from_image"):
        record = translators.gallery_stage(book, name, split)
    else:
        fitted, config = finetuning(book, split), dive_config(book.profile)
        sampling = {"start": "image"} if name == "dive_from_image" else {}
        settings = config.model_copy(update=sampling).sampling_settings()

        def make(folder: Path) -> dict:
            maker = generator(book, split, **sampling)
            table = maker.expand(identities, cameras, per_camera, config.seed, folder, source=data.external)
            return {"images": len(table), "identities": len(identities), "cameras": cameras}

        settings |= {"identities": identities, "cameras": cameras, "per_camera": per_camera}
        inputs = {"finetuning": fitted, "external": data.external}
        record = book.stage(f"gallery_{name}", settings, inputs, make, seeds=[config.seed])
    return tables.load(record.folder / "table.csv")


def _copies(book: Book, data: Datasets) -> StageRecord:
    from vireid_lib.generators.copies import GreyCopies

    identities = sorted(data.external["identity"].unique())
    cameras, per_camera = infrared_cameras(book), book.profile.expand.per_camera

    def make(folder: Path) -> dict:
        maker = GreyCopies()
        maker.fit(data.external, folder)
        return {"images": len(maker.expand(identities, cameras, per_camera, 0, folder))}

    config = {"identities": identities, "cameras": cameras, "per_camera": per_camera}
    return book.stage("gallery_copies", config, {"external": data.external}, make, seeds=[0])


def training_table(book: Book, name: str, split: int = 1, *, validation: bool = False) -> pd.DataFrame:
    """V* = V ∪ V_ext and I* = I ∪ I_ext for training set `name`; "real" is the target alone. More images of the
    target's own people have names of their own: see `own_people`."""
    data = datasets(book, split)
    real = data.learn(hold_out_validation=validation)
    if name == "real":
        return real
    if own_people.read(name):
        made = own_people.images(book, name, split)
        return tables.concat(real, made[made["identity"].isin(set(real["identity"]))])
    added = tables.concat(data.external, gallery(book, name, split))
    people = sorted(added["identity"].unique())[: book.profile.reid.expanded]
    return tables.concat(real, added[added["identity"].isin(people)])


def reid(book: Book, name: str, seed: int, *, validation: bool = False, progress: bool = True) -> StageRecord:
    """Train the ReID method on training set `name` and evaluate it, in every mode of the profile.

    With RegDB's ten splits, ten networks are trained and each is tested on its own split.

    Args:
        validation: train without the validation identities and rank them instead of the test identities: how
            settings are chosen.
    """
    config = reid_config(book.profile)
    inputs = {f"table_{split}": training_table(book, name, split, validation=validation) for split in splits(book)}
    inputs |= joint.starts(book, inputs, seed, progress=progress)
    evaluation = book.profile.evaluation
    about = {"config": config.model_dump(), "training": name, "seed": seed, "validation": validation,
             "evaluation": evaluation.model_dump()}
    if read := config.weights_read():
        about["weights"] = read
    variant = book.profile.reid.variant
    if variant:  # only then: what has no variant keeps its key
        about["variant"] = variant
    if validation:
        variant = "; ".join(filter(None, (variant, "validation identities")))

    def make(folder: Path) -> dict:
        found: dict[str, list[Evaluation]] = {mode: [] for mode in evaluation.modes}
        for split in splits(book):
            table = inputs[f"table_{split}"]
            for mode, result in _train_and_evaluate(
                book, table, split, seed, folder / f"split_{split}", validation, progress
            ).items():
                found[mode].append(result)
        whole = {mode: combine(parts) for mode, parts in found.items()}
        scores = [
            results.score_row(
                each, dataset=book.profile.data.target, method=book.profile.reid.method, training=name,
                external=None if name == "real" else book.profile.data.external, seed=seed,
                variant=variant,
            )
            for each in whole.values()
        ]
        return {"scores": scores, "evaluations": {mode: each.to_dict() for mode, each in whole.items()}}

    return book.stage(f"reid_{name}", about, inputs, make, seeds=[seed], protocol=evaluation.protocol,
                      manifests=manifests(book))


def _train_and_evaluate(
    book: Book, table: pd.DataFrame, split: int, seed: int, folder: Path, validation: bool, progress: bool
) -> dict[str, Evaluation]:
    from vireid_lib.reid.features import extract

    config, cache = reid_config(book.profile), book.workspace.cache
    ranked = datasets(book, split).test(validation=validation)
    with threads(1, book.device == "cpu"):
        network = joint.train(book, table, config, folder, seed, progress)
        features = extract(network.to(book.device), ranked, config, cache)
    safetensors.torch.save_file({"features": features}, folder / FEATURES)
    trained = set(table["identity"])
    return {
        mode: evaluate(features, ranked, _protocol(book, mode, split), distance=DISTANCES[config.similarity],
                       trained_identities=trained)
        for mode in book.profile.evaluation.modes
    }


def _protocol(book: Book, mode: str, split: int):
    settings, evaluation = dict(book.profile.evaluation.settings), book.profile.evaluation
    if evaluation.protocol == "regdb":
        settings["trial"] = split
    elif evaluation.protocol != "market-1501":
        settings["trial_count"] = evaluation.trials
    return build_protocol(evaluation.protocol, mode, **settings)


def protocol(book: Book, mode: str | None = None):
    """The profile's protocol object in one of its modes (the first by default)."""
    return _protocol(book, mode or book.profile.evaluation.modes[0], 1)


def comparison(book: Book, *, validation: bool = False) -> list[StageRecord]:
    """Train and evaluate every training set of the profile with every seed."""
    names, seeds = book.profile.reid.training_sets, book.profile.reid.seeds
    return train_all([(book, name, seed) for seed in seeds for name in names], validation=validation)


Job = tuple[Book, str, int]
"""A training: the book whose profile says how, the training set, the seed."""


def train_all(jobs: Sequence[Job], *, validation: bool = False) -> list[StageRecord]:
    """`reid` for every job, in their order; books that share a workspace may differ in method and settings.

    On a CPU the trainings share the cores, one thread each: small networks use many cores badly, and a result
    does not depend on how many there are. With `--engine ray` they are tasks of a cluster.

    Raises:
        StageFailed: some failed; the others are done and kept.
    """
    device, engine = jobs[0][0].device, engines.chosen()
    shared = {}  # what trainings have in common is made once, before they start
    for own, name, _ in jobs:
        apart = canonical(own.profile.model_dump(exclude={"reid"}))
        shared |= {(apart, name, split): (own, name, split) for split in splits(own)}
    if engine == "local":
        for own, name, split in shared.values():
            training_table(own, name, split)
    else:
        sets = [engines.Job(f"training set {name}", _table_elsewhere, (_address(own), name, split))
                for own, name, split in shared.values()]  # fmt: skip
        engines.run(sets, device=device, label="Training data", unit="sets")
    pretrained = {  # what several trainings of a seed start from; trainings would wait for one another's otherwise
        (own.profile.reid.method, name, seed): engines.Job(
            f"what {own.profile.reid.method} on {name}, seed {seed}, starts from", _start_elsewhere,
            (_address(own), name, seed, validation))
        for own, name, seed in jobs if own.profile.reid.method in joint.JOINT
    }  # fmt: skip
    if len(pretrained) > 1:
        engines.run(list(pretrained.values()), device=device, label="Pre-training", unit="generators")
    alone = engine == "local" and engines.workers(len(jobs), device) == 1
    trainings = [
        engines.Job(f"{own.profile.reid.method}{f' ({own.profile.reid.variant})' * bool(own.profile.reid.variant)} "
                    f"on {name}, seed {seed}", _reid_elsewhere, (_address(own), name, seed, validation, alone))
        for own, name, seed in jobs
    ]  # fmt: skip
    return engines.run(trainings, device=device, label="ReID", unit="trainings")


def _address(book: Book) -> tuple[dict, str, str]:
    return book.profile.model_dump(), str(book.workspace.folder), str(book.data_root or "")


def _opened(address: tuple[dict, str, str]) -> Book:
    profile, workspace, data_root = address
    return Book(Profile.model_validate(profile), workspace, data_root)


def _table_elsewhere(address: tuple[dict, str, str], name: str, split: int) -> int:
    return len(training_table(_opened(address), name, split))


def _start_elsewhere(address: tuple[dict, str, str], name: str, seed: int, validation: bool) -> int:
    book = _opened(address)
    rows = {f"table_{split}": training_table(book, name, split, validation=validation) for split in splits(book)}
    return len(joint.starts(book, rows, seed))


def _reid_elsewhere(
    address: tuple[dict, str, str], name: str, seed: int, validation: bool, progress: bool
) -> StageRecord:
    return reid(_opened(address), name, seed, validation=validation, progress=progress)


def features(book: Book, name: str, seed: int, split: int = 1) -> tuple[Float[Tensor, "images dim"], pd.DataFrame]:
    """Test features of the network that was trained on training set `name`, and the rows they belong to."""
    record = reid(book, name, seed)
    held = safetensors.torch.load_file(record.folder / f"split_{split}" / FEATURES)
    return held["features"], datasets(book, split).test()


def network(book: Book, name: str, seed: int, split: int = 1):
    """The trained network and its configuration, for pictures and further measurements."""
    return joint.load(reid(book, name, seed).folder / f"split_{split}")


def manifests(book: Book) -> dict[str, str]:
    """Digest of the manifest of each of the profile's data sets, for records."""
    return {name: load_manifest(name).digest() for name in book.profile.data.roots}


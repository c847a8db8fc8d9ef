"""The experiment, step by step: every function makes, or fetches, one cached stage of an open book."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import safetensors.torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.book.fitting import translators
from vireid_lib.data import tables
from vireid_lib.data.manifest import load_manifest
from vireid_lib.evaluation.evaluator import DISTANCES, Evaluation, combine, evaluate
from vireid_lib.evaluation.protocols import build_protocol
from vireid_lib.experiment import executors as engines
from vireid_lib.experiment import joint_training as joint
from vireid_lib.experiment import results, variants
from vireid_lib.experiment import training_expansion as own_people
from vireid_lib.experiment.completed import fetched
from vireid_lib.experiment.datasets import datasets, most_seen, permutation_file
from vireid_lib.experiment.datasets import infrared_cameras as infrared_cameras  # for chapters, with the stages
from vireid_lib.experiment.profile import OF_THE_WORLD, Profile
from vireid_lib.experiment.provenance import StageRecord, canonical
from vireid_lib.experiment.run import Book
from vireid_lib.experiment.settings import dive_config, reid_config
from vireid_lib.generators import galleries
from vireid_lib.generators.base import refuse_identities
from vireid_lib.training import weights
from vireid_lib.training.determinism import threads

if TYPE_CHECKING:
    from vireid_lib.reid.config import ReidConfig

FEATURES = "features.safetensors"


def splits(book: Book) -> list[int]:
    """The data set's published training splits: RegDB has one per trial, the others have one."""
    return list(range(1, book.profile.evaluation.trials + 1)) if book.profile.evaluation.protocol == "regdb" else [1]


def fitted_rows(book: Book, split: int = 1) -> pd.DataFrame:
    """What DiVE is fitted to: the target's training rows, or those that its settings leave, and the external ones."""
    data = datasets(book, split)
    rows = tables.concat(data.learn(), data.external)
    refuse_identities(rows, data.test(), f"DiVE on {book.profile.data.target}")
    return dive_config(book.profile).fitted_rows(rows)


def finetuning(book: Book, split: int = 1) -> StageRecord:
    """Fine-tune DiVE on the target's training images and the external visible images."""
    from vireid_lib.generators.dive import Dive

    table, config = fitted_rows(book, split), dive_config(book.profile)

    def make(folder: Path) -> dict:
        generator = Dive(config, cache=book.workspace.cache, device=book.device)
        generator.fit(table, folder / "dive")
        return {
            "images": len(table),
            "identities": table["identity"].nunique(),
            "cameras": sorted(table["camera"].unique()),
            **generator.summary(),
        }

    return book.stage(
        "dive_finetuning", config.fit_settings(), {"table": table}, make, seeds=[config.seed], manifests=manifests(book)
    )


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
    if name in OF_THE_WORLD:
        rows = datasets(book, split).truth(name)
        order = rows.groupby(["identity", "camera"]).cumcount()
        return rows[order < book.profile.expand.per_camera].reset_index(drop=True)
    record = _gallery_stage(book, name, split)
    rows, file = tables.load(record.folder / "table.csv"), record.folder / "table.csv"
    if len(rows) != record.values["images"]:
        raise tables.TableError(
            f"{file} has {len(rows)} rows, and {record.values['images']} were written: restore it, or delete its "
            "folder to make the images again."
        )
    return rows


def gallery_sizes(book: Book, name: str, split: int = 1) -> dict[str, int]:
    """How many images `gallery` has, and how many different ones; see `vireid_lib.generators.galleries.sizes`."""
    values = {} if name in OF_THE_WORLD else _gallery_stage(book, name, split).values
    if "distinct" in values:
        return {key: values[key] for key in ("images", "distinct")}
    return galleries.sizes(gallery(book, name, split))


def _gallery_stage(book: Book, name: str, split: int) -> StageRecord:
    data = datasets(book, split)
    if name not in ("dive", "dive_from_image"):
        return translators.gallery_stage(book, name, split)
    identities, cameras, per_camera = translators.order(book, data)
    fitted, config = finetuning(book, split), dive_config(book.profile)
    sampling = {"start": "image"} if name == "dive_from_image" else {}
    settings = config.model_copy(update=sampling).sampling_settings()

    def make(folder: Path) -> dict:
        maker = generator(book, split, **sampling)
        table = maker.expand(identities, cameras, per_camera, config.seed, folder, source=data.external)
        return {**galleries.sizes(table), "identities": len(identities), "cameras": cameras}

    settings |= {"identities": identities, "cameras": cameras, "per_camera": per_camera}
    inputs = {"finetuning": fitted, "external": data.external}
    return book.stage(f"gallery_{name}", settings, inputs, make, seeds=[config.seed])


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
    people = most_seen(data.external)[: book.profile.reid.expanded]
    return tables.concat(real, added[added["identity"].isin(people)])


def reid(book: Book, name: str, seed: int, *, validation: bool = False, progress: bool = True) -> StageRecord:
    """Train the ReID method on training set `name` and evaluate it, in every mode of the profile.

    With RegDB's ten splits, ten networks are trained and each is tested on its own split.

    Args:
        validation: train without the validation identities and rank them instead of the test identities: how
            settings are chosen.

    Raises:
        ValueError, FileNotFoundError: see `check_draw`; nothing was trained or fitted.
    """
    check_draw(book, validation=validation)
    config = reid_config(book.profile)
    inputs = {f"table_{split}": training_table(book, name, split, validation=validation) for split in splits(book)}
    epochs = {split: epoch_steps(book, name, seed, split, validation=validation) for split in splits(book)}
    inputs |= joint.starts(book, inputs, seed, progress=progress)
    inputs |= {f"ranked_{split}": datasets(book, split).test(validation=validation) for split in splits(book)}
    if (file := permutation_file(book)) is not None:
        inputs["permutations"] = file
    evaluation = book.profile.evaluation
    about = {
        "config": config.model_dump(),
        "training": name,
        "seed": seed,
        "validation": validation,
        "evaluation": evaluation.model_dump(),
    }
    if any(epochs.values()):
        about["epoch_steps"] = {str(split): steps for split, steps in epochs.items()}
    if read := config.weights_read():
        about["weights"] = read
    external = book.profile.data.external if variants.adds_external(name) else None
    settings = variants.resolved(book.profile, name, validation=validation)

    def make(folder: Path) -> dict:
        found: dict[str, list[Evaluation]] = {mode: [] for mode in evaluation.modes}
        for split in splits(book):
            table = inputs[f"table_{split}"]
            own = config.model_copy(update={"epoch_steps": epochs[split] or config.epoch_steps})
            for mode, result in _train_and_evaluate(
                book, table, own, split, seed, folder / f"split_{split}", validation, progress
            ).items():
                found[mode].append(result)
        whole = {mode: combine(parts) for mode, parts in found.items()}
        scores = [
            results.score_row(
                each,
                dataset=book.profile.data.target,
                method=book.profile.reid.method,
                training=name,
                external=external,
                seed=seed,
                resolved=settings,
            )
            for each in whole.values()
        ]
        return {"scores": scores, "evaluations": {mode: each.to_dict() for mode, each in whole.items()}}

    record = book.stage(
        f"reid_{name}",
        about,
        inputs,
        make,
        code=[joint.about(config.method)],
        seeds=[seed],
        protocol=evaluation.protocol,
        manifests=manifests(book),
    )
    for score in record.values["scores"]:  # others may have asked for the same images with other words, and first
        score["resolved"] = settings
    return record


def epoch_steps(book: Book, name: str, seed: int, split: int = 1, *, validation: bool = False) -> int | None:
    """Steps that make an epoch of a training on `name`, by which its length and schedule count (`reid.length` and
    `reid.epoch_batch` of the profile); None leaves it to the method's sampler, or there is nothing that counts so."""
    from vireid_lib.reid.batches import steps_per_epoch

    config, reid = reid_config(book.profile), book.profile.reid
    counted, equal = config.model_copy(update=reid.epoch_batch), reid.length == "equal"
    if config.epoch_steps or not {"epochs", "drops"} & set(config.in_epochs):
        return None
    if counted == config and (name == "real" or not equal):
        return None
    table = training_table(book, "real" if equal else name, split, validation=validation)
    return steps_per_epoch(joint.method_class(config.method), table, counted, seed=seed)


def _train_and_evaluate(
    book: Book,
    table: pd.DataFrame,
    config: "ReidConfig",
    split: int,
    seed: int,
    folder: Path,
    validation: bool,
    progress: bool,
) -> dict[str, Evaluation]:
    from vireid_lib.reid.features import extract

    cache = book.workspace.cache
    ranked = datasets(book, split).test(validation=validation)
    with threads(1, book.device == "cpu"):
        network = joint.train(book, table, config, folder, seed, progress)
        features = extract(network.to(book.device), ranked, config, cache)
    safetensors.torch.save_file({"features": features}, folder / FEATURES)
    trained = set(table["identity"])
    return {
        mode: evaluate(
            features,
            ranked,
            _protocol(book, mode, split),
            distance=DISTANCES[config.similarity],
            trained_identities=trained,
        )
        for mode in book.profile.evaluation.modes
    }


def _protocol(book: Book, mode: str, split: int):
    settings, evaluation = dict(book.profile.evaluation.settings), book.profile.evaluation
    if evaluation.protocol == "regdb":
        settings["trial"] = split
    elif evaluation.protocol != "market-1501":
        settings["trial_count"] = evaluation.trials
    if (file := permutation_file(book)) is not None:
        settings["permutation_file"] = file
    return build_protocol(evaluation.protocol, mode, **settings)


def protocol(book: Book, mode: str | None = None):
    """The profile's protocol object in one of its modes (the first by default)."""
    return _protocol(book, mode or book.profile.evaluation.modes[0], 1)


def check_draw(book: Book, *, validation: bool = False) -> None:
    """Draw the official galleries of every mode once, where the profile asks for them: a file that is missing or does
    not fit the images must not be found out after the training.

    Raises:
        ValueError: the file or an image that it names is wrong; the message says which, and what to do.
        FileNotFoundError: there is no such file, or no data set.
    """
    if permutation_file(book) is None:
        return
    ranked = datasets(book).test(validation=validation)
    for mode in book.profile.evaluation.modes:
        protocol(book, mode).trials(ranked)


def comparison(book: Book, *, validation: bool = False) -> list[StageRecord]:
    """Train and evaluate every training set of the profile with every seed."""
    names, seeds = book.profile.reid.training_sets, book.profile.reid.seeds
    return train_all([(book, name, seed) for seed in seeds for name in names], validation=validation)


Job = tuple[Book, str, int]
"""A training: the book whose profile says how, the training set, the seed."""


def train_all(jobs: Sequence[Job], *, validation: bool = False) -> list[StageRecord]:
    """`reid` for every job, in their order; books that share a workspace may differ in method and settings. What is
    trained already is fetched here; other processes are started for the rest alone.

    On a CPU the trainings share the cores, one thread each: small networks use many cores badly, and a result
    does not depend on how many there are. With `--engine ray` they are tasks of a cluster.

    Raises:
        StageFailed: some failed; the others are done and kept.
        ValueError, FileNotFoundError: see `check_draw`; nothing was trained or fitted.
    """
    there = [finished(own, name, seed, validation=validation) for own, name, seed in jobs]
    missing = [job for job, found in zip(jobs, there, strict=True) if found is None]
    made = iter(_train(missing, validation) if missing else ())
    return [found or next(made) for found in there]


def finished(book: Book, name: str, seed: int, *, validation: bool = False) -> StageRecord | None:
    """`reid` if it is done, else None; nothing is trained, fitted or drawn."""
    found = fetched(book, partial(reid, name=name, seed=seed, validation=validation, progress=False))
    return None if found is None else found.value


def _train(jobs: Sequence[Job], validation: bool) -> list[StageRecord]:
    device, engine = jobs[0][0].device, engines.chosen()
    shared = {}  # what trainings have in common is made once, before they start
    for own, name, _ in jobs:
        apart = canonical(own.profile.model_dump(exclude={"reid"}))
        shared |= {(apart, name, split): (own, name, split) for split in splits(own)}
    if engine == "local":
        for own, name, split in shared.values():
            training_table(own, name, split)
    else:
        sets = [
            engines.Job(f"training set {name}", _table_elsewhere, (_address(own), name, split))
            for own, name, split in shared.values()
        ]
        engines.run(sets, device=device, label="Training data", unit="sets")
    pretrained = {  # what several trainings of a seed start from; trainings would wait for one another's otherwise
        (own.profile.reid.method, name, seed): engines.Job(
            f"what {own.profile.reid.method} on {name}, seed {seed}, starts from",
            _start_elsewhere,
            (_address(own), name, seed, validation),
        )
        for own, name, seed in jobs
        if own.profile.reid.method in joint.JOINT
    }
    if len(pretrained) > 1:
        engines.run(list(pretrained.values()), device=device, label="Pre-training", unit="generators")
    alone = engine == "local" and engines.workers(len(jobs), device) == 1
    trainings = [
        engines.Job(words, _reid_elsewhere, (_address(own), name, seed, validation, alone))
        for words, (own, name, seed) in zip(_names(jobs), jobs, strict=True)
    ]
    return engines.run(trainings, device=device, label="ReID", unit="trainings")


def _names(jobs: Sequence[Job]) -> list[str]:
    """A name for each training, with what tells it apart from others of its method and training set."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for place, (own, name, _) in enumerate(jobs):
        kinds.setdefault((own.profile.reid.method, name), []).append(place)
    found = [""] * len(jobs)
    for (method, name), places in kinds.items():
        words = variants.apart([variants.resolved(jobs[place][0].profile, name) for place in places])
        for place, more in zip(places, words, strict=True):
            found[place] = f"{method}{f' ({more})' * bool(more)} on {name}, seed {jobs[place][2]}"
    return found


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
    held = weights.read_file(record.folder / f"split_{split}" / FEATURES)
    return held["features"], datasets(book, split).test()


def network(book: Book, name: str, seed: int, split: int = 1):
    """The trained network and its configuration, for pictures and further measurements."""
    return joint.load(reid(book, name, seed).folder / f"split_{split}")


def manifests(book: Book) -> dict[str, str]:
    """Digest of the manifest of each of the profile's data sets, for records."""
    return {name: load_manifest(name).digest() for name in book.profile.data.roots}

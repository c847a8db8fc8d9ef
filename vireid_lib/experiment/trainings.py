"""Many trainings at once, and what is shown of them besides scores: recipe, effort, curves; and how one begins."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch

from vireid_lib.data import tables
from vireid_lib.data.images import load_images, to_float
from vireid_lib.experiment import executors, variants
from vireid_lib.experiment.executors import Job
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord, canonical
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.method import Batch, Method
from vireid_lib.training import seeds

Training = tuple[Run, str, int]
"""The run whose profile says how, the training set, the seed."""


def evaluate_all(trainings: Sequence[Training]) -> list[StageRecord]:
    """`Run.evaluate` for every training, in their order; runs that share a workspace may differ in method and settings.
    What is finished already is fetched here; other processes are started for the rest alone. On a CPU the trainings
    share the cores, one thread each: small networks use many cores badly. With `--engine ray` they are tasks of a
    cluster. Raises StageFailed: some failed; the others are done and kept. Raises as `Run.check_draw`: nothing was
    trained or fitted."""
    there = [run.finished(name, seed) for run, name, seed in trainings]
    missing = [training for training, found in zip(trainings, there, strict=True) if found is None]
    made = iter(_make(missing) if missing else ())
    return [found or next(made) for found in there]


def _make(trainings: Sequence[Training]) -> list[StageRecord]:
    device, local = trainings[0][0].device, executors.chosen() == "local"
    checked = {}  # once for each way to evaluate
    for run, _, _ in trainings:
        checked.setdefault(canonical(run.profile.model_dump(include={"data", "evaluation"})), run)
    for run in checked.values():
        run.check_draw()
    shared, starts = {}, {}  # what several trainings need is made before they start; they would wait for one another
    for run, name, seed in trainings:
        own = run.with_fit(name, seed)
        apart = canonical(own.profile.model_dump(exclude={"reid"}))
        shared |= {(apart, name, split): partial(own.training_set, name, split) for split in run.splits}
        if run.method.starts_from is not None:
            method = run.profile.reid.method
            words = f"what {method} on {name}, seed {seed}, starts from"
            for split in run.splits:
                starts[method, name, seed, split] = Job(words, partial(run.starting_point, name, seed, split))
    if local:
        for make in shared.values():
            make()
    else:
        sets = [Job(f"training set {name}", make) for (_, name, _), make in shared.items()]
        executors.run(sets, device=device, label="Training data", unit="sets")
    if len(starts) > 1:
        executors.run(list(starts.values()), device=device, label="Pre-training", unit="generators")
    jobs = [
        Job(words, partial(run.evaluate, name, seed))
        for words, (run, name, seed) in zip(_names(trainings), trainings, strict=True)
    ]
    return executors.run(jobs, device=device, label="ReID", unit="trainings")


def _names(trainings: Sequence[Training]) -> Iterator[str]:
    """A name for each training, with the settings in which it differs from the first of its method and training set."""
    firsts: dict[tuple[str, str], variants.Settings] = {}
    for run, name, seed in trainings:
        own, method = variants.resolved(run.profile, name), run.profile.reid.method
        more = variants.text(variants.difference(own, firsts.setdefault((method, name), own)))
        yield f"{method}{f' ({more})' * bool(more)} on {name}, seed {seed}"


GIVEN = ["images in a batch", "steps", "images seen"]
"""What is told of a training's effort."""


def recipe(config: ReidConfig, dataset: str, *, unprinted: bool = False) -> pd.DataFrame:
    """The settings of a method that a reader of its paper cannot take for granted: those that this run takes otherwise
    than the default (the recipe for `dataset`), or whose default comes from neither paper nor release (`unprinted`:
    or from the release alone). Columns "default", "comes from" (see `ReidConfig.origins`) and "here"."""
    default, here, origins = type(config).published(dataset).model_dump(), config.model_dump(), config.origins()
    neutral = {name for name, field in ReidConfig.model_fields.items() if field.default == here[name]}
    known = ("paper",) if unprinted else ("paper", "release")
    rows = {
        name: {"default": str(default[name]), "comes from": origins[name], "here": str(here[name])}
        for name in here
        if here[name] != default[name] or (origins[name] not in known and name not in neutral and name != "method")
    }
    columns = ["default", "comes from", "here"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("setting")


def given(records: Iterable[StageRecord]) -> pd.DataFrame:
    """What the networks of evaluations (`Run.evaluate`) were given, as the trainer recorded: a row for each split;
    columns label (of the training set), seed, split, minutes (of all splits of the seed), steps, "images in a batch"
    (of all processes, both modalities), "images seen" (drawn, each as often as it was)."""
    rows = []
    for record in records:
        config, of_splits = record.result["config"], record.values["trainings"]
        about = {"label": training_label(config["training"]), "seed": config["seed"]}
        about["minutes"] = sum(each["minutes"] for each in of_splits.values())
        for split, each in of_splits.items():
            rows.append(about | {"split": int(split)} | {name: each[name.replace(" ", "_")] for name in GIVEN})
    return pd.DataFrame(rows, columns=["label", "seed", "split", "minutes", *GIVEN])


def effort(told: pd.DataFrame) -> pd.DataFrame:
    """The means of what `given` tells, by label."""
    table = told.groupby("label", sort=False)[[*GIVEN, "minutes"]].mean().rename_axis(None)
    return table.round({name: 0 for name in GIVEN}).astype({name: int for name in GIVEN})


def same_effort(told: pd.DataFrame) -> str:
    """Whether trainings of the same seed (and split) had the same batches and as many steps, in a sentence. A method
    that takes larger batches or more steps with the larger training set may owe its gain to them."""
    if told.empty:
        return "Nothing has been trained yet."
    groups = told.groupby([name for name in ("seed", "split") if name in told])
    if unequal := [name for name in ("images in a batch", "steps") if (groups[name].nunique() > 1).any()]:
        remedy = "`reid.length: equal` in the profile, or a number of `reid.config.steps`, gives each the same steps."
        return f"The trainings differ in {' and '.join(unequal)}: a gain may come from there. {remedy}"
    ends = {name: dict.fromkeys((told[name].min(), told[name].max())) for name in GIVEN}
    batch, steps, images = (" to ".join(f"{int(each):,}" for each in ends[name]) for name in GIVEN)
    words = f"Every training had batches of {batch} images and {steps} steps, and saw {images} images"
    return words + ", the same for one seed and split" * (len(told[GIVEN].drop_duplicates()) > 1) + "."


def history(record: StageRecord, split: int = 1) -> pd.DataFrame:
    """Losses over the steps of a training of an evaluation: columns step, total, one per term, accuracy (share of the
    batch)."""
    stages = record.folder.parent.parent
    lines = (stages / record.values["trainings"][str(split)]["stage"] / "history.jsonl").read_text().splitlines()
    return pd.DataFrame([json.loads(line) for line in lines])


def histories(records: Iterable[StageRecord]) -> dict[str, list[pd.DataFrame]]:
    """The histories of all seeds by training set, for `viz.training_curves`."""
    found: dict[str, list[pd.DataFrame]] = {}
    for record in records:
        found.setdefault(training_label(record.result["config"]["training"]), []).append(history(record))
    return found


def untrained(run: Run, seed: int) -> Method:
    """The run's ReID method with the weights that a training on real images starts from: random ones, or ImageNet's
    where the settings name them. On the CPU."""
    config, identities = run.reid_config, run.data().train_rows()["identity"].nunique()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer(seed, "weights"))
        return run.method(config, identities)


def first_batch(run: Run, *, identities: int, images: int, seed: int = 0) -> tuple[Batch, pd.DataFrame]:
    """A small P×K batch of training images in 0..1, on the CPU, and its rows: `images` visible and as many infrared
    ones of each identity, drawn with replacement, identity by identity. Raises ValueError where there are
    fewer identities."""
    config, learn = run.reid_config, run.data().train_rows()
    names = learn["identity"].drop_duplicates().sample(identities, random_state=seed)
    drawn = learn[learn["identity"].isin(names)].groupby(["modality", "identity"])
    rows = drawn.sample(images, replace=True, random_state=seed).sort_values("modality", ascending=False, kind="stable")
    labels, known = tables.identity_labels(learn)[0], learn["identity"].to_numpy()
    label_of, sides = dict(zip(known, labels.tolist(), strict=True)), {}
    for modality in ("visible", "infrared"):
        own = rows[rows["modality"] == modality]
        pixels = np.asarray(load_images(own["path"].tolist(), (config.height, config.width), cache=None))
        sides[modality] = to_float(pixels, torch.device("cpu"))
        sides[f"{modality}_labels"] = torch.tensor([label_of[name] for name in own["identity"]])
        sides[f"{modality}_rows"] = torch.from_numpy(own.index.to_numpy(copy=True))
    return Batch(**sides, generator=seeds.generator(seed, "first batch")), rows.reset_index(drop=True)

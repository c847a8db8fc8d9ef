"""Many trainings at once: what they share is made first, then an executor trains them in parallel."""

from collections.abc import Iterator, Sequence
from functools import partial

from vireid_lib.experiment import executors, methods, variants
from vireid_lib.experiment.executors import Job
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord, canonical

Training = tuple[Run, str, int]
"""The run whose profile says how, the training set, the seed."""


def compare(run: Run) -> list[StageRecord]:
    """Train and evaluate every training set of the profile with every seed."""
    names, seeds = run.profile.reid.training_sets, run.profile.reid.seeds
    return evaluate_all([(run, name, seed) for seed in seeds for name in names])


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
        if (method := run.profile.reid.method) in methods.JOINT:
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

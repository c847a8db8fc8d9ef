"""Many trainings at once: what they share is made first, then an executor trains them beside each other."""

from collections.abc import Sequence

from vireid_lib.experiment import executors, methods, variants
from vireid_lib.experiment.executors import Job
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.provenance import StageRecord, canonical

Training = tuple[Run, str, int]
"""The run whose profile says how, the training set, the seed."""


def compare(run: Run, *, validation: bool = False) -> list[StageRecord]:
    """Train and evaluate every training set of the profile with every seed."""
    names, seeds = run.profile.reid.training_sets, run.profile.reid.seeds
    return evaluate_all([(run, name, seed) for seed in seeds for name in names], validation=validation)


def evaluate_all(trainings: Sequence[Training], *, validation: bool = False) -> list[StageRecord]:
    """`Run.evaluate` for every training, in their order; runs that share a workspace may differ in method and settings.
    What is finished already is fetched here; other processes are started for the rest alone.

    On a CPU the trainings share the cores, one thread each: small networks use many cores badly, and a result
    does not depend on how many there are. With `--engine ray` they are tasks of a cluster.

    Raises:
        StageFailed: some failed; the others are done and kept.
        ValueError, FileNotFoundError: see `Run.check_draw`; nothing was trained or fitted.
    """
    there = [run.finished(name, seed, validation=validation) for run, name, seed in trainings]
    missing = [training for training, found in zip(trainings, there, strict=True) if found is None]
    made = iter(_make(missing, validation) if missing else ())
    return [found or next(made) for found in there]


def _make(trainings: Sequence[Training], validation: bool) -> list[StageRecord]:
    device, engine = trainings[0][0].device, executors.chosen()
    shared = {}  # what trainings have in common is made once, before they start
    for run, name, seed in trainings:
        run = run.with_fit(name, seed)
        apart = canonical(run.profile.model_dump(exclude={"reid"}))
        shared |= {(apart, name, split): (run, name, split) for split in run.splits}
    if engine == "local":
        for run, name, split in shared.values():
            run.training_set(name, split)
    else:
        sets = [
            Job(f"training set {name}", _training_set_in_worker, (_run_spec(run), name, split))
            for run, name, split in shared.values()
        ]
        executors.run(sets, device=device, label="Training data", unit="sets")
    starts = {  # what several trainings of a seed start from; trainings would wait for one another's otherwise
        (run.profile.reid.method, name, seed): Job(
            f"what {run.profile.reid.method} on {name}, seed {seed}, starts from",
            _start_in_worker,
            (_run_spec(run), name, seed, validation),
        )
        for run, name, seed in trainings
        if run.profile.reid.method in methods.JOINT
    }
    if len(starts) > 1:
        executors.run(list(starts.values()), device=device, label="Pre-training", unit="generators")
    alone = engine == "local" and executors.workers(len(trainings), device) == 1
    jobs = [
        Job(words, _evaluate_in_worker, (_run_spec(run), name, seed, validation, alone))
        for words, (run, name, seed) in zip(_names(trainings), trainings, strict=True)
    ]
    return executors.run(jobs, device=device, label="ReID", unit="trainings")


def _names(trainings: Sequence[Training]) -> list[str]:
    """A name for each training, with what tells it apart from others of its method and training set."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for place, (run, name, _) in enumerate(trainings):
        kinds.setdefault((run.profile.reid.method, name), []).append(place)
    found = [""] * len(trainings)
    for (method, name), places in kinds.items():
        words = variants.apart([variants.resolved(trainings[place][0].profile, name) for place in places])
        for place, more in zip(places, words, strict=True):
            found[place] = f"{method}{f' ({more})' * bool(more)} on {name}, seed {trainings[place][2]}"
    return found


RunSpec = tuple[dict, str, str]
"""Profile, workspace and data root of a run, for another process."""


def _run_spec(run: Run) -> RunSpec:
    return run.profile.model_dump(), str(run.folder), str(run.data_root or "")


def _open(spec: RunSpec) -> Run:
    profile, workspace, data_root = spec
    return Run(Profile.model_validate(profile), workspace, data_root)


def _training_set_in_worker(spec: RunSpec, name: str, split: int) -> int:
    return len(_open(spec).training_set(name, split))


def _start_in_worker(spec: RunSpec, name: str, seed: int, validation: bool) -> int:
    run = _open(spec)
    return len([run.starting_point(name, seed, split, validation=validation) for split in run.splits])


def _evaluate_in_worker(spec: RunSpec, name: str, seed: int, validation: bool, progress: bool) -> StageRecord:
    return _open(spec).evaluate(name, seed, validation=validation, progress=progress)

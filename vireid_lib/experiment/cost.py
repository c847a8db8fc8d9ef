"""What `vireid book --plan` prints: what DiVE will make and how long it will take, before anything is started."""

from pathlib import Path

from vireid_lib import experiment
from vireid_lib.experiment.pipeline import Run


def plan(profile: str, workspace: str | Path = "", data_root: str = "") -> str:
    """The plan of a profile: it reads the data sets' lists, and times a few steps where the base model is at hand.

    Raises:
        MissingData, FileError: as for running the book.
    """
    from vireid_lib.generators.dive.cost import estimate

    run = experiment.open(profile, workspace, data_root)

    config, count = run.generator_config("dive"), len(run.splits)
    expected = estimate(run.fitted_rows("dive"), config, synthetic(run), device=run.device)
    lines = [f"DiVE on profile {run.profile.name}, {run.profile.data.target} with {run.profile.data.external}:"]
    lines += [f"  {line}" for line in expected.to_text(run.cache.folder).splitlines()]
    if count > 1:
        lines.append(f"  all of it {count} times, once for each of the data set's splits")
    return "\n".join(lines)


def synthetic(run: Run) -> int:
    """Images that one gallery of the profile holds."""
    people = run.data().external["identity"].nunique()
    return people * len(run.infrared_cameras) * run.profile.expand.per_camera

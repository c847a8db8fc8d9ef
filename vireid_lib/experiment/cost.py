"""What `vireid book --plan` prints: what DiVE will make and how long it will take, before anything is started."""

from pathlib import Path

from vireid_lib.experiment import pipeline as stages
from vireid_lib.experiment.run import Book, open_book
from vireid_lib.experiment.settings import dive_config


def plan(profile: str, workspace: str | Path = "", data_root: str = "") -> str:
    """The plan of a profile: it reads the data sets' lists, and times a few steps where the base model is at hand.

    Raises:
        MissingData, FileError: as for running the book.
    """
    book = open_book(profile, workspace, data_root)
    from vireid_lib.generators.dive.cost import estimate

    config, count = dive_config(book.profile), len(stages.splits(book))
    expected = estimate(stages.fitted_rows(book), config, synthetic(book), device=book.device)
    lines = [f"DiVE on profile {book.profile.name}, {book.profile.data.target} with {book.profile.data.external}:"]
    lines += [f"  {line}" for line in expected.to_text(book.workspace.folder).splitlines()]
    if count > 1:
        lines.append(f"  all of it {count} times, once for each of the data set's splits")
    return "\n".join(lines)


def synthetic(book: Book) -> int:
    """Images that one gallery of the profile holds."""
    people = stages.datasets(book).external["identity"].nunique()
    return people * len(stages.infrared_cameras(book)) * book.profile.expand.per_camera

"""The folders of stages on disk: their records, their attempts, and how one is removed."""

import os
import shutil
from pathlib import Path

from vireid_lib.data.contents import ASIDE, aside
from vireid_lib.data.text import DamagedFile, read_json
from vireid_lib.experiment.provenance import StageRecord, now, write_json

RESULT = "result.json"
ATTEMPTS = "attempts.json"


def is_finished(path: Path) -> bool:
    """Whether a record is that of a complete stage."""
    return not path.parent.name.endswith((".partial", ASIDE))


def remove(folder: Path) -> None:
    """As a whole: after a kill in the midst of it, the next run must not take a part for work to go on with."""
    os.replace(folder, gone := aside(folder))
    shutil.rmtree(gone)


def load_record(name: str, key: str, folder: Path) -> StageRecord | None:
    """The stage's record; None where there is none, or a damaged one, which is named: the stage starts afresh."""
    if not (folder / RESULT).exists():
        return None
    try:
        held = read_json(folder / RESULT)
        if not isinstance(held, dict) or not {"values", "finished"} <= held.keys():
            raise DamagedFile(folder / RESULT, "no record of a stage")
        return StageRecord(name, key, folder, held)
    except DamagedFile as error:
        print(f"{error}\nStage {name} counts as not made.", flush=True)
        return None


def count_attempt(partial: Path) -> int:
    """How often a stage was begun, this time included."""
    path = partial / ATTEMPTS
    try:
        count = read_json(path)["attempts"] + 1
    except (FileNotFoundError, DamagedFile):
        count = 1
    write_json(path, {"attempts": count, "process": os.getpid(), "started": now()})
    return count

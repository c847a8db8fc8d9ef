"""The losses of a training over its steps, and their file: a JSON object a line, of which there are never too many."""

import json
import math
from pathlib import Path

from vireid_lib.data.contents import write_atomically

MOST = 10_000  # records beyond which a history is thinned to at most half as many

Record = dict[str, int | float]


class History(list[Record]):
    """Records `{"step": completed steps, loss name: mean since the previous record}`, oldest first, of a training on
    `device`, e.g. "cuda:0". Of a training with very many steps the older records are means over more steps; see
    `thinned`.

    `seconds` is the training time over all runs in the folder, without what a killed run did in vain; `started_at` the
    step that this run began with, 0 unless it continued another.
    """

    seconds: float = 0.0
    started_at: int = 0
    device: str = "cpu"

    def column(self, name: str) -> tuple[list[int], list[float]]:
        """(steps, values) of the loss `name`, for a plot."""
        rows = [record for record in self if name in record]
        return [row["step"] for row in rows], [row[name] for row in rows]


def thinned(records: list[Record], every: int, most: int) -> list[Record]:
    """The records, every so many steps before any thinning, as they are, if there are at most `most`; else with means
    over `every` times a power of two steps in place of all but the last, the smallest that leaves at most half of
    `most`."""
    if len(records) <= most:
        return records
    width, blocks = every, {}
    while not blocks or len(blocks) + 1 > most // 2:
        width, blocks, before = 2 * width, {}, 0
        for record in records[:-1]:
            blocks.setdefault(-(-record["step"] // width), []).append((record["step"] - before, record))
            before = record["step"]
    return [*(_mean(block) for block in blocks.values()), records[-1]]


def _mean(block: list[tuple[int, Record]]) -> Record:
    """The mean of records, each weighted by its steps."""
    if len(block) == 1:
        return block[0][1]
    found: Record = {"step": block[-1][1]["step"]}
    for name in dict.fromkeys(name for _, record in block for name in record if name != "step"):
        values = [(steps, record[name]) for steps, record in block if name in record]
        found[name] = math.fsum(steps * value for steps, value in values) / sum(steps for steps, _ in values)
    return found


def write(file: Path, records: list[Record]) -> None:
    """Replace the file."""
    write_atomically(file, "".join(json.dumps(record) + "\n" for record in records).encode())


def append(file: Path, record: Record) -> None:
    """Add a line to the file."""
    with open(file, "a") as stream:
        stream.write(json.dumps(record) + "\n")


def read(file: Path, step: int) -> list[Record]:
    """The records up to `step`; what a killed run logged after its last checkpoint is left out."""
    records = []
    for text in file.read_text().splitlines() if file.exists() else []:
        try:
            record = json.loads(text)
        except json.JSONDecodeError:
            break  # the line that was being written when the run was killed
        if record["step"] <= step:
            records.append(record)
    return records

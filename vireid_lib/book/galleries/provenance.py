"""Where a gallery's images come from: their seeds, the photographs they were made from, and making one again."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from vireid_lib.analysis.ssim import ssim
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.generators.galleries import RECORD
from vireid_lib.viz.pictures import Grid, pixels, short


@dataclass(frozen=True, eq=False)
class Again:
    """An image of a gallery beside the one that its recorded seed gives now."""

    grid: Grid
    difference: int

    @property
    def sentence(self) -> str:
        """What the comparison found."""
        made = "The image, made again from what is recorded,"
        if self.difference == 0:
            return f"{made} is equal to the stored one in every pixel."
        what = f"{made} differs from the stored one by up to {self.difference} of 255"
        if self.difference <= 2:
            return f"{what}: made alone instead of in a batch, sums of floats are rounded in another order."
        return f"{what}. That is more than rounding: device or library versions are not those of the record."


def make_again(run: Run, name: str = "dive", place: int = 0) -> Again:
    """Make the image in row `place` of generator `name`'s gallery again from what its table records, and compare."""
    table = run.synthesize(name)
    row = table.iloc[place]
    with Image.open(row["path"]) as image:
        size = (image.height, image.width)
    again = _sampled(run, row) if name == "dive" else _expanded(run, name, row, size)
    stored = pixels([row["path"]], size)[0]
    difference = np.abs(again.astype(int) - stored)
    shown = np.clip(difference * 32, 0, 255).astype(np.uint8)
    by = "" if pd.isna(row["seed"]) else f",\nseed {row['seed']}"
    grid = Grid([[stored, again, shown]], [short(row["identity"])], ["stored", f"made again{by}", "difference\n× 32"])
    return Again(grid, int(difference.max()))


def _sampled(run: Run, row: pd.Series) -> np.ndarray:
    from vireid_lib.generators.dive.sample import Request, sample

    return sample(run.generator("dive").model, [Request(row["identity"], row["camera"], int(row["seed"]))])[0]


def _expanded(run: Run, name: str, row: pd.Series, size: tuple[int, int]) -> np.ndarray:
    """The image once more, with the others of its person alone: who else is in a gallery makes no difference."""
    cameras, per_camera = run.infrared_cameras, run.profile.expand.per_camera
    maker = run.generator(name)
    seed = getattr(maker.config, "seed", 0)
    with tempfile.TemporaryDirectory() as folder:
        made = maker.expand([row["identity"]], cameras, per_camera, seed, Path(folder), source=run.data().external)
        same = made[(made["camera"] == row["camera"]) & (made["path"].map(_file) == _file(row["path"]))]
        return pixels([same["path"].iloc[0]], size)[0]


def _file(path: str) -> str:
    return Path(path).name


def origins(run: Run, name: str, *, people: int = 6) -> Grid:
    """Images of a gallery above the photographs that they were made from, or, where the generator did not record any,
    above the photograph of the same person that comes nearest (1 - SSIM)."""
    table, external = run.synthesize(name), run.data().external
    rows = table.drop_duplicates("identity").sort_values("identity").iloc[:people]
    record = Path(rows["path"].iloc[0]).parents[2] / RECORD
    made_from = json.loads(record.read_text()).get("made_from", {}) if record.exists() else {}
    by_name = {_short(path): path for path in external["path"]}
    starts = [[by_name[each] for each in made_from.get(_short(path), ())] for path in rows["path"]]
    if all(starts):
        most = max(map(len, starts))
        below = [pixels([each[place] for each in starts]) for place in range(most)]
        words = ["made from"] + ["and from"] * (most - 1)
    else:
        below, words = [_nearest_photographs(rows, external)], ["nearest photograph\nof the person"]
    labels = [f"camera {short(camera)}" for camera in rows["camera"]]
    return Grid([list(pixels(rows)), *map(list, below)], [f"{training_label(name).removeprefix('+ ')}", *words], labels)


def _nearest_photographs(rows: pd.DataFrame, external: pd.DataFrame) -> np.ndarray:
    found = []
    for image, identity in zip(pixels(rows), rows["identity"], strict=True):
        own = pixels(external[external["identity"] == identity])
        found.append(own[int(ssim(np.repeat(image[None], len(own), 0), own).argmax())])
    return np.stack(found)


def _short(path: str) -> str:
    return "/".join(Path(path).parts[-3:])


def provenance(table: pd.DataFrame, count: int = 6) -> pd.DataFrame:
    """Some rows of a synthetic gallery as they are recorded, with paths shortened to their last three parts."""
    rows = table.iloc[np.linspace(0, len(table) - 1, min(count, len(table))).round().astype(int)]
    return rows.assign(path=["/".join(Path(path).parts[-3:]) for path in rows["path"]]).reset_index(drop=True)

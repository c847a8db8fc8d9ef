"""The data that a run works with, as tables: the drawn world or the sets on disk, and who is expanded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from vireid_lib.data import tables
from vireid_lib.data.decode import upright
from vireid_lib.data.layouts import read_dataset
from vireid_lib.data.layouts.market1501 import DRAWN
from vireid_lib.data.layouts.sysu import PERMUTATIONS
from vireid_lib.data.look import look_at_all
from vireid_lib.data.text import printable
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.provenance import StageRecord, canonical
from vireid_lib.experiment.settings import world_size

if TYPE_CHECKING:
    from vireid_lib.experiment.context import Context


@dataclass(frozen=True, eq=False)
class Datasets:
    """The tables of one run: every image of the visible-infrared set; the visible images of the identities to be
    expanded, under the split "external", if there is such a set; and the folder of the drawn miniature world."""

    target: pd.DataFrame
    external: pd.DataFrame | None
    world: Path | None

    def train_rows(self, *, hold_out_validation: bool = False) -> pd.DataFrame:
        """The target's rows to learn from: train and val, or train alone where val chooses settings."""
        rows = tables.training_rows(self.target)
        return rows[rows["split"] != "val"].reset_index(drop=True) if hold_out_validation else rows

    def test(self, *, validation: bool = False) -> pd.DataFrame:
        """The rows that the protocol ranks: the test identities, or the validation ones."""
        if validation:
            return self.target[self.target["split"] == "val"].reset_index(drop=True)
        return tables.test_rows(self.target)

    def oracle(self) -> pd.DataFrame:
        """The external identities' infrared images as the miniature world's renderer knows them, for references and
        measurements only."""
        from vireid_lib.miniworld.oracle import read_oracle

        if self.world is None:
            raise ValueError("The true infrared of external identities exists in the miniature world only.")
        rows = read_oracle(self.world / "mini_truth", "true")
        identities = set(self.external["identity"])
        if unknown := sorted(identities - set(rows["identity"])):
            why = "the miniature world keeps the truth about mini_market's only"
            raise ValueError(
                f"Nobody knows {len(unknown)} external identities in infrared, first {unknown[0]!r}: {why}."
            )
        return rows[rows["identity"].isin(identities)].reset_index(drop=True)


def world(run: Context, *, campus: bool = False) -> StageRecord | None:
    """Draw the miniature world, or its second external set; None where the profile reads real data."""
    if not run.miniature:
        return None
    from vireid_lib.miniworld import write

    size, seed = world_size(run.profile), run.profile.world.seed
    config = {"seed": seed, "size": run.profile.world.size, "look": write.LOOK}

    def make(folder: Path) -> dict:
        write.make(folder, seed=seed, size=size, names=(write.CAMPUS,) if campus else write.SETS)
        return {"images": sum(1 for _ in folder.rglob("*.jpg"))}

    return run.stage("world_campus" if campus else "world", config, {}, make, code=[write], seeds=[seed])


def read(run: Context, split: int = 1) -> Datasets:
    """The tables of the profile's data sets (of RegDB's ten splits the one named), read once for a run and those that
    are derived from it. Whoever changes the images on the disk opens the run again."""
    about = run.profile.model_dump(include={"world", "data", "expand"})  # all settings that the tables depend on
    if (key := canonical([about, run.profile.evaluation.protocol, split])) not in run.tables:
        profile, drawn, external = run.profile, world(run), None
        of_split = {"trial": split} if profile.evaluation.protocol == "regdb" else {}
        target = _readable(run, profile.data.target, **of_split)
        if profile.data.external is not None:
            own = {"drawn": True} if DRAWN in profile.expand.splits else {}
            external = chosen_external(_readable(run, profile.data.external, **own), profile)
        run.tables[key] = Datasets(target, external, drawn and drawn.folder)
    known = run.tables[key]
    return Datasets(known.target.copy(), None if known.external is None else known.external.copy(), known.world)


def permutation_file(run: Context) -> Path | None:
    """The target's file of official galleries, which may be missing; None where the profile draws them otherwise."""
    if run.profile.evaluation.draw != "official":
        return None
    return run.dataset_root(run.profile.data.target) / PERMUTATIONS


def _readable(run: Context, name: str, **options: object) -> pd.DataFrame:
    """A data set's table, where the profile says so without the images that cannot be read, which are counted."""
    from vireid_lib.miniworld.write import CAMPUS

    drawn = world(run, campus=name == CAMPUS)
    table = read_dataset(name, run.dataset_root(name, drawn and drawn.folder), **options)
    if run.profile.data.broken_images != "skip":
        return table
    there = table["path"].map(lambda path: os.path.isfile(path) and os.access(path, os.R_OK)).astype(bool)
    held = table[there].reset_index(drop=True)

    def make(folder: Path) -> dict:
        wrong = {path: each.wrong for path, each in look_at_all(held["path"].tolist()).items() if each.wrong}
        rows = [int(row) for row in held.index[held["path"].isin(wrong)]]
        return {"rows": rows, "wrong": [f"{printable(Path(path).name)} {why}" for path, why in wrong.items()]}

    # The run's own `stage` would count what is only being found here.
    record = run.cache.stage("broken_images", {"data_set": name}, {"table": held}, make, code=[look_at_all])
    kept = held.drop(index=record.values["rows"]).reset_index(drop=True)
    run.skipped_images[name] = len(table) - len(kept)
    if kept.empty:
        first = printable(table["path"].iloc[0])
        raise ValueError(f"No image of {name} can be read, the first is {first}: unpack the data set again.")
    return kept


def most_seen(table: pd.DataFrame) -> list[str]:
    """The identities of a table, those with most images first; those with equally many in order of their names."""
    counts = table["identity"].value_counts()
    return sorted(counts.index, key=lambda name: (-counts[name], name))


def chosen_external(table: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    """The images, in the parts `expand.splits`, of the external identities that are expanded: those with enough images,
    the first `expand.identities` of them in the order of `most_seen`, under the split "external".

    Distractors (identity 0) are nobody, and images that `expand.min_aspect` refuses do not count. Raises ValueError: no
    identity has enough images."""
    rows = table[table["split"].isin(profile.expand.splits) & ~table["identity"].str.fullmatch(r"[^/]+/0+")]
    rows = rows[upright(rows["path"].tolist(), profile.expand.min_aspect)]
    counts = rows["identity"].value_counts()
    enough = rows[rows["identity"].isin(counts.index[counts >= profile.expand.min_images])]
    names = most_seen(enough)[: profile.expand.identities]
    if not names:
        most = f"the most is {counts.max() if len(counts) else 0}. Lower it in profile {profile.name}."
        wanted = f"expand.min_images = {profile.expand.min_images} images"
        raise ValueError(f"No identity of {profile.data.external} has {wanted}; {most}")
    return rows[rows["identity"].isin(names)].assign(split="external").reset_index(drop=True)

"""Each data set's protocol as one object: queries, galleries, number of trials, removal rule."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from vireid_lib.evaluation import draws
from vireid_lib.evaluation.draws import all_images, images_by_place, seeded_draw

DIRECTIONS = ("visible-to-infrared", "infrared-to-visible")


@dataclass(frozen=True, eq=False)
class Trial:
    """One ranking: query rows and gallery rows, under the index labels of their table.

    `part` numbers, from 0, the part of the identities that is ranked (`SysuProtocol.galleries`).
    """

    query: pd.DataFrame
    gallery: pd.DataFrame
    name: str
    part: int = 0


class EvaluationProtocol:
    """What `evaluate` needs. `rule`: `score`'s; `name`: all that changes the numbers; `CHOICES`: settings' values."""

    rule: ClassVar[str]
    name: str
    CHOICES: ClassVar[dict[str, tuple]] = {}

    def __post_init__(self) -> None:
        for setting, choices in self.CHOICES.items():
            _one_of(getattr(self, setting), choices, setting)
        for setting in {"shots", "trial_count", "galleries"} & vars(self).keys():
            if getattr(self, setting) < 1:
                raise ValueError(f"{setting} is {getattr(self, setting)}; it must be at least 1")

    def trials(self, table: pd.DataFrame) -> list[Trial]:
        """The rankings of a table: the test rows of one data set. Raises ValueError: no query or no gallery image; or
        several splits, whose identities would share a gallery."""
        raise NotImplementedError(f"{type(self).__name__} has no trials")

    def to_dict(self) -> dict:
        """The settings for a result record."""
        return {"name": self.name, "rule": self.rule, **asdict(self)}


def _one_of(value: object, choices: tuple, what: str) -> None:
    if value not in choices:
        raise ValueError(f"{what} is {value!r}; it must be one of {', '.join(map(repr, choices))}")


def _trial(name: str, query: pd.DataFrame, gallery: pd.DataFrame, table: pd.DataFrame, part: int = 0) -> Trial:
    for what, rows in (("query", query), ("gallery", gallery)):
        if rows.empty:
            held = ", ".join(sorted({*(table["modality"] + " camera " + table["camera"])})) or "no image at all"
            raise ValueError(f"{name}: no {what} image; it holds {held}. Hand in this data set's test rows.")
        splits = sorted(rows["split"].unique())
        if len(splits) > 1:
            raise ValueError(f"{name}: {what} images come from the splits {', '.join(splits)}; hand in one of them")
    return Trial(query, gallery, name, part)


@dataclass(frozen=True)
class SysuProtocol(EvaluationProtocol):
    """SYSU-MM01 (Wu et al., ICCV 2017) and any data set in its layout: infrared queries, visible gallery.

    Attributes:
        mode: "all" searches cameras 1, 2, 4, 5; "indoor" searches 1, 2. Both rank all queries; those of
            identities that the indoor cameras never saw are skipped.
        shots: gallery images per identity and camera; 1 (single-shot) or 10 (multi-shot) in the literature.
        draw: "seeded" (AGW, CAJ, DEEN, DART; published for one shot only) or "official" (the data set's own
            permutations; MPANet, JSIA-ReID). Their numbers differ per trial.
        permutation_file: the data set's `exp/rand_perm_cam.mat`; goes with the official draw.
        trial_count: galleries drawn; papers report the mean of 10.
        galleries: into so many contiguous parts the identities are dealt, by number; sizes differ by one at most. Each
            part is a test of its own, its queries against its gallery in `trial_count` draws, and the score is the mean
            of all. The literature has one. One gallery of few identities is easier or harder than another; several
            show by how much. Not with the official draw.
    """

    mode: str = "all"
    shots: int = 1
    draw: str = "seeded"
    permutation_file: str | Path | None = None
    trial_count: int = 10
    galleries: int = 1

    rule: ClassVar[str] = "sysu-mm01"
    CHOICES: ClassVar[dict[str, tuple]] = {"mode": ("all", "indoor"), "draw": ("seeded", "official")}
    QUERY_CAMERAS: ClassVar[tuple[int, ...]] = (3, 6)
    GALLERY_CAMERAS: ClassVar[dict[str, tuple[int, ...]]] = {"all": (1, 2, 4, 5), "indoor": (1, 2)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.draw == "official") != (self.permutation_file is not None):
            raise ValueError('draw="official" needs permutation_file, and no other draw takes one')
        if self.draw == "official" and self.galleries > 1:
            raise ValueError(f'draw="official" draws one gallery, not {self.galleries}; use galleries=1')

    @property
    def name(self) -> str:
        """The searched cameras, how the gallery is drawn, and the number of galleries if there are several."""
        shots = {1: "single-shot", 10: "multi-shot"}.get(self.shots, f"{self.shots}-shot")
        parts = f", identities in {self.galleries} galleries" if self.galleries > 1 else ""
        return f"{self.mode}-search, {shots}, {self.draw} draw{parts}"

    def trials(self, table: pd.DataFrame) -> list[Trial]:
        """Return the trials, part after part, each with all queries of its part and a gallery of its own. Raises
        ValueError: see `EvaluationProtocol.trials`; fewer than two identities for each part; or a table that the
        official draw does not fit. Raises FileNotFoundError: no permutation file."""
        queries, places = images_by_place(table, "infrared"), images_by_place(table, "visible")
        trials = []
        for part, names in enumerate(self._parts({**queries, **places})):
            asking = {name: queries[name] for name in names if name in queries}
            query = table.loc[all_images(asking, self.QUERY_CAMERAS)]
            prefix = f"people {part + 1} of {self.galleries}, " if self.galleries > 1 else ""
            for k, rows in enumerate(self._draws({name: places.get(name, {}) for name in names}, table)):
                trials.append(_trial(f"{prefix}gallery {k}", query, table.loc[rows], table, part))
        return trials

    def _parts(self, everybody: draws.Places) -> list[list[str]]:
        """The identities' numbers in each part, ascending."""
        if 1 < self.galleries > len(everybody) // 2:
            raise ValueError(
                f"{self.name}: the table holds {len(everybody)} identities, and a part needs two or more; "
                f"set galleries to {max(1, len(everybody) // 2)} or less"
            )
        return [part.tolist() for part in np.array_split(sorted(everybody), self.galleries)]

    def _draws(self, places: draws.Places, table: pd.DataFrame) -> list[list]:
        """The gallery of each trial, as index labels; `places` also names identities without a visible image."""
        cameras = self.GALLERY_CAMERAS[self.mode]
        if self.draw == "seeded":
            return [seeded_draw(places, cameras, k, self.shots) for k in range(self.trial_count)]
        held = draws.read_permutations(Path(self.permutation_file)), table["path"]
        try:
            return [draws.official_draw(places, cameras, k, self.shots, *held) for k in range(self.trial_count)]
        except ValueError as error:
            raise ValueError(f"{self.permutation_file}: {error}") from None

    def to_dict(self) -> dict:
        file = self.permutation_file and Path(self.permutation_file).name
        return super().to_dict() | {"permutation_file": file}


@dataclass(frozen=True)
class RegdbProtocol(EvaluationProtocol):
    """RegDB (Nguyen et al., 2017): every image of one modality is a query, every image of the other is in the gallery.

    The ten published splits are ten trials with ten training sets. One object is one split: read the data
    set with that `trial`, **evaluate the network that was trained on that very split**, and average with
    `evaluation.combine`. One network for all splits has seen most test identities.

    Attributes:
        direction: "visible-to-infrared" (visible queries) or "infrared-to-visible".
        trial: the split, 1 to 10.
    """

    direction: str = "visible-to-infrared"
    trial: int = 1

    rule: ClassVar[str] = "regdb"
    CHOICES: ClassVar[dict[str, tuple]] = {"direction": DIRECTIONS, "trial": tuple(range(1, 11))}

    @property
    def name(self) -> str:
        """The direction; the split is the trial's name."""
        return self.direction

    def trials(self, table: pd.DataFrame) -> list[Trial]:
        sides = (table.loc[all_images(images_by_place(table, name))] for name in self.direction.split("-to-"))
        return [_trial(f"split {self.trial}", *sides, table)]


@dataclass(frozen=True)
class LlcmProtocol(EvaluationProtocol):
    """LLCM (Zhang and Wang, DEEN, CVPR 2023): each trial draws one image per identity and camera.

    Attributes:
        direction: "visible-to-infrared" (visible queries) or "infrared-to-visible".
        reading: "paper": all images of the query modality search the drawn images of the other. "release": for
            visible-to-infrared, DEEN's code lets the drawn infrared images search all visible ones; for
            infrared-to-visible it agrees with the paper.
        trial_count: draws; papers report the mean of 10.
    """

    direction: str = "visible-to-infrared"
    reading: str = "paper"
    trial_count: int = 10

    rule: ClassVar[str] = "llcm"
    CHOICES: ClassVar[dict[str, tuple]] = {"direction": DIRECTIONS, "reading": ("paper", "release")}
    # Infrared camera 3 is no part of the protocol, even where a copy of the data set holds such images.
    CAMERAS: ClassVar[dict[str, tuple[int, ...]]] = {
        "visible": (1, 2, 3, 4, 5, 6, 7, 8, 9),
        "infrared": (1, 2, 4, 5, 6, 7, 8, 9),
    }

    @property
    def name(self) -> str:
        """The direction and the reading."""
        return f"{self.direction}, {self.reading} reading"

    def trials(self, table: pd.DataFrame) -> list[Trial]:
        asking, answering = self.direction.split("-to-")
        everything = table.loc[all_images(images_by_place(table, asking), self.CAMERAS[asking])]
        places = images_by_place(table, answering)
        trials = []
        for k in range(self.trial_count):
            query, gallery = everything, table.loc[seeded_draw(places, self.CAMERAS[answering], k)]
            if self.reading == "release" and asking == "visible":
                query, gallery = gallery, query
            trials.append(_trial(f"draw {k}", query, gallery, table))
        return trials


@dataclass(frozen=True)
class MarketProtocol(EvaluationProtocol):
    """Market-1501 (Zheng et al., ICCV 2015), CUHK03-NP: queries from the split "query", gallery from "gallery"."""

    rule: ClassVar[str] = "market-1501"
    name: ClassVar[str] = "single query"

    def trials(self, table: pd.DataFrame) -> list[Trial]:
        query, gallery = (table[table["split"] == split] for split in ("query", "gallery"))
        return [_trial(self.name, query, gallery, table)]


PROTOCOLS = {kind.rule: kind for kind in (SysuProtocol, RegdbProtocol, LlcmProtocol, MarketProtocol)}


def build_protocol(rule: str, mode: str | None = None, **options: object) -> EvaluationProtocol:
    """Build a protocol from the settings of a manifest or a profile: a rule, as in `score`; a mode, which is
    SYSU-MM01's "all" or "indoor", RegDB's and LLCM's direction ("_" or "-" between its words), none for Market-1501;
    and the protocol's other attributes. Raises ValueError: unknown rule or mode, naming the valid ones."""
    _one_of(rule, tuple(PROTOCOLS), "rule")
    if mode is not None and rule == MarketProtocol.rule:
        raise ValueError(f"{rule} has no modes, and {mode!r} was given; leave the mode out")
    if mode is not None:
        options["mode" if rule == SysuProtocol.rule else "direction"] = mode.replace("_", "-")
    return PROTOCOLS[rule](**options)

"""What every generator of synthetic images can be asked, whatever is inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import pandas as pd
from jaxtyping import UInt8
from numpy import ndarray
from pydantic import BaseModel

Capability = Literal["expand", "translate"]


@runtime_checkable
class Generator(Protocol):
    """Makes rows for the image table out of rows of the image table.

    Made as `GENERATOR(config, cache=..., device=..., progress=...)`; see `vireid_lib.generators.build`.

    Attributes:
        name: written into the column `source` of what it makes.
        capabilities: "expand" (a gallery of known identities under given cameras) and/or "translate" (a given
            visible image as an infrared camera would show it).
        config_class: of its settings; its `fit_settings()` say what fitting depends on, `sampling_settings()` what
            pictures depend on besides, both as JSON values.
        config: its settings.
    """

    name: str
    capabilities: frozenset[Capability]
    config_class: type[BaseModel]
    config: BaseModel

    def fit(self, table: pd.DataFrame, folder: Path) -> None:
        """Learn from the training and external rows of `table`; work, checkpoints and the result lie in
        `folder`, and a run that was stopped continues there.

        Raises:
            ValueError: the table holds test identities.
        """
        ...

    @classmethod
    def load(
        cls,
        folder: Path,
        config: BaseModel | None = None,
        *,
        cache: Path | None = None,
        device: str | None = None,
        progress: bool = True,
    ) -> Generator:
        """What `fit` left in `folder`.

        Raises:
            FileNotFoundError: nothing was fitted there.
            ValueError: `config` says something else about what was fitted; names the settings.
        """
        ...

    def summary(self) -> dict[str, Any]:
        """What was fitted, in a few JSON values for a result record."""
        ...

    def expand(
        self,
        identities: Sequence[str],
        cameras: Sequence[str],
        per_camera: int,
        seed: int,
        folder: Path,
        *,
        source: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Make `per_camera` images of each identity under each camera, written into `folder` in SYSU-MM01's
        layout beside the returned table (`table.csv`); continues where a stopped run left off. Generators that
        start from images take those of `source`, or else of the table they were fitted to. Cameras are named as in
        `vireid_lib.data.cameras`: where one number has both modalities, the plain name is the infrared camera's.

        Raises:
            ValueError: an identity or camera that the generator was not fitted to.
        """
        ...

    def translate(
        self, images: UInt8[ndarray, "n height width 3"], identity: str, camera: str
    ) -> UInt8[ndarray, "n height width 3"]:
        """Show visible `images` of `identity` as `camera` would."""
        ...


def require(generator: Generator, capability: Capability) -> None:
    """Raise NotImplementedError, naming what there is, unless the generator has the capability."""
    if capability not in generator.capabilities:
        raise NotImplementedError(
            f"{generator.name} can't {capability}: it can {', '.join(sorted(generator.capabilities))}. "
            "Look at `capabilities` first, or choose another generator."
        )


def refuse_other_settings(folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ValueError, naming what differs, unless the settings `now` are those that `folder` was fitted with."""
    differences = [f"{name} was {then.get(name)!r} and is {now[name]!r}" for name in now if then.get(name) != now[name]]
    if differences:
        raise ValueError(f"{folder} was fitted with other settings: {'; '.join(differences)}. Fit anew elsewhere.")


def refuse_identities(table: pd.DataFrame, forbidden: pd.DataFrame, where: str) -> None:
    """Raise ValueError if somebody on the rows of `forbidden` (the test's, whatever `table` calls them) is on those of
    `table`."""
    both = sorted(set(table["identity"]) & set(forbidden["identity"]))
    if both:
        raise ValueError(
            f"{where}: {len(both)} people of the test are among those to learn from, the first {both[0]!r}. That makes "
            "every later number worthless: restore the data set's lists of identities."
        )


def training_rows_only(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """The table, if each of its rows may be learned from.

    Raises:
        ValueError: a row of a test, query or gallery split; names the identity.
    """
    refused = table[~table["split"].isin(("train", "val", "external"))]
    if len(refused):
        row = refused.iloc[0]
        raise ValueError(
            f"{where}: {len(refused)} rows are not for learning, the first of identity {row['identity']!r} in "
            f"split {row['split']!r}. A generator that has seen test people makes every later number worthless: "
            "pass `data.tables.training_rows(table)` and external rows only."
        )
    return table

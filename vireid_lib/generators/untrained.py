"""What generators share that learn nothing: they remember which images there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from vireid_lib.generators.config import GeneratorConfig
from vireid_lib.generators.interface import Capability, require, training_rows_only


class Untrained:
    """Base of the references that any trained generator must beat."""

    name: str
    capabilities: frozenset[Capability]
    config_class: ClassVar[type[GeneratorConfig]] = GeneratorConfig

    def __init__(
        self,
        config: GeneratorConfig | None = None,
        *,
        cache: Path | None = None,
        device: str | None = None,
        progress: bool = True,
    ) -> None:
        """`cache` and `device` are taken because every generator takes them; nothing is computed on a device."""
        self.config, self.progress = config or self.config_class(), progress
        self._table: pd.DataFrame | None = None

    def fit(self, table: pd.DataFrame, folder: Path) -> None:
        """Remember the images of `table`. Raises ValueError for test rows."""
        self._table = training_rows_only(table, self.name).reset_index(drop=True)

    @classmethod
    def load(
        cls,
        folder: Path,
        config: GeneratorConfig | None = None,
        *,
        cache: Path | None = None,
        device: str | None = None,
        progress: bool = True,
    ) -> Untrained:
        """One that remembers nothing: `expand` then needs a `source`."""
        return cls(config, progress=progress)

    def summary(self) -> dict[str, Any]:
        """How many images it remembers."""
        return {"images": 0 if self._table is None else len(self._table)}

    def translate(
        self, images: UInt8[np.ndarray, "n height width 3"], identity: str, camera: str
    ) -> UInt8[np.ndarray, "n height width 3"]:
        """See `Generator.translate`. Raises NotImplementedError without that capability."""
        require(self, "translate")
        raise AssertionError(f"{self.name} declares translate without having it")

    def rows(self, source: pd.DataFrame | None) -> pd.DataFrame:
        """`source`, or else the table it was fitted to. Raises ValueError when there is neither."""
        if source is None and self._table is None:
            raise ValueError(f"{self.name}: call fit(table, folder) first, or give `source`.")
        return self._table if source is None else source

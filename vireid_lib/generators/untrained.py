"""What generators share that learn nothing: they remember which images there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from vireid_lib.data.cameras import VISIBLE, camera_modalities
from vireid_lib.data.contents import write_atomically
from vireid_lib.generators.config import GeneratorConfig
from vireid_lib.generators.interface import Capability, require, training_rows_only

RECORD = "generator.json"


class Untrained:
    """Base of the references that any trained generator must beat. A fitted folder says what the cameras record."""

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
        self._cameras: dict[str, str] = {}

    def fit(self, table: pd.DataFrame, folder: Path) -> None:
        """Remember the images of `table`, and in `folder` its cameras. Raises ValueError for test rows."""
        self._table = training_rows_only(table, self.name).reset_index(drop=True)
        self._cameras = camera_modalities(self._table)
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_atomically(Path(folder) / RECORD, json.dumps({"cameras": self._cameras}, indent=1).encode())

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
        """One that remembers the cameras of the fitted table, if there is one, and no image: `expand` then needs a
        `source`."""
        made, record = cls(config, progress=progress), Path(folder) / RECORD
        if record.exists():
            made._cameras = json.loads(record.read_text())["cameras"]
        return made

    def summary(self) -> dict[str, Any]:
        """How many images it remembers."""
        return {"images": 0 if self._table is None else len(self._table)}

    def translate(
        self, images: UInt8[np.ndarray, "n height width 3"], identity: str, camera: str
    ) -> UInt8[np.ndarray, "n height width 3"]:
        """See `Generator.translate`. Raises NotImplementedError without that capability."""
        require(self, "translate")
        raise AssertionError(f"{self.name} declares translate without having it")

    def modalities(self, cameras: Sequence[str], rows: pd.DataFrame | None = None) -> dict[str, str]:
        """What each camera records, as the fitted table says, or else `rows`; infrared where neither has it, unless the
        name says "visible"."""
        known = ({} if rows is None else camera_modalities(rows)) | self._cameras
        return {name: known.get(name, "visible" if name.endswith(VISIBLE) else "infrared") for name in cameras}

    def rows(self, source: pd.DataFrame | None) -> pd.DataFrame:
        """`source`, or else the table it was fitted to. Raises ValueError when there is neither."""
        if source is None and self._table is None:
            raise ValueError(f"{self.name}: call fit(table, folder) first, or give `source`.")
        return self._table if source is None else source

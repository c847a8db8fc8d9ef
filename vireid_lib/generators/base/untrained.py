"""What generators share that learn nothing: they remember which images there are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vireid_lib.data.tables import VISIBLE, camera_modalities
from vireid_lib.generators.base.generator import Generator


class Untrained(Generator):
    """Base of the references that any trained generator must beat. A fitted folder says what the cameras record."""

    trained = False

    def learn(self, table: pd.DataFrame, folder: Path) -> dict[str, Any]:
        return {"cameras": camera_modalities(table)}

    def summary(self) -> dict[str, Any]:
        return {"images": self._record.get("images", 0)}

    def modalities(self, cameras: Sequence[str], rows: pd.DataFrame | None = None) -> dict[str, str]:
        """What each camera records, as the fitted table or `rows` say; else infrared, but for a name with "visible"."""
        known = ({} if rows is None else camera_modalities(rows)) | self._record.get("cameras", {})
        return {name: known.get(name, "visible" if name.endswith(VISIBLE) else "infrared") for name in cameras}

"""The reference that any generator must beat: external visible images in grey, passed off as infrared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from vireid_lib.data import tables
from vireid_lib.data.decode import open_image
from vireid_lib.data.grey import grey
from vireid_lib.generators import layout
from vireid_lib.generators.interface import Capability
from vireid_lib.generators.plans import without_repeats
from vireid_lib.generators.untrained import Untrained


class GreyCopies(Untrained):
    """Copies visible images in grey."""

    name = "greyscale copies"
    capabilities: frozenset[Capability] = frozenset({"expand", "translate"})

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
        """Copies of randomly drawn images of each identity, each image once before any comes twice; of `source`
        if that is given, else of the table it was fitted to.

        Raises:
            ValueError: an identity without a visible image, or a camera that records visible light.
        """
        for camera, modality in self.modalities(cameras).items():
            if modality != "infrared":
                raise ValueError(
                    f"{self.name}: {camera!r} is no infrared camera, and copies in grey are passed off as "
                    "infrared images: name infrared cameras."
                )
        table = self.rows(source)
        table = table[table["modality"] == "visible"]
        layout.check_distinct(identities, cameras)
        rows = []
        for identity in identities:
            paths = sorted(table.loc[table["identity"] == identity, "path"])
            if not paths:
                raise ValueError(f"{self.name}: {identity!r} has no visible image among those it was fitted to.")
            rng = np.random.default_rng([seed, *identity.encode()])
            needed = per_camera * len(cameras)
            order = without_repeats(rng, len(paths), needed)
            for index in range(needed):
                camera, number = cameras[index // per_camera], index % per_camera + 1
                path = layout.image_path(folder, identity, camera, number)
                if not layout.is_complete(path):
                    layout.write_image(path, grey(np.array(open_image(paths[order[index]]))))
                rows.append(layout.row(path, identity, camera, self.name, None))
        made = tables.validate(pd.DataFrame(rows, columns=list(tables.COLUMNS)), self.name)
        tables.save(made, Path(folder) / "table.csv")
        return made

    def translate(
        self, images: UInt8[np.ndarray, "n height width 3"], identity: str, camera: str
    ) -> UInt8[np.ndarray, "n height width 3"]:
        """The images in grey; identity and camera make no difference."""
        return grey(images)


GENERATOR = GreyCopies

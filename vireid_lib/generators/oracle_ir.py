"""What only a miniature world has: infrared images of external people as its renderer knows them (an upper bound)."""

from pathlib import Path
from typing import ClassVar

import pandas as pd

from vireid_lib.data import tables
from vireid_lib.generators.base.galleries import TABLE
from vireid_lib.generators.base.plans import GalleryRequest
from vireid_lib.generators.base.untrained import Untrained
from vireid_lib.miniworld.oracle import read_oracle

TRUTH = "mini_truth"


class OracleInfrared(Untrained):
    """The identities as infrared cameras of their world would record them. Nothing is copied: a gallery is rows of the
    world's own images, the first ones of each identity and camera."""

    name = "oracle_ir"
    capabilities = frozenset({"expand"})
    miniature_only = True
    kind: ClassVar[str] = "true"

    def gallery(self, order: GalleryRequest) -> pd.DataFrame:
        """Rows of the world that the source rows' paths lead to, listed in `table.csv`; the seed makes no difference.
        Raises ValueError: the rows are of no miniature world, or the world does not know an identity or camera."""
        rows = read_oracle(world_of(self.source_rows(order.source)) / TRUTH, self.kind)
        for what, asked in (("identity", order.identities), ("camera", order.cameras)):
            if unknown := sorted(set(asked) - set(rows[what])):
                raise ValueError(
                    f"{self.name}: the miniature world has no infrared image of {what} {unknown[0]!r} (and of "
                    f"{len(unknown)} in all); it knows mini_market's identities under its infrared cameras."
                )
        rows = rows[rows["identity"].isin(order.identities) & rows["camera"].isin(order.cameras)]
        rows = rows[rows.groupby(["identity", "camera"]).cumcount() < order.per_camera]
        made = tables.validate(rows.reset_index(drop=True), self.name)
        order.folder.mkdir(parents=True, exist_ok=True)
        tables.save(made, order.folder / TABLE)
        return made


def world_of(rows: pd.DataFrame) -> Path:
    """The folder of the drawn world that images lie in. Raises ValueError where they lie in none."""
    for parent in Path(rows["path"].iloc[0]).parents if len(rows) else ():
        if (parent / TRUTH).is_dir():
            return parent
    raise ValueError("Only the miniature world has infrared images of external people: give mini_market as `source`.")


GENERATOR = OracleInfrared

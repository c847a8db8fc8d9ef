"""The reference that any generator must beat: external visible images in grey, passed off as infrared."""

import numpy as np
import pandas as pd

from vireid_lib.data import tables
from vireid_lib.data.decode import open_image
from vireid_lib.data.grey import grey
from vireid_lib.generators.base import gallery_files
from vireid_lib.generators.base.galleries import TABLE, Pictures
from vireid_lib.generators.base.plans import GalleryRequest, SampleRequest, without_repeats
from vireid_lib.generators.base.untrained import Untrained


class GrayscaleCopies(Untrained):
    """Copies visible images in grey."""

    name = "grayscale"

    def gallery(self, order: GalleryRequest) -> pd.DataFrame:
        """Copies, at their own size, of randomly drawn images of each identity, each image once before any comes twice.
        Raises ValueError: an identity without a visible image, or a camera that records visible light."""
        for camera, modality in self.modalities(order.cameras).items():
            if modality != "infrared":
                raise ValueError(f"{self.name} makes infrared images: {camera!r} is no infrared camera, name one.")
        table, rows, needed = self.source_rows(order.source), [], order.per_camera * len(order.cameras)
        table = table[table["modality"] == "visible"]
        gallery_files.check_distinct(order.identities, order.cameras)
        for identity in order.identities:
            paths = sorted(table.loc[table["identity"] == identity, "path"])
            if not paths:
                raise ValueError(f"{self.name}: {identity!r} has no visible image among those it was fitted to.")
            draw = np.random.default_rng([order.seed, *identity.encode()])
            for index, place in enumerate(without_repeats(draw, len(paths), needed)):
                camera, number = order.cameras[index // order.per_camera], index % order.per_camera + 1
                item = SampleRequest(
                    identity, camera, gallery_files.image_path(order.folder, identity, camera, number), ()
                )
                if not gallery_files.is_complete(item.path):
                    gallery_files.write_image(item.path, grey(np.array(open_image(paths[place]))))
                rows.append(item.row(self.name, None))
        made = tables.validate(pd.DataFrame(rows, columns=list(tables.COLUMNS)), self.name)
        tables.save(made, order.folder / TABLE)
        return made

    def translate(self, images: Pictures, identity: str, camera: str) -> Pictures:
        """The images in grey; identity and camera make no difference."""
        return grey(images)


GENERATOR = GrayscaleCopies

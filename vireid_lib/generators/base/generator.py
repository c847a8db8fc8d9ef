"""The contract of every generator, and what all share: fitted folders, refusals, galleries."""

import json
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pandas as pd

from vireid_lib.data.contents import write_atomically
from vireid_lib.data.images import load_images
from vireid_lib.data.text import read_json
from vireid_lib.generators.base import galleries, parallel
from vireid_lib.generators.base.config import GeneratorConfig
from vireid_lib.generators.base.cost import Estimate
from vireid_lib.generators.base.galleries import Pictures
from vireid_lib.generators.base.plans import GalleryRequest, SampleRequest
from vireid_lib.training import devices, processes
from vireid_lib.training.binding import differences
from vireid_lib.training.loop import History

RECORD = "generator.json"


class Generator:
    """Makes rows for the image table out of rows of the image table. A subclass writes `learn` and `restore`, `plan`,
    and `pictures`.

    Args:
        cache: folder for decoded images and the like; None keeps them in memory or in the fitted folder.
        device: "cpu", "cuda:1" or the like, or None for the best one there is.
        processes: that share fitting and making pictures; None takes one for each GPU of `device`, fewer where a
            batch does not part evenly among so many. The result is the same to rounding.
    """

    name: ClassVar[str]  # written into the column `source` of what it makes
    # A gallery of known identities under given cameras; a given visible image as an infrared camera would show it.
    capabilities: ClassVar[frozenset[Literal["expand", "translate"]]] = frozenset({"expand", "translate"})
    config_class: ClassVar[type[GeneratorConfig]] = GeneratorConfig
    needs: ClassVar[tuple[str, ...]] = ()  # modalities that a table must have to be fitted to
    miniature_only: ClassVar[bool] = False  # only a drawn miniature world has what it shows
    trained: ClassVar[bool] = True  # its work is for GPUs
    history: History = History()  # losses of the training, after `fit`

    def __init__(
        self, config=None, *, cache: Path | None = None, device: str | None = None, progress=True, processes=None
    ) -> None:
        self.config = self.config_class() if config is None else config
        if not isinstance(self.config, self.config_class):
            raise ValueError(
                f"Generator {self.name!r} takes a {self.config_class.__name__}, not a {type(config).__name__}: make it "
                f"with vireid_lib.generators.configure({self.name!r}, settings)."
            )
        self.cache, self.progress, self.device_asked, self.processes = cache, progress, device, processes
        self.device = devices.resolved(device)
        self._record: dict[str, Any] = {}
        self._table = self.folder = None  # what it was fitted to, and what `fit` left

    def learn(self, table: pd.DataFrame, folder: Path) -> dict[str, Any]:
        """Learn from `table`, leave the result in `folder`, and return what the record says of it, as JSON values."""
        raise NotImplementedError

    def restore(self, folder: Path) -> None:
        """Read what `learn` left in `folder`; the record is read already."""

    def summary(self) -> dict[str, Any]:
        """What was fitted, in a few JSON values for a result record."""
        raise NotImplementedError

    def estimate(self, table: pd.DataFrame, synthetic: int = 0) -> Estimate:
        """What fitting to `table` (rows that `config.fitted_rows` gave) and making `synthetic` images will take, at the
        speed measured now. Here: nothing is trained."""
        return Estimate(len(table), "nothing is trained", 0, synthetic, {}, "as fast as images are read and written")

    def batch_divisor(self, table: pd.DataFrame) -> int:
        """What the number of processes that fit to `table` (rows that `config.fitted_rows` gave) must divide."""
        return 1

    def plan(self, order: GalleryRequest) -> list[SampleRequest]:
        """What `expand` is to make."""
        raise NotImplementedError

    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        """The pictures of requests that are alike in modality and in that of their source images; `images` has for each
        place in `item.source_images` the items' images there, at the generator's size."""
        raise NotImplementedError

    def make(self, items: Sequence[SampleRequest], attempt: int) -> Pictures:
        """The pictures of requests of one `group`; `attempt` says which of an item's seeds and starts to use."""
        items = [item.at(attempt) for item in items]
        size, places = (self.config.height, self.config.width), range(len(items[0].source_images))
        images = [load_images([item.source_images[k] for item in items], size, cache=None) for k in places]
        return self.pictures(images, items)

    def group(self, item: SampleRequest) -> Hashable:
        """Requests of one group are made together."""
        return item.from_modality, item.modality, len(item.source_images)

    def gallery_settings(self, order: GalleryRequest) -> dict[str, Any]:
        """What a gallery is bound to besides the order and the settings for sampling, as JSON values."""
        return {}

    def gallery(self, order: GalleryRequest) -> pd.DataFrame:
        requests = self.plan(order)  # which refuses what cannot be made
        settings = self.config.sampling_settings() | order.settings() | self.gallery_settings(order)
        settings.pop("sampling_batch", None)
        return self.write(requests, order.folder, settings)

    def fit(self, table: pd.DataFrame, folder: Path) -> None:
        """Learn from those rows of `table` (training rows, and visible rows of external identities) that
        `config.fitted_rows` leaves. Work, checkpoints and the result lie in `folder`; a stopped run continues there.
        Raises ValueError: test rows, infrared images of an external identity, or no image of a modality it needs."""
        table = self.config.fitted_rows(training_rows_only(table, f"{self.name}.fit"))
        for modality in self.needs:
            if not (table["modality"] == modality).any():
                raise ValueError(f"{self.name}.fit: the table has no {modality} image to learn from; add such rows.")
        self._table, self.folder = table, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = {"generator": self.name, "config": self.config.recorded(), "images": len(table)}
        parallel.fit(self, table, self.folder)
        self._record = settings | self.learn(table, self.folder)
        if processes.index() == 0:
            write_atomically(self.folder / RECORD, json.dumps(self._record, indent=1).encode())
        processes.wait()

    @classmethod
    def load(cls, folder: Path, config: GeneratorConfig | None = None, **options: Any) -> Self:
        """What `fit` left in `folder`; `config` may differ from the fitted one in what only making pictures uses, and
        `options` are the constructor's. Raises FileNotFoundError: nothing was fitted there; ValueError: `config` says
        something else about what was fitted, names the settings."""
        folder = Path(folder)
        if not (folder / RECORD).exists():
            raise FileNotFoundError(f"{folder} holds no fitted {cls.name} ({RECORD} is missing): run fit first.")
        record = read_json(folder / RECORD)
        there = cls.config_class(**record["config"])
        made = cls(config or there, **options)
        then, now = there.fit_settings(), made.config.fit_settings()
        if found := list(differences(then, now)):
            raise ValueError(f"{folder} was fitted with other settings: {'; '.join(found)}. Fit anew elsewhere.")
        made._record, made.folder = record, folder
        made.restore(folder)
        return made

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
        """Make `per_camera` images of each identity under each camera, written into `folder` in SYSU-MM01's layout
        beside the returned table (`table.csv`); continues where a stopped run left off. Cameras are named as in
        `tables.camera_keys`: where one number has both modalities, the plain name is the infrared camera's.
        `source` has rows of the images to start from; None takes the table that it was fitted to. Raises ValueError: a
        camera that it was not fitted to, or an identity without images to start from."""
        return self.gallery(GalleryRequest(identities, cameras, per_camera, seed, Path(folder), source))

    def write(self, requests: Sequence[SampleRequest], folder: Path, settings: dict[str, Any]) -> pd.DataFrame:
        """Make what is missing of `requests`, and the table of all; see `galleries.write`."""
        parallel.write(self, requests, folder, settings)
        return galleries.write(self, requests, folder, settings)

    def translate(self, images: Pictures, identity: str, camera: str) -> Pictures:
        """Show visible `images` of `identity` as `camera` would. Raises NotImplementedError without that capability."""
        can = ", ".join(sorted(self.capabilities))
        raise NotImplementedError(f"{self.name} can't translate: it can {can}. Choose another generator.")

    def source_rows(self, source: pd.DataFrame | None) -> pd.DataFrame:
        """`source`, or else the table it was fitted to. Raises ValueError when there is neither."""
        rows = self._table if source is None else source
        if rows is None:
            raise ValueError(f"{self.name}: call fit(table, folder) first, or give expand() its images as `source`.")
        return rows


def refuse_identities(table: pd.DataFrame, forbidden: pd.DataFrame, where: str) -> None:
    """Raise ValueError if an identity of `forbidden` (the test rows, whatever split `table` has) is in `table`."""
    both = sorted(set(table["identity"]) & set(forbidden["identity"]))
    if both:
        raise ValueError(
            f"{where}: {len(both)} people of the test are among those to learn from, the first {both[0]!r}. That makes "
            "every later number worthless: restore the data set's lists of identities."
        )


def training_rows_only(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """The table, if each of its rows may be learned from. Raises ValueError: a row of a test, query or gallery split,
    or an infrared row of an external identity."""
    refused = table[~table["split"].isin(("train", "val", "external"))]
    if len(refused):
        row = refused.iloc[0]
        raise ValueError(
            f"{where}: {len(refused)} rows are not for learning, the first of identity {row['identity']!r} in "
            f"split {row['split']!r}. A generator that has seen test people makes every later number worthless: "
            "pass `data.tables.training_rows(table)` and external rows only."
        )
    leaked = table.loc[(table["split"] == "external") & (table["modality"] == "infrared"), "path"]
    if len(leaked):
        raise ValueError(f"{where}: {len(leaked)} external rows are infrared, the first {leaked.iloc[0]}: drop them.")
    return table

"""An open book: profile, workspace, data folder and device in one object, which every chapter starts from."""

import html
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from vireid_lib import places
from vireid_lib.experiment.cache import Workspace
from vireid_lib.experiment.profile import Profile, data_beside, load_profile
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.settings import reid_config, with_method
from vireid_lib.project import project_root

HEADLESS = "VIREID_HEADLESS"
"""Environment variable that the runner sets; without it a chapter runs in JupyterLab or the like."""

DEFAULT_PROFILE = "mini"
PROFILE, WORKSPACE, DATA_ROOT = "VIREID_PROFILE", "VIREID_WORKSPACE", "VIREID_DATA_ROOT"
"""Environment variables that `vireid lab` sets: what a chapter works on when its own parameters are empty."""


def default_workspace(profile_name: str) -> Path:
    """`workspace/<profile>` in the checkout: the same for the command line and for JupyterLab."""
    return project_root() / "workspace" / profile_name


def open_book(profile: str = "", workspace: str | Path = "", data_root: str | Path = "", method: str = "") -> "Book":
    """Open the book for a chapter.

    Args:
        profile: a profile's name or the path of its YAML file; empty takes what `vireid lab` was started with, or
            "mini". workspace and data_root likewise, if profile is empty.
        workspace: folder of the stages; empty means `workspace/<profile>` in the checkout.
        data_root: folder that holds the real data sets; empty takes the profile's own, if they are there.
        method: a ReID method instead of the profile's; empty keeps the profile's.

    Raises:
        FileError, FileNotFoundError: the profile is wrong or missing, or there is no such method.
        ValueError: the profile's device is not on this machine.
        MissingData: the profile reads real data and no folder, or a wrong one, was given.
        ValueError, FileNotFoundError: the profile asks for SYSU-MM01's official galleries, and the file that lists
            them is missing or does not fit the images.
    """
    if not profile:
        profile = os.environ.get(PROFILE, DEFAULT_PROFILE)
        workspace, data_root = workspace or os.environ.get(WORKSPACE, ""), data_root or os.environ.get(DATA_ROOT, "")
    settings = load_profile(profile)
    data_root = data_root or data_beside(profile, settings)
    book = Book(settings, workspace or default_workspace(settings.name), data_root)
    book = book.with_method(method) if method else book
    _ = book.device  # one that is not here is refused before anything is made
    check_galleries(book)
    return book


def check_galleries(book: "Book") -> None:
    """Refuse, before anything is done, official galleries that cannot be drawn; see `stages.check_draw`."""
    if book.profile.evaluation.draw == "official":
        from vireid_lib.experiment import pipeline as stages

        stages.check_draw(book)


class MissingData(FileNotFoundError):
    """A data set is not where the profile and --data-root say."""


class Book:
    """What a chapter works with.

    Attributes:
        profile: the settings.
        workspace: the stages; `book.stage(...)` is `book.workspace.stage(...)`.
        data_root: folder of the real data sets, or None.
        device: "cpu", "cuda", "cuda:1", "mps" or the like, as chosen.
        tables: the data sets' tables that have been read, for `data_stages.datasets`.
        skipped_images: {data set: images that cannot be read and are left out}, of the sets read so far.
    """

    def __init__(self, profile: Profile, workspace: str | Path, data_root: str | Path = "") -> None:
        self.profile = profile
        self.data_root = places.absolute(data_root) if data_root else None
        if self.data_root is not None and not os.path.isdir(self.data_root):  # Path's own raises for long names
            raise MissingData(
                f"--data-root {self.data_root} is not a folder; give the one that holds "
                f"{', '.join(profile.data.roots.values())}."
            )
        if profile.world is None:
            for name in profile.data.roots:
                self.dataset_root(name)
        self._folder = places.absolute(workspace)
        self.tables: dict[str, object] = {}
        self.skipped_images: dict[str, int] = {}

    def with_profile(self, profile: Profile) -> "Book":
        """The book with other settings, in the same workspace, which makes stages only if this one's does; tables of
        images that both read are read once."""
        other = Book(profile, self._folder, self.data_root or "")
        other.tables, other.skipped_images = self.tables, self.skipped_images
        if "workspace" in vars(self):
            other.workspace = self.workspace
        return other

    def with_method(self, method: str, changes: Mapping[str, object] | None = None) -> "Book":
        """The same book with another ReID method, or other settings of it, in the same workspace.

        Args:
            changes: settings in place of the method's and of the profile's.

        Raises:
            FileError: there is no such method, or it lacks a setting that the profile or `changes` sets.
        """
        return self.with_profile(with_method(self.profile, method, changes))

    @cached_property
    def device(self) -> str:
        """The device: the profile's, or for "auto" CUDA where there is one, else the CPU.

        Raises:
            ValueError: there is no such device on this machine.
        """
        if self.profile.device == "cpu":
            return "cpu"
        from vireid_lib.training import devices  # torch takes a second to come

        try:
            return str(devices.resolved(self.profile.device))
        except ValueError as error:
            raise ValueError(f"profile {self.profile.name}: key device: {error}") from None

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace on disk."""
        return Workspace(self._folder, device=self.device)

    @property
    def interactive(self) -> bool:
        """Whether a person is there to move sliders."""
        return not os.environ.get(HEADLESS)

    @property
    def miniature(self) -> bool:
        """Whether the book runs on the world it draws itself; such numbers are no reproduction of a paper."""
        return self.profile.world is not None

    def stage(
        self,
        name: str,
        config: Mapping[str, object],
        inputs: Mapping[str, object],
        make: Callable[[Path], Mapping[str, object] | None],
        **about: object,
    ) -> StageRecord:
        """Make or fetch a stage; see `Workspace.stage`.

        Where the profile skips broken images, the record's values say under "skipped_images" how many were left out.
        """

        def counted(folder: Path) -> dict[str, object]:
            return {**(make(folder) or {}), "skipped_images": sum(self.skipped_images.values())}

        skips = self.profile.data.broken_images == "skip"
        return self.workspace.stage(name, config, inputs, counted if skips else make, **about)

    def dataset_root(self, name: str, world: Path | None = None) -> Path:
        """Folder of a data set.

        Args:
            name: the data set, e.g. "sysu_mm01".
            world: folder of the drawn miniature world; not needed for real data.

        Raises:
            MissingData: the folder does not exist, or no --data-root was given.
        """
        place = Path(self.profile.data.roots[name])
        base = world if world is not None else self.data_root
        if base is None and not place.is_absolute():
            raise MissingData(
                f"Profile {self.profile.name} reads {name} from {place}, inside the folder that --data-root names or "
                'beside the profile\'s file; pass --data-root DIR (in a notebook: data_root = "DIR").'
            )
        root = place if place.is_absolute() else base / place
        if not os.path.isdir(root):
            raise MissingData(
                f"{root} does not exist; profile {self.profile.name} expects {name} there. Check "
                "--data-root, or copy the profile and change data.roots."
            )
        return root

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>"
            for key, value in self.summary().items()
        )
        return f'<table class="setting">{rows}</table>'

    def summary(self) -> dict[str, str]:
        """What this run works on, for a reader."""
        profile, config = self.profile, reid_config(self.profile)
        return {
            "profile": f"{profile.name}: {profile.title}",
            "target": profile.data.target,
            "external": profile.data.external or "none",
            "images": f"{config.height} × {config.width} pixels",
            "ReID": f"{profile.reid.method}, {profile.reid.backbone} backbone, "
            f"{len(profile.reid.seeds)} seed{'s' * (len(profile.reid.seeds) > 1)}",
            "protocol": f"{profile.evaluation.protocol}, {', '.join(profile.evaluation.modes)}, "
            f"{profile.evaluation.trials} trials",
            "device": self.device,
        }

"""Profiles on disk, by name or from a YAML file of one's own: read, checked, and with paths in full."""

import os
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from vireid_lib import user_paths
from vireid_lib.data.strict import FileError, read_model
from vireid_lib.did_you_mean import hint
from vireid_lib.experiment import method_registry
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.settings import check_data_sets, check_nested, settings_class
from vireid_lib.project import project_root


def profiles_folder() -> Path:
    return project_root() / "notebooks" / "profiles"


def profile_names() -> list[str]:
    return sorted(path.stem for path in profiles_folder().glob("*.yaml"))


def load_profile(name_or_path: str | Path) -> Profile:
    """Read a profile by name ("mini") or from a YAML file of your own, in which paths are relative to the file; they
    are in full in what is returned. Raises FileNotFoundError, with the known ones, for an unknown profile, and
    FileError, with file, key and the nearest valid key, for a wrong key, type or path."""
    path = _profile_path(name_or_path)
    profile = read_model(path, Profile)
    if profile.name != path.stem:
        raise FileError(f"{path}: key name is {profile.name!r}; make it the file's name, {path.stem!r}.")
    check_nested(profile, str(path))  # now, not hours into a run
    check_data_sets(profile, str(path))
    return _with_paths_in_full(profile, path)


def located(name_or_path: str | Path) -> str:
    """The profile's name, or its file's path in full, which means the same wherever it is read. Raises
    FileNotFoundError if there is no such profile; the message lists those there are."""
    path = _profile_path(name_or_path)
    return str(path) if _is_path(name_or_path) else str(name_or_path)


def data_beside(name_or_path: str | Path, profile: Profile) -> str:
    """The folder of the profile's file, if all its data sets lie there; otherwise ""."""
    folder = _profile_path(name_or_path).parent
    there = profile.world is None and all(os.path.isdir(folder / root) for root in profile.data.roots.values())
    return str(folder) if there else ""


def _is_path(name_or_path: str | Path) -> bool:
    return user_paths.is_yaml(name_or_path) or Path(name_or_path).name != str(name_or_path)


def _profile_path(name_or_path: str | Path) -> Path:
    if _is_path(name_or_path):
        path = user_paths.absolute(name_or_path)
        if not os.path.isfile(path):  # Path's own raises for a name that is too long
            raise FileNotFoundError(f"{path} does not exist; give a profile's name or the path of its YAML file.")
        return path
    known = profile_names()
    if str(name_or_path) in known:
        return profiles_folder() / f"{name_or_path}.yaml"
    meant = hint(str(name_or_path), known)
    raise FileNotFoundError(f"No profile {str(name_or_path)!r}; {meant} A path to a .yaml file works too.")


def _with_paths_in_full(profile: Profile, path: Path) -> Profile:
    """The profile whose files and folders mean the same wherever the book is run from."""

    def full(key: str, settings: dict[str, object], model: type[BaseModel]) -> dict[str, object]:
        try:
            return user_paths.settled(settings, model, path.parent)
        except ValueError as error:
            raise FileError(f"{path}: key {key}.{error}.") from None

    reid, data, owner = profile.reid, profile.data, partial(settings_class, profile)
    config = full("reid.config", reid.config, method_registry.config_class(reid.method))
    made = {name: full(f"generators.{name}", own, owner(name)) for name, own in profile.generators.items()}
    try:
        roots = {name: str(user_paths.expanded(root)) for name, root in data.roots.items()}
    except ValueError as error:
        raise FileError(f"{path}: key data.roots: {error}") from None
    reid, data = reid.model_copy(update={"config": config}), data.model_copy(update={"roots": roots})
    return profile.model_copy(update={"generators": made, "reid": reid, "data": data})

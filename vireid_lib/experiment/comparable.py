"""Whether a number of ours may stand beside one that a paper prints: chapter 07 and the studies ask here."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from vireid_lib.data.manifest import load_manifest
from vireid_lib.data.strict import FileError, explained
from vireid_lib.experiment.profile import OWN_SETTINGS, Evaluation

if TYPE_CHECKING:
    from vireid_lib.experiment.profile import Profile


@dataclass(frozen=True)
class Conditions:
    """How a network was tested.

    Attributes:
        dataset: a manifest's name.
        mode: of its protocol, e.g. "all" or "visible-to-infrared".
        settings: the protocol's own: shots, draw and galleries, or reading.
        trials: over which the number is averaged.
    """

    dataset: str
    mode: str
    settings: Mapping[str, object] = field(default_factory=dict)
    trials: int = 1


def conditions(profile: Profile, mode: str) -> Conditions:
    """How a profile's networks are tested in one of its modes."""
    evaluation = profile.evaluation
    return Conditions(profile.data.target, mode, evaluation.settings, evaluation.trials)


def unlike(here: Conditions, there: Conditions) -> list[str]:
    """In which conditions ours differ from a paper's, in words; none if the numbers can be compared. Ours may be
    averaged over more trials, and have settings that the paper's mode does not depend on."""
    if here.dataset != there.dataset:
        return [f"the data set is {there.dataset} there, {here.dataset} here"]
    found = [] if here.mode == there.mode else [f"the mode is {there.mode} there, {here.mode} here"]
    found += [
        f"{key} is {value} there, {here.settings.get(key)} here"
        for key, value in there.settings.items()
        if here.settings.get(key) != value
    ]
    if (galleries := here.settings.get("galleries", 1)) != 1:
        found.append(f"the test identities are one gallery there, {galleries} here")
    if here.trials < there.trials:
        found.append(f"{there.trials} trials there, {here.trials} here")
    return found


def same(ours: Mapping[str, object], value: Mapping[str, object], trials: int) -> bool:
    """Whether a score of ours was measured as a printed one.

    Args:
        ours: a row of `results.over_seeds`.
        value: one of `papers.Paper.values`.
        trials: that the paper averages over.
    """
    here = Conditions(ours["dataset"], ours["mode"], ours["settings"], ours["trials"])
    there = Conditions(value["dataset"], value["mode"], value["settings"], trials)
    external = None if pd.isna(ours["external"]) else ours["external"]
    return (
        all(ours[name] == value[name] for name in ("method", "training"))
        and external == value["external"]
        and not unlike(here, there)
        and ours["differences"] == value["differences"]
    )


def required(dataset: str, mode: str) -> list[str]:
    """Settings of a data set's protocol that a paper's numbers depend on. LLCM's two readings are one for infrared to
    visible; every paper ranks all test identities in one gallery."""
    own = [key for key, owner in OWN_SETTINGS.items() if owner == _rule(dataset) and key != "galleries"]
    return [key for key in own if key != "reading" or mode == "visible-to-infrared"]


def check(dataset: str, mode: str, settings: Mapping[str, object], where: str) -> None:
    """Check the conditions that a paper's file states.

    Raises:
        FileError: a mode or a setting that the data set's protocol does not have, or one that is left out.
    """
    needed = required(dataset, mode)
    if unknown := sorted(set(settings) - set(needed)):
        own = ", ".join(needed) or "none"
        raise FileError(f"{where}: {unknown[0]} is no setting of {dataset}, {mode}; it has {own}.")
    if missing := [key for key in needed if key not in settings]:
        raise FileError(f"{where}: say with which {' and '.join(missing)} its scores were measured.")
    explained(lambda: Evaluation(protocol=_rule(dataset), modes=[mode], **settings), Evaluation, where, "settings")


@functools.cache
def _rule(dataset: str) -> str:
    return load_manifest(dataset).protocol.rule

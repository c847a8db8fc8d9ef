"""The identities of a training table, the sampler that draws batches of them, and how many batches make an epoch."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int64

from vireid_lib.data import tables
from vireid_lib.data.label_noise import replace_labels
from vireid_lib.data.sampling import Sampler
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.method import Method
from vireid_lib.training import seeds


@dataclass(frozen=True, eq=False)
class Labelled:
    """The rows of a training table by modality, with their labels.

    Attributes:
        identities: their names; a label is a place in this list.
        true_labels, labels: of each row; `labels` with `config.label_noise`.
        rows: modality → places of its rows. external: the labels of external identities.
    """

    identities: list[str]
    true_labels: Int64[np.ndarray, " rows"]
    labels: Int64[np.ndarray, " rows"]
    rows: dict[str, Int64[np.ndarray, " some"]]
    external: set[int]

    @classmethod
    def of(cls, table: pd.DataFrame, config: ReidConfig, *, seed: int) -> "Labelled":
        """Read a table. Raises ValueError: it is empty, or an identity lacks a modality."""
        _check_modalities(table)
        true_labels, identities = tables.identity_labels(table)
        visible = (table["modality"] == "visible").to_numpy()
        external = (table["split"] == "external").to_numpy()
        noise = seeds.integer(seed, "label noise")
        labels = replace_labels(true_labels, visible, config.label_noise, noise, spare=external)
        rows = {"visible": np.flatnonzero(visible), "infrared": np.flatnonzero(~visible)}
        return cls(identities, true_labels, labels, rows, set(true_labels[external].tolist()))

    def sampler(self, kind: type[Method], config: ReidConfig, *, seed: int) -> Sampler:
        """The sampler of a method's class, for these rows."""
        sides = (self.labels[rows] for rows in self.rows.values())
        return kind.sampler(config, *sides, external=self.external, seed=seed)


def steps_per_epoch(kind: type[Method], table: pd.DataFrame, config: ReidConfig, *, seed: int) -> int:
    """Steps of an epoch on `table` by the method's own sampler, whatever `config.epoch_steps` says; without
    a network. Arguments and errors as in `vireid_lib.reid.train.train_reid`."""
    return Labelled.of(table, config, seed=seed).sampler(kind, config, seed=seed).steps_per_epoch


def _check_modalities(table: pd.DataFrame) -> None:
    """Each identity must have both modalities: the batches pair them."""
    if table.empty:
        raise ValueError("The training table is empty: pass the rows of vireid_lib.data.tables.training_rows.")
    kinds = table.groupby("identity")["modality"].agg(["nunique", "first"])
    lone = kinds[kinds["nunique"] == 1]
    for identity, here in lone["first"].items():
        other = tables.OTHER[here]
        raise ValueError(f"Identity {identity} has {here} images and no {other} one: add {other} ones or leave it out.")

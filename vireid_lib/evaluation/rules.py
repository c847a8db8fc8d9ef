"""What each data set's protocol removes from the gallery, and what its CMC counts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from torch import Tensor

JUNK = -1  # Market-1501's identity of images that are neither right nor wrong


@dataclass(frozen=True)
class Rule:
    """One data set's ranking rule.

    Attributes:
        name: as `score` takes it.
        counts_identities: CMC counts each identity once, at its best image; otherwise it counts images.
        own_camera: gallery images of the query's identity under the query's camera number are removed,
            whatever their modality.
        blind: (query camera, gallery camera): a query of the first sees no image of the second, whatever the
            identity.
        junk: gallery images of identity -1 are removed.
    """

    name: str
    counts_identities: bool
    own_camera: bool = False
    blind: tuple[int, int] | None = None
    junk: bool = False

    def removed(
        self,
        query_labels: Int[Tensor, "..."],
        query_cameras: Int[Tensor, "..."],
        gallery_labels: Int[Tensor, "..."],
        gallery_cameras: Int[Tensor, "..."],
    ) -> Bool[Tensor, "..."]:
        """Return where a gallery image is removed for a query; the arguments are broadcast together.

        Labels are any integers that are equal for equal identities, `JUNK` for junk.
        """
        removed = (gallery_labels == JUNK) & self.junk
        if self.own_camera:
            removed = removed | (query_labels == gallery_labels) & (query_cameras == gallery_cameras)
        if self.blind is not None:
            removed = removed | (query_cameras == self.blind[0]) & (gallery_cameras == self.blind[1])
        return removed


RULES = {
    rule.name: rule
    for rule in (
        Rule("sysu-mm01", counts_identities=True, blind=(3, 2)),  # both cameras are in the same place
        Rule("regdb", counts_identities=False),
        Rule("llcm", counts_identities=True, own_camera=True),
        Rule("market-1501", counts_identities=False, own_camera=True, junk=True),
    )
}


def find_rule(name: str) -> Rule:
    """Return the rule of that name. Raises ValueError if there is none."""
    if name not in RULES:
        raise ValueError(f"rule {name!r} is not known; the rules are {', '.join(map(repr, RULES))}")
    return RULES[name]


def _plain(values: object, what: str, count: int) -> np.ndarray:
    """Return ids or cameras as an integer or string array of `count` entries."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    array = np.asarray(values)
    if array.shape != (count,):
        raise ValueError(f"{what} has shape {array.shape}, but the distances ask for ({count},): one entry per image")
    if array.dtype.kind in "OT":
        kind = int if count and isinstance(array[0], int | np.integer) else str
        for row, value in enumerate(array):
            if not isinstance(value, str if kind is str else int | np.integer):
                raise ValueError(f"{what}[{row}] is {value!r}; give all as integers or all as strings")
        array = np.asarray(array.tolist(), dtype=kind)
    elif array.dtype.kind == "f" and np.all(array == np.round(array)):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iuU":
        raise ValueError(f"{what} holds {array.dtype} values; give integers or strings")
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def camera_numbers(cameras: object, what: str, count: int) -> Int[np.ndarray, " n"]:
    """Return camera numbers from numbers or from names such as "sysu_mm01/3". Raises ValueError: a wrong number of
    entries, or a name that does not end in a number."""
    array = _plain(cameras, what, count)
    if array.dtype.kind == "i":
        return array
    names, inverse = np.unique(array, return_inverse=True)
    tails = [str(name).rsplit("/", 1)[-1] for name in names]
    for name, tail in zip(names, tails, strict=True):
        if not tail.isdigit():
            raise ValueError(f'{what} holds {str(name)!r}; a camera is a number or a name such as "sysu_mm01/3"')
    return np.asarray([int(tail) for tail in tails], dtype=np.int64)[inverse]


def identity_labels(
    query_ids: object, gallery_ids: object, queries: int, images: int, *, junk: bool
) -> tuple[Int[np.ndarray, " queries"], Int[np.ndarray, " images"]]:
    """Return integer labels, shared by queries and gallery; `JUNK` for identity -1 where the rule knows junk. Raises
    ValueError: wrong number of entries, or integers on one side and strings on the other."""
    query, gallery = _plain(query_ids, "query_ids", queries), _plain(gallery_ids, "gallery_ids", images)
    if query.dtype.kind != gallery.dtype.kind:
        raise ValueError(f"query_ids {query.dtype}, gallery_ids {gallery.dtype}: none could ever match; give one type")
    names, labels = np.unique(np.concatenate([query, gallery]), return_inverse=True)
    if junk:
        is_junk = np.asarray([str(name).rsplit("/", 1)[-1] == str(JUNK) for name in names], dtype=bool)
        labels = np.where(is_junk[labels], JUNK, labels)
    return labels[:queries], labels[queries:]

"""Which half of DiVE loses the person: the identity's token, or the branch that draws the camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vireid_lib.book import measures, stages
from vireid_lib.book.book import Book
from vireid_lib.book.settings import dive_config
from vireid_lib.data import tables
from vireid_lib.generators.dive.vocabulary import Vocabulary, camera_keys
from vireid_lib.generators.layout import write_image

DRAWN = "DiVE's pictures"
REAL = "real images"


@dataclass(frozen=True, eq=False)
class Halves:
    """How often pictures show the right person, by whose they are and by the light that they are drawn in.

    Attributes:
        table: columns people ("training" or "external"), light ("visible" or "infrared"), images (`REAL` or `DRAWN`),
            N (how many were judged) and right: the share, in percent, that lies nearest to the person's own
            photographs. No row where there are no such images, as on real data for external people in infrared.
        judge: who judges, in words.
        people: how many people each group has; guessing is right for one in so many.
    """

    table: pd.DataFrame
    judge: str
    people: int

    def sides(self) -> pd.DataFrame:
        """The table for `plots.with_and_without`, real images first."""
        label = self.table["people"] + " people,\n" + self.table["light"]
        return pd.DataFrame({"label": label, "side": (self.table["images"] == DRAWN).astype(int),
                             "value": self.table["right"]})  # fmt: skip


def halves(book: Book, *, people: int = 40, each: int = 4) -> Halves:
    """Draw training and external people in both lights, and ask whether a judge takes the pictures for them.

    A token that fails to describe its person fails in both lights; a branch that draws badly fails under its cameras,
    whoever is drawn; tokens and branches that do well each with people whom they have seen together, and fail with
    external people in infrared, do not fit each other. The judge is the sharpest of `measures.judges` (first seed).
    Every other photograph of a person answers; the others of them, the real infrared images and DiVE's pictures ask.

    Args:
        people: of each group, at most.
        each: pictures of each person and light, shared among the light's cameras.
    """
    data, config = stages.datasets(book), dive_config(book.profile)
    groups = {"training": data.learn(), "external": data.external}
    photographs = {name: rows[rows["modality"] == "visible"].sort_values("path") for name, rows in groups.items()}
    count = min(people, *(rows["identity"].nunique() for rows in photographs.values()))
    photographs = {name: rows[rows["identity"].isin(sorted(rows["identity"].unique())[:count])]
                   for name, rows in photographs.items()}  # fmt: skip
    answering = {name: _every_other(rows, 0) for name, rows in photographs.items()}
    asking = {(name, "visible"): _every_other(rows, 1) for name, rows in photographs.items()}
    infrared = {"training": groups["training"]} | ({"external": data.truth("true")} if book.miniature else {})
    for name, rows in infrared.items():
        known = rows["identity"].isin(photographs[name]["identity"])
        asking[name, "infrared"] = rows[(rows["modality"] == "infrared") & known]
    asking = {cell: rows for cell, rows in asking.items() if len(rows)}
    judge, seed = list(measures.judges(book))[-1], book.profile.reid.seeds[0]

    def make(folder: Path) -> dict:
        from vireid_lib.analysis.identification import identify
        from vireid_lib.reid.features import extract

        network, settings = stages.network(book, judge, seed)
        network.to(book.device)

        def features(rows: pd.DataFrame):
            return extract(network, rows, settings, book.workspace.cache)

        known = {name: features(rows) for name, rows in answering.items()}
        found = []
        for images, cells in ((REAL, asking), (DRAWN, _draw(book, photographs, each, folder))):
            for (name, light), rows in cells.items():
                outcome = identify(features(rows), rows["identity"], known[name], answering[name]["identity"])
                found.append({"people": name, "light": light, "images": images, "N": len(rows),
                              "right": 100 * outcome.rank_1})  # fmt: skip
        return {"table": found}

    inputs = {"judge": stages.reid(book, judge, seed), "finetuning": stages.finetuning(book)}
    inputs |= {f"{name}_{light}": rows for (name, light), rows in asking.items()}
    inputs |= {f"{name}_answering": rows for name, rows in answering.items()}
    sampling = {"people": count, "each": each, "judge": judge, **config.sampling_settings()}
    record = book.stage("halves", sampling, inputs, make, seeds=[seed, config.seed])
    return Halves(pd.DataFrame(record.values["table"]), measures.judges(book)[judge], count)


def _every_other(rows: pd.DataFrame, start: int) -> pd.DataFrame:
    return rows[rows.groupby("identity").cumcount() % 2 == start]


def _draw(
    book: Book, photographs: dict[str, pd.DataFrame], each: int, folder: Path
) -> dict[tuple[str, str], pd.DataFrame]:
    """Pictures of both groups in both lights, as PNGs in `folder`: by the codes of the visible cameras that have seen
    them, and by the target's infrared ones, which external people have never met."""
    from vireid_lib.generators.dive.sample import Request, sample

    model = stages.generator(book).model
    words, found = model.vocabulary, {}
    for name, rows in photographs.items():
        for light, cameras in (("visible", _views(rows, words)), ("infrared", stages.infrared_cameras(book))):
            known = sorted(set(rows["identity"]) & set(words.identities)) if cameras else []  # fitted to infrared alone
            requests = [Request(who, cameras[n % len(cameras)], each * place + n)
                        for place, who in enumerate(known) for n in range(each)]  # fmt: skip
            pictures = []
            for part in _batches(requests, words, model.config.sampling_batch):
                for request, picture in zip(part, sample(model, part), strict=True):
                    path = folder / name / light / f"{request.identity.replace('/', '-')}_{request.seed}.png"
                    write_image(path, picture, request.seed)
                    pictures.append({"path": str(path.resolve()), "identity": request.identity, "modality": light,
                                     "camera": request.camera.split(" ")[0], "split": "external", "source": "dive",
                                     "seed": request.seed})  # fmt: skip
            if pictures:
                found[name, light] = tables.build(pictures, f"DiVE's pictures of {name} people")
    return found


def _views(rows: pd.DataFrame, words: Vocabulary) -> list[str]:
    """A camera, as the generator names it, for each code of the rows' cameras; none where it was fitted to none."""
    keys = {key for key in camera_keys(rows, words) if key in words.view_of_camera}
    return sorted({words.view(key): key for key in sorted(keys, reverse=True)}.values())


def _batches(requests: Sequence, words: Vocabulary, size: int) -> Iterator[Sequence]:
    """Requests of one LoRA branch at a time."""
    for branch in range(len(words.branches)):
        own = [request for request in requests if words.branch(request.camera) == branch]
        yield from (own[start : start + size] for start in range(0, len(own), size))

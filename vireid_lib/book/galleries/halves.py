"""Which half of DiVE loses the person: the identity's token, or the branch that draws the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from vireid_lib.experiment import measures
from vireid_lib.experiment.pipeline import Run
from vireid_lib.generators.dive.prompts import Vocabulary
from vireid_lib.generators.layout import image_path
from vireid_lib.generators.plans import ATTEMPTS, SampleRequest

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
        return pd.DataFrame(
            {"label": label, "side": (self.table["images"] == DRAWN).astype(int), "value": self.table["right"]}
        )


def halves(run: Run, *, people: int = 40, each: int = 4) -> Halves:
    """Draw training and external people in both lights, and ask whether a judge takes the pictures for them.

    A token that fails to describe its person fails in both lights; a branch that draws badly fails under its cameras,
    whoever is drawn; tokens and branches that do well each with people whom they have seen together, and fail with
    external people in infrared, do not fit each other. The judge is the sharpest of `measures.judges` (first seed).
    Every other photograph of a person answers; the others of them, the real infrared images and DiVE's pictures ask.

    Args:
        people: of each group, at most.
        each: pictures of each person and light, shared among the light's cameras.
    """
    data, config = run.data(), run.generator_config("dive")
    groups = {"training": data.train_rows(), "external": data.external}
    photographs = {name: rows[rows["modality"] == "visible"].sort_values("path") for name, rows in groups.items()}
    count = min(people, *(rows["identity"].nunique() for rows in photographs.values()))
    photographs = {
        name: rows[rows["identity"].isin(sorted(rows["identity"].unique())[:count])]
        for name, rows in photographs.items()
    }
    answering = {name: _every_other(rows, 0) for name, rows in photographs.items()}
    asking = {(name, "visible"): _every_other(rows, 1) for name, rows in photographs.items()}
    infrared = {"training": groups["training"]} | ({"external": data.oracle()} if run.miniature else {})
    for name, rows in infrared.items():
        known = rows["identity"].isin(photographs[name]["identity"])
        asking[name, "infrared"] = rows[(rows["modality"] == "infrared") & known]
    asking = {cell: rows for cell, rows in asking.items() if len(rows)}
    judge, seed = list(measures.judges(run))[-1], run.profile.reid.seeds[0]

    def make(folder: Path) -> dict:
        from vireid_lib.analysis.identity_preservation import identify
        from vireid_lib.reid.features import extract

        network, settings = run.network(judge, seed)
        network.to(run.device)

        def features(rows: pd.DataFrame):
            return extract(network, rows, settings, run.cache.files)

        known = {name: features(rows) for name, rows in answering.items()}
        found = []
        for images, cells in ((REAL, asking), (DRAWN, _draw(run, photographs, each, folder))):
            for (name, light), rows in cells.items():
                outcome = identify(features(rows), rows["identity"], known[name], answering[name]["identity"])
                found.append(
                    {"people": name, "light": light, "images": images, "N": len(rows), "right": 100 * outcome.rank_1}
                )
        return {"table": found}

    inputs = {"judge": run.evaluate(judge, seed), "finetuning": run.fit("dive")}
    inputs |= {f"{name}_{light}": rows for (name, light), rows in asking.items()}
    inputs |= {f"{name}_answering": rows for name, rows in answering.items()}
    sampling = {
        "people": count,
        "each": each,
        "judge": judge,
        "cameras": run.infrared_cameras,
        **config.sampling_settings(),
    }
    record = run.stage("halves", sampling, inputs, make, seeds=[seed, config.seed])
    return Halves(pd.DataFrame(record.values["table"]), measures.judges(run)[judge], count)


def _every_other(rows: pd.DataFrame, start: int) -> pd.DataFrame:
    return rows[rows.groupby("identity").cumcount() % 2 == start]


def _draw(
    run: Run, photographs: dict[str, pd.DataFrame], each: int, folder: Path
) -> dict[tuple[str, str], pd.DataFrame]:
    """Pictures of both groups in both lights, as PNGs in `folder`: by the codes of the visible cameras that have seen
    them, and by the target's infrared ones, which external people have never met."""
    generator, infrared = run.generator("dive"), run.infrared_cameras
    generator.progress, generator.processes = False, 1
    model, found = generator.model, {}
    words = model.vocabulary
    for name, rows in photographs.items():
        for light, cameras in (("visible", _views(rows, words, infrared)), ("infrared", infrared)):
            known = sorted(set(rows["identity"]) & set(words.identities)) if cameras else []  # fitted to infrared alone
            place, count, planned = folder / name / light, each * len(known), []
            for number, (who, n) in enumerate(product(known, range(each))):
                camera, tries = cameras[n % len(cameras)], tuple(range(number, ATTEMPTS * count, count))
                planned.append(SampleRequest(who, camera, image_path(place, who, camera, n + 1), tries, modality=light))
            if planned:
                settings = {"weights": model.digest(), "people": known, "cameras": cameras, "each": each}
                found[name, light] = generator.write(planned, place, settings)
    return found


def _views(rows: pd.DataFrame, words: Vocabulary, infrared: Sequence[str]) -> list[str]:
    """A camera for each visible code of the rows' cameras; none where the generator was fitted to none."""
    found = {}
    for camera in sorted(set(rows["camera"]), reverse=True):
        key = words.key(camera, "visible")
        if key in words.view_of_camera and key not in infrared:
            found[words.view(key)] = camera
    return sorted(found.values())

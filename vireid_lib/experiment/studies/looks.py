"""What a study shows of its networks besides numbers: the room that people take up, queries, heat maps."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from vireid_lib.analysis import retrieval
from vireid_lib.analysis.projection import principal_plane
from vireid_lib.analysis.saliency import extent
from vireid_lib.data.augment import grey, turn_hue
from vireid_lib.data.images import to_float
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.study import Study, run_of
from vireid_lib.viz import PersonPlane
from vireid_lib.viz.pictures import pixels, short


def room(
    run: Run, study: Study, rows: Sequence[str], *, seed: int, trained: int = 2, tested: int = 3, images: int = 12
) -> dict[str, list[PersonPlane]]:
    """Some people's features under several rows' networks, for `plots.space_use`: row's label → planes.

    Args:
        rows: names of rows.
        seed: of the trainings.
        trained, tested: how many people, drawn at random, that the networks were trained on and that they were not.
        images: at most so many per person and modality.
    """
    data = run.data()
    chosen = [*_people(data.train_rows(), trained, images, "trained on"), *_people(data.test(), tested, images, "test")]
    table = pd.concat([rows_ for _, rows_ in chosen], ignore_index=True)
    ends = np.cumsum([len(rows_) for _, rows_ in chosen])
    found = {}
    for name in rows:
        features = _features(run, study, name, seed, table)
        parts = torch.tensor_split(features, ends[:-1].tolist())
        found[study.row(name).label] = [
            PersonPlane(person, *_plane(part, own)) for (person, own), part in zip(chosen, parts, strict=True)
        ]
    return found


def _plane(features: torch.Tensor, table: pd.DataFrame) -> tuple[np.ndarray, list[str], float]:
    points, share = principal_plane(features)
    return points, table["modality"].tolist(), share


def _people(table: pd.DataFrame, count: int, images: int, words: str) -> list[tuple[str, pd.DataFrame]]:
    both = table.groupby("identity")["modality"].nunique()
    names = sorted(both.index[both == 2])
    drawn = np.random.default_rng(0).permutation(names)[:count]
    few = table.sample(frac=1, random_state=0).groupby(["identity", "modality"]).head(images)
    return [(f"{words}: {name.rsplit('/', 1)[-1]}", few[few["identity"] == name]) for name in sorted(drawn)]


def _features(run: Run, study: Study, name: str, seed: int, table: pd.DataFrame) -> torch.Tensor:
    from vireid_lib.reid.features import extract

    row = study.row(name)
    network, config = run_of(run, row).network(row.training, seed)
    return extract(network, table, config.model_copy(update={"flip_at_test": False}), None)


def features_of(run: Run, study: Study, rows: Sequence[str], *, seed: int) -> dict[str, torch.Tensor]:
    """Stored test features under several rows' networks, those that their scores are of: row's label → features."""
    found = {}
    for name in rows:
        row = study.row(name)
        found[row.label] = run_of(run, row).features(row.training, seed)[0]
    return found


def heat(run: Run, study: Study, rows: Sequence[str], *, seed: int, pairs: int) -> dict[str, retrieval.Explained]:
    """What makes a visible and an infrared image of the same test person similar, under several rows' networks.

    The same pairs, drawn at random, for each network; `Explained.images` are visible, infrared, visible, ...
    """
    test = run.data().test()
    drawn = test.sample(frac=1, random_state=0)
    first = {side: own.drop_duplicates("identity").set_index("identity") for side, own in drawn.groupby("modality")}
    place = pd.Series(np.arange(len(test)), index=test["path"])
    people = [name for name in first["visible"].index if name in first["infrared"].index][:pairs]
    chosen = [tuple(int(place[first[side].at[name, "path"]]) for side in ("visible", "infrared")) for name in people]
    found = {}
    for name in rows:
        row = study.row(name)
        network, config = run_of(run, row).network(row.training, seed)
        found[row.label] = retrieval.explain(network, config, test, chosen)
    return found


def extents(explained: dict[str, retrieval.Explained]) -> pd.DataFrame:
    """How much of an image takes part in each network's Grad-CAM++ map, mean and standard deviation over images in
    percent, and how far the map agrees with occlusion (mean correlation over places)."""
    rows = {}
    for name, each in explained.items():
        shares = 100 * extent(each.grad_cam)
        shares = shares[~shares.isnan()]
        rows[name] = {
            "part of the image (%)": f"{float(shares.mean()):.0f} ± {float(shares.std()):.0f}",
            "correlation with occlusion": f"{each.agreement:+.2f}",
            "images": len(shares),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("network")


def colour_copies(table: pd.DataFrame, *, turns: int = 3) -> dict[str, object]:
    """Visible images, grey copies, and under some turned hues in colour and as HueGray: for `plots.image_grid`."""
    images = to_float(pixels(table), torch.device("cpu"))
    angles = [(place + 1) / (turns + 1) for place in range(turns)]
    turned = [turn_hue(images, torch.full((len(images),), angle)) for angle in angles]
    always = torch.Generator()
    columns = [images, grey(images, always, 1.0), *turned, *(grey(each, always, 1.0) for each in turned)]
    names = [
        "visible",
        "grey",
        *(f"hue + {360 * angle:.0f}°" for angle in angles),
        *(f"HueGray\n{360 * angle:.0f}°" for angle in angles),
    ]
    drawn = [(255 * column).round().byte().permute(0, 2, 3, 1).numpy() for column in columns]
    return {
        "images": [list(row) for row in zip(*drawn, strict=True)],
        "column_labels": names,
        "row_labels": [short(name) for name in table["identity"]],
    }

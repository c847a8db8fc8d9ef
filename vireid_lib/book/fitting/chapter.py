"""Chapter 02 for any generator: what it is, its settings and their sources, its losses, what it makes of images."""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown
from pandas.io.formats.style import Styler
from pydantic import BaseModel

from vireid_lib import generators
from vireid_lib import viz as plots
from vireid_lib.analysis.fidelity import colourfulness
from vireid_lib.data import tables
from vireid_lib.data.cameras import camera_in_table, camera_keys, camera_modalities
from vireid_lib.experiment import arrays
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.generators.base import Generator
from vireid_lib.generators.config import TranslatorConfig
from vireid_lib.viz import Picture
from vireid_lib.viz.pictures import Grid, pixels, short

CAN = {
    "expand": "expand: images of a known person under an infrared camera, any number",
    "translate": "translate: a given photograph as an infrared camera would show it",
}


def label(name: str) -> str:
    """The generator's name for reading."""
    return training_label(name).removeprefix("+ ")


def config(run: Run, name: str) -> BaseModel:
    """The generator's settings in this profile. Raises FileError for an unknown generator."""
    return run.generator_config(name)


def fitting(run: Run, name: str) -> StageRecord:
    """The stage that fitted it."""
    return run.fit(name)


def fitted(run: Run, name: str) -> Generator:
    """The generator, ready to make pictures."""
    return run.generator(name)


def card(run: Run, name: str) -> pd.DataFrame:
    """What the generator is, in the words of those who wrote it, and what it can do: columns "", what."""
    made = generators.generator_class(name)
    paragraphs = _paragraphs(sys.modules[made.__module__].__doc__) + _paragraphs(made.__doc__)
    told = [text for text in dict.fromkeys(paragraphs[1:]) if not text.startswith("Use:")]
    abilities = fitted(run, name).capabilities if isinstance(made.capabilities, property) else made.capabilities
    rows = [
        ("generator", label(name)),
        ("what it is", paragraphs[0]),
        ("more", " ".join(told)),
        ("what it can do", "; ".join(CAN[each] for each in sorted(abilities))),
    ]
    return pd.DataFrame([row for row in rows if row[1]], columns=["", "what"])


def settings_source(name: str) -> str:
    """What the configuration says of where its numbers come from."""
    found = [
        text
        for text in _paragraphs(generators.generator_class(name).config_class.__doc__)
        if not text.startswith("Attributes:")
    ]
    return "\n\n".join("\n".join(textwrap.wrap(text, 95)) for text in found)


def settings(run: Run, name: str) -> pd.DataFrame:
    """Every setting of the generator: columns setting, here, default (the paper's, see `settings_source`), meaning."""
    here = config(run, name)
    given, meanings = type(here)(), _meanings(type(here))
    fields = type(here).model_fields
    rows = [
        {
            "setting": key,
            "here": str(value),
            "default": str(getattr(given, key)),
            "meaning": fields[key].description or meanings.get(key, ""),
        }
        for key, value in ((key, getattr(here, key)) for key in fields)
    ]
    return pd.DataFrame(rows)


def shown_settings(run: Run, name: str) -> Styler:
    """`settings` for a page; what is set otherwise than by default stands out."""
    table = settings(run, name)
    own = (table["here"] != table["default"]).to_numpy()
    return table.style.apply(lambda _: ["font-weight: bold" if each else "" for each in own], subset=["here"]).hide()


def learned_from(run: Run, name: str) -> pd.DataFrame:
    """Who and what the generator is fitted to: a row per data set and modality."""
    rows = run.fitted_rows(name)
    rows = rows.assign(**{"data set": rows["identity"].str.split("/").str[0]})
    told = {"people": ("identity", "nunique"), "cameras": ("camera", "nunique"), "images": ("path", "size")}
    return rows.groupby(["data set", "modality"], sort=False).agg(**told).reset_index()


def history(record: StageRecord) -> pd.DataFrame:
    """The loss over the steps of a training stage: columns step and one per term."""
    file = next(iter(sorted(record.folder.rglob("history.jsonl"))), None)
    if file is None:
        raise FileNotFoundError(f"{record.folder} holds no history.jsonl; delete the folder to make the stage again.")
    return pd.DataFrame([json.loads(line) for line in file.read_text().splitlines()])


def losses(run: Run, name: str) -> Picture | Markdown:
    """Every loss over the steps, or that nothing was learned."""
    try:
        found = history(fitting(run, name))
    except FileNotFoundError:
        return _note(name, "nothing is learned, so there is no loss to show.")
    return plots.loss_panels(found, title=f"Fitting {label(name)}: every term, each with a scale of its own")


def cost(run: Run, name: str) -> pd.DataFrame:
    """What fitting took: columns "", here."""
    record = fitting(run, name)
    values = record.values
    rows = {
        "images": values["images"],
        "identities": values.get("identities"),
        "steps": values.get("steps"),
        "trained parameters": values.get("parameters"),
        "minutes": round(record.result["wall_seconds"] / 60, 1),
        "device": record.result["device"],
    }
    shown = {
        key: f"{value:,}" if isinstance(value, int) else str(value) for key, value in rows.items() if value is not None
    }
    return pd.DataFrame({"": list(shown), "here": list(shown.values())})


def before_and_after(run: Run, name: str, *, people: int = 6, external: bool = False) -> Grid:
    """Photographs, what the generator makes of them under each infrared camera, and real infrared beside it.

    For people of the target set the last column is another real infrared image of the person. For external people,
    whom no infrared camera has seen, it is what one would have seen at that very moment, in the miniature world.
    A generator that does not translate shows images that it made of the person instead.

    Args:
        external: external people instead of people of the target set.
    """
    data, cameras = run.data(), run.infrared_cameras
    rows = data.external if external else data.train_rows()
    visible = rows[rows["modality"] == "visible"].sort_values("path").drop_duplicates("identity")
    visible = visible.sort_values("identity").iloc[:people]
    maker, size = fitted(run, name), _size(run, name)
    if "translate" in maker.capabilities:
        under, word = _translations(run, name, visible, cameras, size), "translated"
    else:
        under, word = _expansions(run, name, rows, visible, cameras), label(name)
    columns = [list(pixels(visible, size)), *under]
    labels = ["photograph", *(f"{word},\ncamera {short(each)}" for each in cameras)]
    if external and run.miniature:
        from vireid_lib.miniworld.oracle import paired_views

        truth, _ = paired_views(visible["path"].tolist(), [cameras[0]] * len(visible), height=size[0], width=size[1])
        columns, labels = [*columns, list(truth)], [*labels, f"same moment,\ncamera {short(cameras[0])}"]
    elif not external:
        columns += [_of_camera(rows, visible["identity"], camera, size) for camera in cameras]
        labels += [f"real,\ncamera {short(each)}" for each in cameras]
    return _grid(columns, visible, labels)


def other_way(run: Run, name: str, *, people: int = 6) -> Picture | Markdown:
    """Real infrared images as a visible camera would show them, beside the person in colour; or that the generator
    makes infrared only."""
    data, config_class = run.data(), generators.generator_class(name).config_class
    if name == "dive" or not issubclass(config_class, TranslatorConfig):
        return _note(name, "no infrared image is turned into a visible one.")
    rows = data.train_rows()
    infrared = rows[rows["modality"] == "infrared"].sort_values("path").drop_duplicates("identity")
    infrared = infrared.sort_values("identity").iloc[:people]
    camera = next(each for each, records in camera_modalities(rows).items() if records == "visible")
    size = _size(run, name)
    columns = [
        list(pixels(infrared, size)),
        *_translations(run, name, infrared, [camera], size),
        _of_camera(rows, infrared["identity"], camera, size),
    ]
    number = short(camera_in_table(camera))
    labels = ["real infrared", f"translated,\ncamera {number}", f"real,\ncamera {number}"]
    return plots.image_grid(**vars(_grid(columns, infrared, labels)), title="From infrared to visible light")


def _note(name: str, words: str) -> Markdown:
    """Words in the place of a picture."""
    shown = label(name)
    return Markdown(f"*{shown[0].upper()}{shown[1:]}*: {words}")


def _grid(columns: Sequence[list], rows: pd.DataFrame, labels: list[str]) -> Grid:
    return Grid([list(row) for row in zip(*columns, strict=True)], [short(each) for each in rows["identity"]], labels)


def what_changed(run: Run, name: str, grid: Grid) -> str:
    """One sentence about `before_and_after`'s pictures: how much colour is left, and whether the camera matters."""
    cameras = run.infrared_cameras
    before, after = (np.stack([row[place] for row in grid.images]) for place in (0, 1))
    left, had = (float(colourfulness(part).mean()) for part in (after, before))
    told = f"Colourfulness goes from {had:.1f} to {left:.1f} (0 is grey)"
    if len(cameras) < 2:
        return f"{told}."
    other = np.stack([row[2] for row in grid.images])
    apart = float(np.abs(after.astype(int) - other).mean())
    if apart < 0.5:  # less than a rounding of each pixel: chance in the making, no knowledge of cameras
        return f"{told}. For two infrared cameras it makes the same pictures: it knows modalities, not cameras."
    return f"{told}. Its pictures for two infrared cameras differ by {apart:.1f} of 255 levels on average."


def _translations(run: Run, name: str, rows: pd.DataFrame, cameras: Sequence[str], size: tuple[int, int]) -> list:
    """For each camera the rows' images as it would show them."""

    def make(folder: Path) -> None:
        maker, shown = fitted(run, name), pixels(rows, size)
        made = [
            np.concatenate(
                [maker.translate(shown[[place]], identity, camera) for place, identity in enumerate(rows["identity"])]
            )
            for camera in cameras
        ]
        arrays.save(folder, pictures=np.stack(made))

    own = config(run, name)
    if name == "dive":  # what it translates starts from an image, whatever its gallery starts from
        own = own.model_copy(update={"start": "image"})
    about = {"generator": name, "cameras": list(cameras), "settings": own.sampling_settings()}
    record = run.stage("translations", about, {"fitting": fitting(run, name), "images": rows}, make)
    return [list(part) for part in arrays.load(record)["pictures"]]


def _expansions(run: Run, name: str, rows: pd.DataFrame, people: pd.DataFrame, cameras: Sequence[str]) -> list:
    """For each camera one image of each of the people, made from their images in `rows`."""
    own = rows[rows["identity"].isin(people["identity"])]

    def make(folder: Path) -> None:
        fitted(run, name).expand(people["identity"].tolist(), list(cameras), 1, 0, folder, source=own)

    about = {"generator": name, "cameras": list(cameras), "settings": config(run, name).sampling_settings()}
    record = run.stage("expansions", about, {"fitting": fitting(run, name), "images": own}, make, seeds=[0])
    table = tables.load(record.folder / "table.csv")
    return [_of_camera(table, people["identity"], camera, _size(run, name)) for camera in cameras]


def _of_camera(table: pd.DataFrame, identities: pd.Series, camera: str, size: tuple[int, int]) -> list:
    """An image of each identity by the camera, None where there is none."""
    of_it = table[np.array(camera_keys(table), object) == camera]
    own = of_it.sort_values("path").drop_duplicates("identity").set_index("identity")["path"]
    return [pixels([own[each]], size)[0] if each in own else None for each in identities]


def _size(run: Run, name: str) -> tuple[int, int]:
    own = config(run, name)
    return getattr(own, "height", 64), getattr(own, "width", 32)


def _paragraphs(text: str | None) -> list[str]:
    parts = inspect.cleandoc(text or "").split("\n\n")
    return [" ".join(part.replace("`", "").split()) for part in parts if part.strip()]


def _meanings(config_class: type[BaseModel]) -> dict[str, str]:
    """What the docstrings of the class and of those that it inherits from say of each attribute."""
    found: dict[str, str] = {}
    for each in reversed(config_class.__mro__):
        lines = inspect.cleandoc(each.__dict__.get("__doc__") or "").splitlines()
        if "Attributes:" not in lines:
            continue
        told = textwrap.dedent("\n".join(lines[lines.index("Attributes:") + 1 :]))
        for entry in re.split(r"\n(?=\w)", told.strip()):
            names, _, words = entry.partition(":")
            found |= {key.strip(): " ".join(words.replace("`", "").split()) for key in names.split(",")}
    return found

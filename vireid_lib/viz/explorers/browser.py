"""Data set browser: people × cameras, filtered by split, modality, camera and source."""

import textwrap

import pandas as pd

from vireid_lib.data.cameras import camera_keys
from vireid_lib.viz import Picture, identity_colours, image_grid, pictures, widgets

ANY = "any"
PEOPLE = 6
FILTERS = ("dataset", "split", "modality", "camera", "source")


def browse(*tables: pd.DataFrame | None) -> None:
    """Show six people under all cameras; in an interactive session, filters and a slider over the people.

    Args:
        tables: any rows; of several data sets, the first is shown first. None is skipped.
    """
    table = pd.concat([rows for rows in tables if rows is not None], ignore_index=True)
    held = _with_dataset(table)
    options = {name: [ANY, *held[name].unique()] for name in FILTERS}
    options["camera"] = [ANY, *pictures.cameras(table)]
    options["dataset"] = options["dataset"][1:]
    first = options["dataset"][0]

    def browser(
        dataset=first, split=ANY, modality=ANY, camera=ANY, source=ANY, first_person=0, images_per_camera=1
    ) -> Picture:
        """Six people under every camera."""
        return sheet(
            held,
            dataset=dataset,
            split=split,
            modality=modality,
            camera=camera,
            source=source,
            first=first_person,
            each=images_per_camera,
        )

    choices = {name: values for name, values in options.items() if len(set(values) - {ANY}) > 1}
    most = max(held.groupby("dataset")["identity"].nunique())
    widgets.explore(browser, **choices, first_person=range(0, max(1, most - PEOPLE + 1)), images_per_camera=[1, 2, 3])


def sheet(
    table: pd.DataFrame,
    *,
    dataset: str = ANY,
    split: str = ANY,
    modality: str = ANY,
    camera: str = ANY,
    source: str = ANY,
    first: int = 0,
    people: int = PEOPLE,
    each: int = 1,
) -> Picture:
    """People in rows, cameras in columns, visible ones first; a gap where a camera has no image that fits.

    Args:
        dataset, split, modality, camera, source: what the rows must be; "any" lets all pass.
        first: place of the first person among those that are left, in order of their names.
        each: images per camera.

    Raises:
        ValueError: no row fits.
    """
    wanted = {"dataset": dataset, "split": split, "modality": modality, "camera": camera, "source": source}
    wanted = {name: value for name, value in wanted.items() if value != ANY}
    rows = _with_dataset(table)
    held = rows.assign(camera=camera_keys(rows))
    for name, value in wanted.items():
        held = held[held[name] == value]
    rows = rows.loc[held.index]
    words = ", ".join(f"{name} {pictures.short(str(value))}" for name, value in wanted.items())
    if rows.empty:
        raise ValueError(f"No image has {words}: take a filter back.")
    names = sorted(rows["identity"].unique())
    start = min(first, max(0, len(names) - people))
    chosen = names[start : start + people]
    grid, labels = pictures.by_camera(rows, chosen, pictures.cameras(rows), each=each)
    counts, room = rows["identity"].value_counts(), 16 + 8 * len(labels)  # letters that the title has room for
    counted = f"{len(rows):,} images of {len(names):,} people; shown: {start + 1} to {start + len(chosen)}"
    return image_grid(
        grid,
        row_labels=[f"{pictures.short(name)}\n{counts[name]} images" for name in chosen],
        column_labels=labels,
        row_colours=list(identity_colours(chosen).values()),
        title="\n".join(textwrap.wrap(words or "everything", room) + textwrap.wrap(counted, room)),
    )


def _with_dataset(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(dataset=table["identity"].str.rsplit("/", n=1).str[0])

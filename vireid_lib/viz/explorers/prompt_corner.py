"""The prompt corner: one picture of a prompt that somebody puts together, and where its pieces are heard.

`draw` is a plain function of its settings; `corner` gives it the defaults and options with which notebooks explore it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8

from vireid_lib import viz as plots
from vireid_lib.analysis.attention import record
from vireid_lib.book.attention import stages as attention_stages
from vireid_lib.book.attention.findings import LABELS
from vireid_lib.experiment import arrays
from vireid_lib.experiment.dive_views import cameras_of_each_view, identities
from vireid_lib.experiment.pipeline import Run
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.viz.pictures import Grid, pixels, short
from vireid_lib.viz.style import Picture

NOBODY, NO_CODE = "nobody", "no code"
GUIDANCE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.5)
STEPS = (5, 10, 20, 30)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
SEEDS = 20


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture and the cross-attention behind it.

    Attributes:
        image: the picture.
        maps: resolution → piece of the prompt → attention, in units of the map's own mean; NaN for a missing piece.
    """

    image: UInt8[np.ndarray, "height width 3"]
    maps: dict[tuple[int, int], dict[str, Float[np.ndarray, "h w"]]]


def draw(
    model: DiveModel,
    identity: str,
    camera: str,
    *,
    branch_of: str = "",
    other: str = "",
    share: float = 0.0,
    guidance: float | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Drawn:
    """Sample one picture of "a [k] photo of [p] person" and write down all its cross-attention.

    Args:
        identity: whose token stands for [p]; "" leaves it out.
        camera: whose code stands for [k]; "" leaves it out.
        branch_of: without a code, the camera whose LoRA branch runs.
        other, share: [p] becomes (1 - share) times the vectors of `identity` plus `share` times those of `other`.
        guidance, steps: None takes the configuration's.
        seed: of the noise that the picture starts from.

    Raises:
        ValueError: `share` asks for a mixture and one of the two people is missing, or lies outside 0..1.
    """
    from vireid_lib.generators.dive.sample import Request, sample

    request = Request(identity, camera, seed, branch_of=camera or branch_of)
    with mixed_token(model, identity, other, share), record(model.base.unet) as recorder:
        image = sample(model, [request], guidance=guidance, steps=steps)[0]
    maps = {}
    for size in recorder.resolutions:
        # With guidance the batch holds the picture twice, the half that saw the prompt last.
        pieces = attention_stages.by_label(model, recorder.maps(size)[-1], identity, camera).numpy()
        named = dict(zip(LABELS, pieces, strict=True))
        maps[size] = {label: named[label] / named[label].mean() for label in attention_stages.SHOWN}
    return Drawn(image, maps)


@contextmanager
def mixed_token(model: DiveModel, identity: str, other: str, share: float) -> Iterator[None]:
    """Inside, the token of `identity` is mixed with that of `other`; afterwards it is as it was, bit for bit.

    Raises:
        ValueError: as `draw`.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; it must lie between 0 (all {identity}) and 1 (all {other}).")
    if share == 0:
        yield
        return
    if not identity or not other:
        raise ValueError("A mixture needs two people: choose both, or set share to 0.")
    count, rows = model.tokens.vectors, model.rows.rows
    own, theirs = (slice(start, start + count) for start in map(model.tokens.row, (identity, other)))
    before = rows.detach()[own].clone()
    with torch.no_grad():
        rows[own] = (1 - share) * before + share * rows[theirs]
        try:
            yield
        finally:
            rows[own] = before


def corner(run: Run) -> tuple[Callable[..., Picture], dict[str, Sequence]]:
    """The corner for `widgets.explore(function, **options)`: a function of the prompt that returns the figure, with
    defaults for all arguments, and what each of them may be."""
    config, views = run.generator_config("dive"), cameras_of_each_view(run)
    people = identities(run, 10**6)
    codes = {f"{name} ({modality})": name for name, modality in views.items()} | {NO_CODE: ""}
    first = next(words for words, name in codes.items() if name and views[name] == "infrared")
    plain = {"identity": people[0], "other": people[min(1, len(people) - 1)]}

    def picture(
        identity: str = plain["identity"],
        code: str = first,
        other: str = plain["other"],
        share: float = 0.0,
        guidance: float = config.guidance,
        steps: int = config.sampling_steps,
        seed: int = 0,
    ) -> Picture:
        who = "" if identity == NOBODY else identity
        drawn = draw(
            _model(run),
            who,
            codes[code],
            branch_of=_external_camera(run),
            other=other,
            share=share,
            guidance=guidance,
            steps=steps,
            seed=seed,
        )
        shown = {short(name): _photograph(run, name) for name in ([who] if who else []) + ([other] if share else [])}
        about = [f"guidance {guidance:g}", f"{steps} steps", f"noise {seed}"]
        mixture = f"{short(identity)} with {100 * share:.0f} % of {short(other)}" if share else short(identity)
        maps = {attention_stages.name(size): each for size, each in drawn.maps.items()}
        return plots.prompt_picture(shown, drawn.image, maps, title=", ".join([code, mixture, *about]))

    options = {
        "identity": [*people, NOBODY],
        "code": list(codes),
        "other": people,
        "share": [step / 10 for step in range(11)],
        "guidance": sorted({*GUIDANCE, config.guidance}),
        "steps": sorted({*STEPS, config.sampling_steps}),
        "seed": range(SEEDS),
    }
    return picture, options


def walk(run: Run, *, pairs: int = 3, noise: int = 0, shares: Sequence[float] = SHARES) -> Grid:
    """Pictures on the way from one person's token to another's, all from one noise, as the first infrared camera; the
    two photographs at the ends."""
    people = identities(run, 2 * pairs)
    couples = list(zip(people[::2], people[1::2], strict=False))
    camera = run.infrared_cameras[0]

    def make(folder: Path) -> None:
        model = run.generator("dive").model
        rows = [
            [draw(model, one, camera, other=two, share=share, seed=noise).image for share in shares]
            for one, two in couples
        ]
        arrays.save(folder, pictures=np.asarray(rows))

    config = run.generator_config("dive")
    settings = {
        "pairs": [list(couple) for couple in couples],
        "camera": camera,
        "noise": noise,
        "shares": list(shares),
        "steps": config.sampling_steps,
        "guidance": config.guidance,
    }
    record = run.stage("prompt_walk", settings, {"finetuning": run.fit("dive")}, make, seeds=[noise])
    made = arrays.load(record)["pictures"]
    rows = [
        [_photograph(run, one), *pictures, _photograph(run, two)]
        for (one, two), pictures in zip(couples, made, strict=True)
    ]
    labels = ["photograph", *(f"{100 * share:.0f} %" for share in shares), "photograph"]
    return Grid(rows, [f"{short(one)} to\n{short(two)}" for one, two in couples], labels)


def _photograph(run: Run, identity: str) -> UInt8[np.ndarray, "height width 3"]:
    external, config = run.data().external, run.generator_config("dive")
    rows = external[external["identity"] == identity].sort_values("path")
    return pixels(rows.iloc[[0]], (config.height, config.width))[0]


def _external_camera(run: Run) -> str:
    return run.data().external["camera"].iloc[0]


@lru_cache(maxsize=1)
def _model(run: Run) -> DiveModel:
    """Loaded once for all pictures of a session."""
    return run.generator("dive").model

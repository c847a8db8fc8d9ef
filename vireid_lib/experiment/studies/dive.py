"""DiVE's tables 1 to 4 and figure 5 as trainings, and what the paper says about them (Dai, Lu, Li, AAAI 2025)."""

from collections.abc import Sequence
from dataclasses import replace

from vireid_lib import generators
from vireid_lib.experiment.claims import Claim, better
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import trained_generator
from vireid_lib.experiment.study import Row, Study
from vireid_lib.experiment.training_sets import training_label

THE_PAPERS = "deen"
"""With which the paper trains tables 1, 3, 4 and figure 5."""

MINIATURE = "agw"
"""With which they are trained in the miniature world, at half the cost, if no other is asked for."""

METHODS = {"agw": "AGW", "caj": "CAJ", "dart": "DART", "deen": "DEEN"}
"""Of table 2."""

GANS, DIFFUSION = ("cyclegan", "aligngan"), ("vi_diff", "cyclegan_turbo")
PRINTED = (*GANS, *DIFFUSION)
"""Generators that the paper's table 1 compares DiVE with, and of which kind each is."""

SECOND_SET = "cuhk03_np"
"""External set of table 4 besides the profile's; how its people are chosen, the paper's file says."""

FROM_IMAGE = "dive_from_image"
"""End of the name of the row whose pictures start from photographs."""

FITS = 2
"""How often each generator that learns is fitted; the seeds of the trainings use the fits in turn."""

ONE_CAMERA = "_one_camera"
"""End of the names of table 3's rows whose "single view" is read as the images of one camera of each modality; in the
rows that end in `_single` it is one code for all cameras of a modality. The paper does not say which."""

TO_BOTH = "_both"
"""End of the names of rows whose generator is fitted to external images too; the paper fits DiVE alone to them."""


def method_label(method: str) -> str:
    """A method's name for readers."""
    return METHODS.get(method, method.upper())


def expanding(names: Sequence[str] = ()) -> list[str]:
    """Those of the named generators (of all, if none is named) that can make a gallery: the ones that the paper
    compares, then the others, greyscale copies last. DiVE is not among them: it is in every table.

    Raises:
        ValueError: there is no such generator.
    """
    asked = set(names or generators.names()) - {"dive"}
    made = {name: generators.generator_class(name) for name in sorted(asked)}
    can = {name for name, kind in made.items() if "expand" in kind.capabilities and not kind.miniature_only}
    order = [*PRINTED, *sorted(can - {*PRINTED, "grayscale"}), "grayscale"]
    return [name for name in order if name in can]


def generator_rows(method: str, names: Sequence[str]) -> list[Row]:
    """Table 1: one method, trained on real images and those of each generator."""
    return [Row(f"{method}_{name}", _generator(name), method, training=name) for name in names]


def _generator(name: str) -> str:
    """A generator's name for readers."""
    return training_label(name).removeprefix("+ ")


def fitted_to_both(method: str, names: Sequence[str]) -> list[Row]:
    """Table 1 once more, with those generators that can be fitted to the external images as DiVE is: the paper trains
    them on the target alone."""
    fields = {name: generators.generator_class(name).config_class.model_fields for name in names}
    return [
        replace(
            row,
            name=f"{row.training}{TO_BOTH}",
            label=f"{row.label}, fitted to external images too",
            always=False,
            changes={"generators": {row.training: {"fit_on": "target+external"}}},
        )
        for row in generator_rows(method, names)
        if "fit_on" in fields[row.training]
    ]


def _pair(method: str, name: str, label: str, *, always: bool = False, **settings: object) -> list[Row]:
    return [
        Row(
            f"{name}_{training}",
            f"{_trained(method, training)}, {label}",
            method,
            training=training,
            always=always,
            **settings,
        )
        for training in ("real", "dive")
    ]


def _trained(method: str, training: str) -> str:
    return method_label(method) + " + DiVE" * (training == "dive")


def _selected(method: str, name: str, label: str, **settings: object) -> Row:
    return Row(name, label, method, training="dive", always=False, changes={"generators": {"dive": settings}})


def _people(method: str, count: int, training: str, *, more: bool = False) -> Row:
    """A training on fewer expanded people, or on more people than the profile expands."""
    words = "DiVE" if training == "dive" else "true infrared"
    section = {"expand": {"identities": count, "min_images": 1}} if more else {"reid": {"expanded": count}}
    return Row(
        f"{training}_{count}", f"{words}, {count} people", method, training=training, always=False, changes=section
    )


def counts(run: Run) -> tuple[list[int], list[int]]:
    """The numbers of people of figure 5 that are fewer than the expanded ones, and those that are more."""
    asked, everybody = sorted(run.profile.expand.counts), run.data().external["identity"].nunique()
    return [count for count in asked if count < everybody], [count for count in asked if count > everybody]


def study(run: Run, compared: Sequence[str] = (), method: str = "") -> Study:
    """The study.

    Args:
        book: its profile says with how many people figure 5 is drawn (`expand.counts`).
        compared: generators of table 1 besides DiVE; empty takes all that can make a gallery.
        method: with which tables 1, 3, 4 and figure 5 are trained; empty takes the paper's, and in the miniature world
            `MINIATURE`.

    Raises:
        ValueError: there is no such generator or method, or the profile has no external people.
    """
    if run.profile.data.external is None:
        raise ValueError(
            f"Profile {run.profile.name} names no data.external, and DiVE's study expands such people; "
            "name a visible-only set there."
        )
    method = run.with_method(method or (MINIATURE if run.miniature else THE_PAPERS)).profile.reid.method
    fewer, more = counts(run)
    first = [
        Row(f"{method}_real", _trained(method, "real"), method),
        *generator_rows(method, expanding(compared)),
        Row(f"{method}_dive", _trained(method, "dive"), method, training="dive"),
        Row(
            f"{method}_{FROM_IMAGE}",
            "DiVE from the image",
            method,
            training="dive",
            changes={"generators": {"dive": {"start": "image"}}},
        ),
        *generator_rows(method, ["resampled_ir", "oracle_ir"]),
    ]
    second = [
        Row(f"{other}_{training}", _trained(other, training), other, training=training)
        for other in METHODS
        if other != method
        for training in ("real", "dive")
    ]
    beyond = "oracle_ir" if run.miniature else "dive"
    others = [
        *fitted_to_both(method, expanding(compared)),
        *_pair(method, "wide", "batches twice as large", always=True, times={"images": 2}),
        *_pair(method, "long", "twice as long", times={"length": 2}),
        _selected(method, "infrared_single", "DiVE, infrared, single", views="single", train_modalities="infrared"),
        _selected(method, "both_single", "DiVE, both, single", views="single"),
        *(
            _selected(method, f"{name}{ONE_CAMERA}", f"DiVE, {label}, one camera", views="one_camera", **settings)
            for name, label, settings in (
                ("infrared", "infrared", {"train_modalities": "infrared"}),
                ("both", "both", {}),
            )
        ),
        _selected(method, "one_lora", "DiVE, one LoRA for all codes", lora_scope="shared"),
        Row(
            "campus",
            f"{_trained(method, 'dive')}, campus",
            method,
            training="dive",
            always=False,
            external=SECOND_SET,
            changes=next(row.changes for row in Study("dive", (), ()).table(4).rows if row.external == SECOND_SET),
        ),
        *(_people(method, count, training) for training in ("dive", "oracle_ir") for count in fewer),
        *(_people(method, count, beyond, more=True) for count in more),
    ]
    claims = _claims(method, [row.name for row in first], fewer, [] if run.miniature else more)
    rows = [_fitted_twice(run, row) for row in (*first, *second, *others)]
    return Study("dive", rows, claims, method)


def _fitted_twice(run: Run, row: Row) -> Row:
    """The row with two fits of its generator, or the profile's number if that is larger: a difference between two
    generators must not be one between two of their fits."""
    if trained_generator(run.profile, row.training) is None:
        return row
    expand = {"fits": max(FITS, run.profile.expand.fits), **row.changes.get("expand", {})}
    return replace(row, changes={**row.changes, "expand": expand})


def trained_with(study: Study) -> str:
    """With which method the tables of one method are trained, in a sentence."""
    here, papers = method_label(study.method), method_label(THE_PAPERS)
    start = f"Tables 1, 3, 4 and Figure 5 are trained with {here}"
    if study.method == THE_PAPERS:
        return f"{start}, as in the paper."
    return f"{start}, where the paper takes {papers} (-p method={THE_PAPERS} does)."


def _claims(method: str, table_1: Sequence[str], fewer: Sequence[int], more: Sequence[int]) -> tuple[Claim, ...]:
    real, dive = f"{method}_real", f"{method}_dive"
    rivals = [
        (f"{method}_{name}", _generator(name), measure)
        for name in PRINTED
        if f"{method}_{name}" in table_1
        for measure in ("rank_1", "mean_ap")
    ]
    baseline = [
        Claim(f"Adding images of {label} lowers the scores", "Table 1", measure, name, real, "smaller")
        for name, label, measure in rivals
    ]
    against = [
        better(dive, name, f"DiVE's images help more than {label}'s", "Table 1", measure)
        for name, label, measure in rivals
    ]
    kinds = [
        better(
            f"{method}_{name}",
            f"{method}_{other}",
            f"Diffusion models are better than GAN-based ones: {_generator(name)} than {_generator(other)}",
            "Table 1",
            measure,
        )
        for name in DIFFUSION
        for other in GANS
        if {f"{method}_{name}", f"{method}_{other}"} <= set(table_1)
        for measure in ("rank_1", "mean_ap")
    ]
    improved = [
        better(f"{other}_dive", f"{other}_real", f"DiVE improves {label}", "Table 2, Fig. 1", measure)
        for other, label in METHODS.items()
        for measure in ("rank_1", "mean_ap")
    ]
    people = [
        better(f"dive_{min(fewer, default=0)}", real, "A few expanded people help already", "Fig. 5"),
        better(dive, f"dive_{min(fewer, default=0)}", "More expanded people help more", "Fig. 5"),
    ] * bool(fewer)
    decline = [
        Claim(
            f"Beyond 1,011 people scores decline: with {count:,} they are lower than with all who have enough images",
            "Fig. 5",
            "rank_1",
            f"dive_{count}",
            dive,
            "smaller",
        )
        for count in more
    ]
    return (
        *baseline,
        *against,
        *kinds,
        *improved,
        *_views(real, dive),
        better("campus", real, "DiVE helps with CUHK03-NP's people", "Table 4"),
        better(dive, "campus", "Market-1501's people help more than CUHK03-NP's", "Table 4"),
        *people,
        *decline,
    )


def _views(real: str, dive: str) -> list[Claim]:
    """Table 3's claims, in both readings of its single view."""
    claims = []
    for end, reading in (("_single", ""), (ONE_CAMERA, " (single view: one camera's images)")):
        pairs = (
            (f"infrared{end}", real, "Fitted to infrared images only, DiVE still helps"),
            (f"both{end}", f"infrared{end}", "Fitting to both modalities is better"),
            (dive, f"both{end}", "A code for each view is better still"),
        )
        claims += [better(row, other, f"{words}{reading}", "Table 3") for row, other, words in pairs]
    return claims

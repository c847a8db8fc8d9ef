"""DiVE's tables 1 to 4 and figure 5 as trainings, and what the paper says about them (Dai, Lu, Li, AAAI 2025)."""

from collections.abc import Iterator, Sequence

from vireid_lib import generators
from vireid_lib.experiment.claims import Claim, better
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import OF_THE_WORLD
from vireid_lib.experiment.settings import trained_generator
from vireid_lib.experiment.study import Row, Study
from vireid_lib.experiment.training_sets import plain_label

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
    compares, then the others, greyscale copies last. DiVE is not among them: it is in every table. Raises ValueError if
    there is no such generator."""
    asked = set(names or generators.names()) - {"dive"}
    made = {name: generators.generator_class(name) for name in sorted(asked)}
    can = {name for name, kind in made.items() if "expand" in kind.capabilities and not kind.miniature_only}
    order = [*PRINTED, *sorted(can - {*PRINTED, "grayscale"}), "grayscale"]
    return [name for name in order if name in can]


def trained_on(method: str) -> tuple[tuple[str, str], ...]:
    """The training sets of a method in the paper's tables, each with what the training is called."""
    return ("real", method_label(method)), ("dive", f"{method_label(method)} + DiVE")


def counts(run: Run) -> tuple[list[int], list[int]]:
    """The numbers of people of figure 5 that are fewer than the expanded ones, and those that are more."""
    asked, everybody = sorted(run.profile.expand.counts), run.data().external["identity"].nunique()
    return [count for count in asked if count < everybody], [count for count in asked if count > everybody]


def study(run: Run, compared: Sequence[str] = (), method: str = "") -> Study:
    """The study.

    Args:
        run: its profile says with how many people figure 5 is drawn (`expand.counts`).
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
    rivals, (fewer, more) = expanding(compared), counts(run)

    def row(name: str, label: str, training: str = "dive", always: bool = False, **options: object) -> Row:
        return Row(name, label, method, training=training, always=always, **options)

    def of_table_1(name: str) -> Row:
        return row(f"{method}_{name}", plain_label(name), name, always=True)

    def with_dive(name: str, label: str, always: bool = False, **settings: object) -> Row:
        return row(name, label, always=always, changes={"generators": {"dive": settings}})

    def real_and_dive(name: str, label: str, **options: object) -> list[Row]:
        return [row(f"{name}_{each}", f"{words}, {label}", each, **options) for each, words in trained_on(method)]

    def people(training: str, count: int, **section: object) -> Row:
        words = "DiVE" if training == "dive" else "true infrared"
        return row(f"{training}_{count}", f"{words}, {count} people", training, changes=section)

    (_, plain), (_, with_it) = trained_on(method)
    second = next(row.changes for row in Study("dive", (), ()).table(4).rows if row.external == SECOND_SET)
    both = {name: {"generators": {name: {"fit_on": "target+external"}}} for name in rivals}
    can = [name for name in rivals if "fit_on" in generators.generator_class(name).config_class.model_fields]
    rows = [
        row(f"{method}_real", plain, "real", always=True),
        *map(of_table_1, rivals),
        row(f"{method}_dive", with_it, always=True),
        with_dive(f"{method}_{FROM_IMAGE}", "DiVE from the image", always=True, start="image"),
        *map(of_table_1, OF_THE_WORLD),
        *(
            Row(f"{other}_{training}", words, other, training=training)
            for other in METHODS
            if other != method
            for training, words in trained_on(other)
        ),
        *(
            row(f"{name}{TO_BOTH}", f"{plain_label(name)}, fitted to external images too", name, changes=both[name])
            for name in can
        ),
        *real_and_dive("wide", "batches twice as large", always=True, times={"images": 2}),
        *real_and_dive("long", "twice as long", times={"length": 2}),
        with_dive("infrared_single", "DiVE, infrared, single", views="single", train_modalities="infrared"),
        with_dive("both_single", "DiVE, both, single", views="single"),
        with_dive(
            f"infrared{ONE_CAMERA}", "DiVE, infrared, one camera", views="one_camera", train_modalities="infrared"
        ),
        with_dive(f"both{ONE_CAMERA}", "DiVE, both, one camera", views="one_camera"),
        with_dive("one_lora", "DiVE, one LoRA for all codes", lora_scope="shared"),
        row("campus", f"{with_it}, campus", external=SECOND_SET, changes=second),
        *(people(training, count, reid={"expanded": count}) for training in ("dive", "oracle_ir") for count in fewer),
        *(
            people("oracle_ir" if run.miniature else "dive", count, expand={"identities": count, "min_images": 1})
            for count in more
        ),
    ]
    names = {each.name for each in rows}
    claims = [claim for claim in _claims(method, min(fewer, default=0), more) if set(claim.rows) <= names]
    return Study("dive", [_fitted_twice(run, each) for each in rows], claims, method)


def _fitted_twice(run: Run, row: Row) -> Row:
    """The row with two fits of its generator, or the profile's number if that is larger: a difference between two
    generators must not be one between two of their fits."""
    if trained_generator(run.profile, row.training) is None:
        return row
    expand = {"fits": max(FITS, run.profile.expand.fits), **row.changes.get("expand", {})}
    return row.model_copy(update={"changes": {**row.changes, "expand": expand}})


def trained_with(study: Study) -> str:
    """With which method the tables of one method are trained, in a sentence."""
    here, papers = method_label(study.method), method_label(THE_PAPERS)
    start = f"Tables 1, 3, 4 and Figure 5 are trained with {here}"
    if study.method == THE_PAPERS:
        return f"{start}, as in the paper."
    return f"{start}, where the paper takes {papers} (-p method={THE_PAPERS} does)."


def _claims(method: str, few: int, more: Sequence[int]) -> Iterator[Claim]:
    """The paper's claims, whether or not the study has their rows.

    Args:
        few: the smallest number of people in figure 5; `more`: those beyond the expanded ones.
    """
    real, dive = f"{method}_real", f"{method}_dive"
    rivals = {f"{method}_{name}": plain_label(name) for name in PRINTED}
    kinds = [(f"{method}_{one}", f"{method}_{other}") for one in DIFFUSION for other in GANS]
    for measure in ("rank_1", "mean_ap"):
        for name, label in rivals.items():
            yield Claim(f"Adding images of {label} lowers the scores", "Table 1", measure, name, real, "smaller")
            yield better(dive, name, f"DiVE's images help more than {label}'s", "Table 1", measure)
        for one, other in kinds:
            words = f"Diffusion models are better than GAN-based ones: {rivals[one]} than {rivals[other]}"
            yield better(one, other, words, "Table 1", measure)
        for other, label in METHODS.items():
            yield better(f"{other}_dive", f"{other}_real", f"DiVE improves {label}", "Table 2, Fig. 1", measure)
    for end, reading in (("_single", ""), (ONE_CAMERA, " (single view: one camera's images)")):
        pairs = (
            (f"infrared{end}", real, "Fitted to infrared images only, DiVE still helps"),
            (f"both{end}", f"infrared{end}", "Fitting to both modalities is better"),
            (dive, f"both{end}", "A code for each view is better still"),
        )
        yield from (better(row, other, f"{words}{reading}", "Table 3") for row, other, words in pairs)
    yield better("campus", real, "DiVE helps with CUHK03-NP's people", "Table 4")
    yield better(dive, "campus", "Market-1501's people help more than CUHK03-NP's", "Table 4")
    yield better(f"dive_{few}", real, "A few expanded people help already", "Fig. 5")
    yield better(dive, f"dive_{few}", "More expanded people help more", "Fig. 5")
    for count in more:
        words = (
            f"Beyond 1,011 people scores decline: with {count:,} they are lower than with all who have enough images"
        )
        yield Claim(words, "Fig. 5", "rank_1", f"dive_{count}", dive, "smaller")

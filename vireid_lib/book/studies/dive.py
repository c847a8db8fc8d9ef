"""DiVE's tables 1 to 4 and figure 5 as trainings, and what the paper says about them (Dai, Lu, Li, AAAI 2025)."""

from collections.abc import Sequence
from dataclasses import replace

from vireid_lib import generators
from vireid_lib.book.results import training_label
from vireid_lib.book.studies.study import Claim, Row, Study

METHOD = "agw"
"""What tables 1, 3, 4 and figure 5 are trained with here; the paper trains them with DEEN, which costs more."""

METHODS = {"agw": "AGW", "caj": "CAJ", "dart": "DART", "deen": "DEEN"}
"""Of table 2."""

PRINTED = ("cyclegan", "aligngan", "vi_diff", "cyclegan_turbo")
"""Generators that the paper's table 1 compares DiVE with."""

TO_BOTH = "fitted to external images too"
"""Variant of table 1's generators; the paper fits DiVE alone to them."""

COUNTS = (10, 20)
"""Numbers of expanded people in figure 5, besides all of them."""

MORE_PEOPLE = (80, 150)
"""Numbers of people of whom the true infrared is added in figure 5, beyond those that are expanded."""


def expanding(names: Sequence[str] = ()) -> list[str]:
    """Those of the named generators (of all, if none is named) that can make a gallery: the ones that the paper
    compares, then the others, greyscale copies last. DiVE is not among them: it is in every table.

    Raises:
        ValueError: there is no such generator.
    """
    asked = set(names or generators.names()) - {"dive"}
    can = {name for name in sorted(asked) if "expand" in generators.build(name).capabilities}
    order = [*PRINTED, *sorted(can - {*PRINTED, "copies"}), "copies"]
    return [name for name in order if name in can]


def generator_rows(names: Sequence[str]) -> list[Row]:
    """Table 1: one method, trained on real images and those of each generator."""
    label = {name: training_label(name).removeprefix("+ ") for name in names}
    return [Row(f"agw_{name}", label[name], METHOD, training=name) for name in names]


def fitted_to_both(names: Sequence[str]) -> list[Row]:
    """Table 1 once more, with those generators that can be fitted to the external images as DiVE is: the paper trains
    them on the target alone."""
    fields = {name: generators.generator_class(name).config_class.model_fields for name in names}
    return [replace(row, name=f"{row.training}_both", label=f"{row.label}, {TO_BOTH}", variant=TO_BOTH, always=False,
                    changes={"generators": {row.training: {"fit_on": "target+external"}}})
            for row in generator_rows(names) if "fit_on" in fields[row.training]]  # fmt: skip


def _pair(name: str, label: str, variant: str, *, always: bool = False, **settings: object) -> list[Row]:
    return [Row(f"{name}_{training}", f"{words}, {label}", METHOD, variant=variant, training=training, always=always,
                **settings) for training, words in (("real", "AGW"), ("dive", "AGW + DiVE"))]  # fmt: skip


def _selected(name: str, label: str, variant: str, **settings: object) -> Row:
    return Row(name, label, METHOD, variant=variant, training="dive", always=False, changes={"dive": settings})


def _people(count: int, training: str) -> Row:
    """A training on fewer (or, for the truth, more) expanded people."""
    words = "DiVE" if training == "dive" else "true infrared"
    section = {"reid": {"expanded": count}} if count in COUNTS else {"expand": {"identities": count}}
    return Row(f"{training}_{count}", f"{words}, {count} people", METHOD, variant=f"{count} expanded people",
               training=training, always=False, changes=section)  # fmt: skip


def study(compared: Sequence[str] = ()) -> Study:
    """The study.

    Args:
        compared: generators of table 1 besides DiVE; empty takes all that can make a gallery.

    Raises:
        ValueError: there is no such generator.
    """
    first = [Row("agw_real", "AGW", METHOD), *generator_rows(expanding(compared)),
             Row("agw_dive", "AGW + DiVE", METHOD, training="dive"),
             *generator_rows(["dive_from_image", "redrawn", "true"])]  # fmt: skip
    second = [
        Row(f"{method}_{training}", label + " + DiVE" * (training == "dive"), method, training=training)
        for method, label in METHODS.items() if method != METHOD for training in ("real", "dive")
    ]  # fmt: skip
    others = [
        *fitted_to_both(expanding(compared)),
        *_pair("wide", "batches twice as large", "twice the images of each person in a batch", always=True,
               times={"images": 2}),
        *_pair("long", "twice as long", "twice as long", times={"length": 2}),
        _selected("infrared_single", "DiVE, infrared, single", "infrared only; one code", views="single",
                  train_modalities="infrared"),
        _selected("both_single", "DiVE, both, single", "one code per modality", views="single"),
        _selected("one_lora", "DiVE, one LoRA for all codes", "one LoRA for all codes", lora_scope="shared"),
        Row("campus", "AGW + DiVE, campus", METHOD, training="dive", always=False, external="cuhk03_np",
            changes={"expand": {"min_images": 5}}),
        *(_people(count, "dive") for count in COUNTS),
        *(_people(count, "true") for count in (*COUNTS, *MORE_PEOPLE)),
    ]  # fmt: skip
    return Study("dive", (*first, *second, *others), _claims([row.name for row in first]))


def _better(row: str, other: str, words: str, place: str, measure: str = "rank_1") -> Claim:
    return Claim(words, place, measure, row, other)


def _claims(table_1: Sequence[str]) -> tuple[Claim, ...]:
    baseline = [
        Claim(f"Adding images of {training_label(name).removeprefix('+ ')} lowers the scores", "Table 1", measure,
              f"agw_{name}", "agw_real", "smaller")
        for name in PRINTED if f"agw_{name}" in table_1 for measure in ("rank_1", "mean_ap")
    ]  # fmt: skip
    against = [
        _better("agw_dive", f"agw_{name}", f"DiVE's images help more than {training_label(name).removeprefix('+ ')}'s",
                "Table 1", measure)
        for name in PRINTED if f"agw_{name}" in table_1 for measure in ("rank_1", "mean_ap")
    ]  # fmt: skip
    improved = [
        _better(f"{method}_dive", f"{method}_real", f"DiVE improves {label}", "Table 2, Fig. 1", measure)
        for method, label in METHODS.items() for measure in ("rank_1", "mean_ap")
    ]  # fmt: skip
    return (
        *baseline,
        *against,
        *improved,
        _better("infrared_single", "agw_real", "Fitted to infrared images only, DiVE still helps", "Table 3"),
        _better("both_single", "infrared_single", "Fitting to both modalities is better", "Table 3"),
        _better("agw_dive", "both_single", "A code for each view is better still", "Table 3"),
        _better("campus", "agw_real", "DiVE helps with CUHK03-NP's people", "Table 4"),
        _better("agw_dive", "campus", "Market-1501's people help more than CUHK03-NP's", "Table 4"),
        _better("dive_10", "agw_real", "A few expanded people help already", "Fig. 5"),
        _better("agw_dive", "dive_10", "More expanded people help more", "Fig. 5"),
    )


def __getattr__(name: str) -> Study:
    """`STUDY`, made when it is asked for: that loads every generator."""
    if name != "STUDY":
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    return study()

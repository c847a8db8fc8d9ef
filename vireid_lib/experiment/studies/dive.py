"""DiVE's study, whose rows follow the method, the generators and the numbers of people that are asked for."""

from dataclasses import replace

from vireid_lib import generators
from vireid_lib.experiment.contrasts import Claim
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.settings import trained_generator
from vireid_lib.experiment.study import Row, Study, read_study
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

FITS = 2
"""How often each generator that learns is fitted; the seeds of the trainings use the fits in turn."""

TO_BOTH = "_both"
"""End of the names of rows whose generator is fitted to external images too; the paper fits DiVE alone to them."""


def method_label(method: str) -> str:
    return METHODS.get(method, method.upper())


def expanding(names: str = "") -> list[str]:
    """Those of the generators that are named between commas (of all, if none is named) that can make a gallery: the
    ones that the paper compares, then the others, greyscale copies last. DiVE is not among them: it is in every table.
    Raises ValueError if there is no such generator."""
    asked = ({name.strip() for name in names.split(",")} - {""} or set(generators.names())) - {"dive"}
    made = {name: generators.generator_class(name) for name in sorted(asked)}
    can = {name for name, kind in made.items() if "expand" in kind.capabilities and not kind.miniature_only}
    order = [*PRINTED, *sorted(can - {*PRINTED, "grayscale"}), "grayscale"]
    return [name for name in order if name in can]


def counts(run: Run) -> tuple[list[int], list[int]]:
    """The numbers of people of figure 5 that are fewer than the expanded ones, and those that are more."""
    asked, everybody = sorted(run.profile.expand.counts), run.data().external["identity"].nunique()
    return [count for count in asked if count < everybody], [count for count in asked if count > everybody]


def study(run: Run, compared: str = "", method: str = "") -> Study:
    """The study. Raises ValueError: there is no such generator or method, or the profile has no external people.

    Args:
        compared: generators of table 1 besides DiVE, between commas; empty takes all that can make a gallery.
        method: with which tables 1, 3, 4 and figure 5 are trained; empty takes the paper's, and in the miniature world
            `MINIATURE`.
    """
    if run.profile.data.external is None:
        why = "names no data.external, and DiVE's study expands such people"
        raise ValueError(f"Profile {run.profile.name} {why}; name a visible-only set there.")
    method = run.with_method(method or (MINIATURE if run.miniature else THE_PAPERS)).profile.reid.method
    held, rivals, (fewer, more) = read_study("dive"), expanding(compared), counts(run)

    def named(text: str) -> str:
        return text.replace("{method}", method).replace("{label}", method_label(method))

    def of_table_1(name: str) -> Row:
        return Row(f"{method}_{name}", plain_label(name), method, training=name)

    def to_both(name: str) -> Row:
        changes = {"generators": {name: {"fit_on": "target+external"}}}
        label = f"{plain_label(name)}, fitted to external images too"
        return Row(f"{name}{TO_BOTH}", label, method, training=name, always=False, changes=changes)

    def people(training: str, count: int, **section: object) -> Row:
        label = f"{plain_label(training)}, {count} people"
        return Row(f"{training}_{count}", label, method, training=training, always=False, changes=section)

    both = [name for name in rivals if "fit_on" in generators.generator_class(name).config_class.model_fields]
    beyond = "oracle_ir" if run.miniature else "dive"
    first, *others = [
        row.model_copy(update={"name": named(row.name), "label": named(row.label), "method": row.method or method})
        for row in held.rows
        if row.method != method
    ]
    rows = [first, *map(of_table_1, rivals), *others, *map(to_both, both)]
    rows += [people(each, count, reid={"expanded": count}) for each in ("dive", "oracle_ir") for count in fewer]
    rows += [people(beyond, count, expand={"identities": count, "min_images": 1}) for count in more]
    said = [
        replace(claim, row=named(claim.row), other=named(claim.other)) for each in held.claims for claim in each.each()
    ]
    few, whole, real = f"dive_{min(fewer, default=0)}", f"{method}_dive", f"{method}_real"
    said.append(Claim("A few expanded people help already", "Fig. 5", "rank_1", few, real))
    said.append(Claim("More expanded people help more", "Fig. 5", "rank_1", whole, few))
    words = "Beyond 1,011 people scores decline: with {:,} they are lower than with all who have enough images"
    said += [Claim(words.format(each), "Fig. 5", "rank_1", f"dive_{each}", whole, "smaller") for each in more]
    names = {row.name for row in rows}
    claims = [claim for claim in said if set(claim.rows) <= names]
    return Study("dive", [_fitted_twice(run, row) for row in rows], claims, method)


def _fitted_twice(run: Run, row: Row) -> Row:
    """The row with two fits of its generator, or the profile's number if that is larger: a difference between two
    generators must not be one between two of their fits."""
    if trained_generator(run.profile, row.training) is None:
        return row
    expand = {"fits": max(FITS, run.profile.expand.fits), **row.changes.get("expand", {})}
    return row.model_copy(update={"changes": {**row.changes, "expand": expand}})

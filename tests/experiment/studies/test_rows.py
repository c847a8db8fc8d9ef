"""Each study's rows are trainings of their own, and its claims agree with the numbers that the paper prints."""

import re

import pytest

from vireid_lib.experiment.provenance import canonical
from vireid_lib.experiment.studies import dive
from vireid_lib.experiment.study import load_study, profile_of
from vireid_lib.experiment.variants import resolved

UNPRINTED = {"den": 0, "deen": 13, "flow2flow": 5, "jsia": 11, "dive": 2}
"""How many claims of each study are about a figure or the text, which print no numbers."""

FREE = {"dive": (1, 3, 4)}
"""Tables of a study that chooses the method of their rows."""


@pytest.fixture
def study(request, tiny_run):
    if request.param == "dive":
        return dive.study(tiny_run({"expand.counts": [1]}), "grayscale,cyclegan")
    return load_study(request.param)


each_study = pytest.mark.parametrize("study", UNPRINTED, indirect=True)


@each_study
def test_every_row_is_a_training_of_its_own(study, tiny_profile):
    settings = {}
    for row in study.rows:
        own = profile_of(tiny_profile, row)
        assert own.reid.config["steps"] == (4 if "length" in row.times else 2), "the profile's own settings stay"
        settings[row.name] = canonical([resolved(own, row.training), row.training, row.method, own.data.external])
    assert len(set(settings.values())) == len(settings), "two rows are the same training"


@each_study
def test_every_claim_agrees_with_the_numbers_it_prints(study, tiny_profile):
    printed = {}
    for table in study.paper.tables:
        method = study.method if table.number in FREE.get(study.name, ()) else ""
        for row in table.rows:
            if own := study.row_of(row, tiny_profile, method):
                for measure, value in zip(table.metrics, row.values[0], strict=True):
                    printed.setdefault((table.number, measure), {})[own.name] = value
    unprinted = 0
    for claim in study.claims:
        named = [int(number) for number in re.findall(r"Table (\d)", claim.place)]
        known = {}
        for number in sorted({number for number, _ in printed}, key=lambda number: number not in named):
            known = printed.get((number, claim.measure), {}) | known
        if not set(claim.rows) <= set(known):
            unprinted += 1
            continue
        values = [known[name] for name in claim.rows]
        difference = values[0] - values[1] - (values[3] - values[2] if claim.than_from else 0)
        assert (difference > 0) == (claim.direction == "larger"), claim.words
    assert unprinted == UNPRINTED[study.name]

"""Flow2Flow's study: rows change their generator, images reach the training."""

import pytest

from vireid_lib.experiment import studies, variants
from vireid_lib.experiment.studies.flow2flow import EXPANDED, PERCENT, STUDY, expansion_row
from vireid_lib.experiment.study import run_of

TINY = {
    "flow2flow": {
        "blocks": 2,
        "squeezes": 1,
        "coupling_width": 4,
        "discriminator_width": 2,
        "steps": 11,
        "identities": 2,
        "images": 1,
    },
    "cyclegan": {"steps": 1, "generator_width": 2, "blocks": 1, "discriminator_width": 2},
}


@pytest.fixture(scope="module")
def run(with_generators):
    return with_generators(TINY)


def test_a_row_changes_its_generator_and_leaves_the_rest(run):
    config = run_of(run, STUDY.row("tse_linear")).generator_config("flow2flow")
    assert not config.activation and config.steps == 11 and config.identity_weight > 0


def test_figure_6_has_the_papers_row():
    assert expansion_row("", 100) == "tse"
    names = [expansion_row(modality, percent) for modality in EXPANDED for percent in PERCENT]
    assert set(names) <= {row.name for row in STUDY.rows}


def test_the_generated_images_reach_the_training(run):
    row = STUDY.row("cmg_none")
    own = run_of(run, row)
    learn = own.data().train_rows()
    table = own.training_set(row.training)
    assert len(table) == 2 * len(learn) and set(table["source"]) == {"real", "flow2flow"}
    record = studies.train(own, [row])[0]
    about = record.result["config"]
    plain = variants.resolved(run_of(run, STUDY.row("cmg")).profile, row.training)
    assert variants.difference(about["settings"], plain) == {
        "generators.flow2flow.identity_weight": 0.0,
        "generators.flow2flow.modality_weight": 0.0,
    }
    assert about["external"] is None, "no external person is in these training sets"

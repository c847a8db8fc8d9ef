"""Flow2Flow's study: images made with a row's settings reach its training."""

from vireid_lib.experiment import studies, variants
from vireid_lib.experiment.study import load_study, run_of

STUDY = load_study("flow2flow")


def test_the_generated_images_reach_the_training(tiny_book):
    row = STUDY.row("cmg_none")
    own = run_of(tiny_book, row)
    config, steps = own.generator_config("flow2flow"), tiny_book.generator_config("flow2flow").steps
    assert (config.identity_weight, config.modality_weight, config.steps) == (0, 0, steps)
    learn = own.data().train_rows()
    table = own.training_set(row.training)
    assert len(table) == 2 * len(learn) and set(table["source"]) == {"real", "flow2flow"}
    record = studies.train(own, [row])[0]
    about = record.result["config"]
    plain = variants.resolved(run_of(tiny_book, STUDY.row("cmg")).profile, row.training)
    assert variants.difference(about["settings"], plain) == {
        "generators.flow2flow.identity_weight": 0.0,
        "generators.flow2flow.modality_weight": 0.0,
    }
    assert about["external"] is None, "no external person is in these training sets"

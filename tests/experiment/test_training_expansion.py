"""Training sets that add images of the training people themselves: who, how many, in which modality, from what."""

import json

import pytest

from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.studies import Row
from vireid_lib.experiment.study import run_of
from vireid_lib.experiment.training_sets import Expansion, expansion_of

TINY = {"blocks": 2, "squeezes": 1, "coupling_width": 4, "discriminator_width": 2, "steps": 2, "identities": 2}
ROW = Row(
    "tse",
    "TSE",
    "mpanet_expanded",
    training="flow2flow.tse.cmg",
    changes={"generators": {"flow2flow": TINY, "cyclegan": {"steps": 1}}},
)


@pytest.fixture(scope="module")
def run(tiny_book, tmp_path_factory):
    """In a workspace of its own: the tests below count all images that it holds."""
    shared = run_of(tiny_book, ROW)
    return Run(shared.profile, tmp_path_factory.mktemp("expansion"), shared.data_root or "")


def test_names_say_what_is_added():
    both = ("visible", "infrared")
    assert expansion_of("real") is expansion_of("dive_from_image") is None
    assert expansion_of("flow2flow.tse") == Expansion("flow2flow", ("tse",), both, 100)
    assert expansion_of("flow2flow.tse.cmg") == Expansion("flow2flow", ("tse", "cmg"), both, 100)
    assert expansion_of("flow2flow.tse.infrared.25") == Expansion("flow2flow", ("tse",), ("infrared",), 25)
    for name in ("flow2flow.tsi", "flow2flow.visible", "flow2flow.tse.1.2", "flow2flow.tse.0"):
        with pytest.raises(ValueError, match="write tse, cmg or both"):
            expansion_of(name)


def test_every_image_once_in_the_other_modality(run):
    learn = run.data().train_rows()
    table = run.training_set("flow2flow.cmg")
    made = table[table["source"] == "flow2flow"]
    assert len(table) == len(learn) + len(made) and len(made) == len(learn)
    counts = {
        kind: learn.groupby("identity")["modality"].apply(lambda side, kind=kind: (side == kind).sum())
        for kind in ("visible", "infrared")
    }
    for kind, other in (("visible", "infrared"), ("infrared", "visible")):
        of_it = made[made["modality"] == kind]["identity"].value_counts().sort_index()
        assert (of_it == counts[other]).all() and len(of_it) == len(counts[other])
    origins = {}
    for record in (
        json.loads(path.read_text()) for path in (run.cache.stages / "translation_flow2flow").glob("*/provenance.json")
    ):
        origins |= record["made_from"]
    short = {"/".join(path.split("/")[-3:]) for path in learn["path"]}
    assert {start for starts in origins.values() for start in starts} == short
    assert set(made["split"]) == {"train", "val"}


def test_blends_are_counted_and_pairs_are_the_same_for_each_generator(run):
    learn = run.data().train_rows()
    sides = learn["modality"].value_counts()
    starts = {}
    for name in ("flow2flow", "interpolation"):
        table = run.training_set(f"{name}.tse")
        made = table[table["source"] != "real"]
        assert made["modality"].value_counts().to_dict() == sides.to_dict()
        starts[name] = {}
        for path in (run.cache.stages / f"expansion_{name}").glob("*/provenance.json"):
            record = json.loads(path.read_text())["made_from"]
            starts[name] |= record
    assert starts["flow2flow"] == starts["interpolation"]
    visible = run.more_images("flow2flow.tse.visible.50")
    assert set(visible["modality"]) == {"visible"} and len(visible) == sides["visible"] // 2


def test_the_generator_meets_training_people_alone(run):
    run.training_set("flow2flow.tse.cmg")
    fitted = run.fit("flow2flow", external=False)
    assert fitted.values["images"] == len(run.data().train_rows())
    names = {f"{kind}_flow2flow" for kind in ("expansion", "translation")}
    made = [record for record in run.cache.records() if record.name in names]
    assert {record.name for record in made} == names
    assert all(record.result["inputs"]["fitted"].endswith(fitted.key) for record in made)


def test_a_network_is_trained_on_real_and_made_images(run):
    record = run.evaluate(ROW.training, 0)
    assert record.result["config"]["training"] == "flow2flow.tse.cmg"
    network, _ = run.network(ROW.training, 0)
    assert run.features(ROW.training, 0)[0].shape[1] == 2 * network.width

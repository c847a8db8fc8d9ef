"""Variants: derived from settings, for whatever changes a result; papers' rows and ours meet by settings alone."""

import pytest
import yaml
from made_up_scores import beside_papers, record, score

from vireid_lib import generators
from vireid_lib.data.strict import FileError
from vireid_lib.experiment import method_registry, results, variants
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.papers import load_paper, load_papers, required
from vireid_lib.experiment.profile import Expand, Profile, Reid
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.settings import changed, with_method
from vireid_lib.experiment.training_sets import adds_external
from vireid_lib.project import project_root

PAPER = project_root() / "data_manifests" / "papers" / "dive.yaml"
DIVE = "generators.dive"
RELEASE = {"form": "release", "code_length": 4, "lora_scope": "shared", "sampling_steps": 50, "min_aspect": 2.0}
RELEASE |= {"templates": "imagenet", "code_only": 0.5, "token_init": "rare", "second_beta": 0.999, "weight_decay": 0.01}
RELEASE |= {"clipped": "lora"}


def deen_on_sysu(**changes: object) -> Profile:
    return changed(with_method(load_profile("sysu"), "deen"), changes, "test")


def variant(profile: Profile, training: str) -> dict[str, object]:
    settings = variants.resolved(profile, training)
    return variants.of_score(profile.data.target, profile.reid.method, training, settings)


def recorded(cache: Cache, profile: Profile, training: str) -> None:
    """A score of the profile's, as its stage would record it."""
    data, evaluation = profile.data, profile.evaluation
    about = {"dataset": data.target, "method": profile.reid.method, "training": training, "trials": evaluation.trials}
    about |= {"external": data.external if adds_external(training) else None}
    about |= {"protocol": evaluation.settings | {"rule": evaluation.protocol}}
    record(cache, score(0.7, **about, resolved=variants.resolved(profile, training)))


def run_rows(cache: Cache, table: int) -> list[str]:
    """The rows of a table of DiVE's paper that a number of ours stands beside."""
    beside = beside_papers(results.score_table(cache.records()), [load_paper(PAPER)])
    found = beside[(beside["table"] == table) & (beside["seeds"] > 0)]
    return list(dict.fromkeys(found["printed_row"]))


@pytest.mark.parametrize("name", ["sysu", "llcm", "regdb"])
def test_the_real_profiles_differ_in_nothing_but_the_length_of_larger_trainings(name):
    profile = load_profile(name)
    assert variant(profile, "real") == {}
    assert variant(profile, "dive") == variant(profile, "grayscale") == {"reid.length": "equal"}
    steps = {"cyclegan": 235_400} | ({"stargan": 200_000} if name != "regdb" else {})  # what a day of one GPU allows
    for other in ("cyclegan", "stargan", "aligngan", "flow2flow", "jsia", "vae", "vi_diff"):
        shorter = {f"generators.{other}.steps": steps[other]} if other in steps else {}
        assert variant(profile, other) == {"reid.length": "equal", **shorter}
    without = changed(profile, {"generators.cyclegan_turbo": {"lpips": "none"}}, "test")
    unmarked, marked = variant(profile, "cyclegan_turbo"), variant(without, "cyclegan_turbo")
    assert marked == unmarked | {"generators.cyclegan_turbo.lpips": "none"} and unmarked == {"reid.length": "equal"}
    settings = variants.published(profile.data.target, "deen", "dive")
    assert settings["expand.per_camera"] == 18 and settings["expand.min_images"] == 12
    assert settings["expand.identities"] is settings["reid.expanded"] is None
    assert settings["expand.splits"] == ["gt_bbox"] and settings["expand.cameras"] == "infrared"


@pytest.mark.parametrize(
    ("training", "changes", "expected"),
    [
        ("dive", {"generators.dive.views": "single"}, None),
        ("dive", {f"{DIVE}.form": "release"}, {f"{DIVE}.{name}": value for name, value in RELEASE.items()}),
        ("dive", {"generators.dive.batch": 8, "generators.dive.steps": 1000}, None),
        ("dive", {"expand.identities": 200}, None),
        ("dive", {"expand.splits": ["gallery", "train"]}, None),
        ("dive", {"reid.expanded": 10}, None),
        ("dive", {"reid.config.steps": 100}, None),
        ("dive", {"images": {"height": 256, "width": 128}}, {"images.height": 256, "images.width": 128}),
        ("real", {"reid.config.epochs": 10}, None),
        ("cyclegan", {"generators.cyclegan.identity_weight": 1.0}, None),
        ("flow2flow.tse", {"generators.flow2flow.q": 10}, None),
    ],
)
def test_what_differs_from_the_published_is_the_variant(training, changes, expected):
    plain, own = deen_on_sysu(), deen_on_sysu(**changes)
    more = variants.difference(variants.resolved(own, training), variants.resolved(plain, training))
    assert more == (expected or changes)
    assert variant(own, training) == variant(plain, training) | more


@pytest.mark.parametrize(
    ("training", "changes"),
    [
        ("real", {"generators.dive.views": "single"}),
        ("dive", {"generators.cyclegan.blocks": 6}),
        ("flow2flow.tse", {"expand.per_camera": 4}),
        ("flow2flow.tse", {"generators.flow2flow.expansion": "interpolate"}),
        ("dive", {"expand.cameras": [6, 3]}),
        ("dive", {"reid.seeds": [5]}),
    ],
)
def test_what_has_no_part_in_a_training_is_no_variant_of_it(training, changes):
    assert variant(deen_on_sysu(**changes), training) == variant(deen_on_sysu(), training)


def test_every_setting_is_listed_or_left_out_for_a_reason():
    profile = deen_on_sysu()
    known = {*Reid.model_fields, *Expand.model_fields}
    for name in generators.names():
        fields = set(generators.generator_class(name).config_class.model_fields)
        known |= fields
        section = f"generators.{name}"
        found = {key.removeprefix(f"{section}.") for key in variants.resolved(profile, name) if key.startswith(section)}
        assert fields - found <= {*variants.NO_VARIANT, "strength"}, name
    for method in method_registry.names():
        own, fields = with_method(profile, method), set(method_registry.config_class(method).model_fields)
        known |= fields
        found = {key.split(".")[-1] for key in variants.resolved(own, "real")}
        assert fields - found <= set(variants.NO_VARIANT), method
    external = {key.removeprefix("expand.") for key in variants.resolved(profile, "dive") if key.startswith("expand.")}
    assert set(Expand.model_fields) - external <= set(variants.NO_VARIANT)
    assert all(variants.NO_VARIANT.values()) and set(variants.NO_VARIANT) <= known
    assert "precision" not in variants.NO_VARIANT


def test_table_3_of_dive_by_the_profiles_own_advice(tmp_path):
    """`views: single` is the paper's row "RGB+IR, Single", and none of the others."""
    rows = {
        "RGB+IR, Multi": {},
        "RGB+IR, Single": {"generators.dive.views": "single"},
        "IR, Single": {"generators.dive.views": "single", "generators.dive.train_modalities": "infrared"},
        "RGB+IR, Single (one camera)": {"generators.dive.views": "one_camera"},
    }
    for place, (row, changes) in enumerate(rows.items()):
        cache = Cache(tmp_path / str(place))
        recorded(cache, deen_on_sysu(**changes, **{"reid.length": "published"}), "dive")
        assert run_rows(cache, 3) == [row]
        assert run_rows(cache, 1) == (["Our proposed DiVE"] if not changes else [])


@pytest.mark.parametrize("length", ["equal", "published"])
def test_a_length_that_papers_do_not_have_is_a_difference(tmp_path, length):
    """`reid.length: equal` gives a training with added images fewer epochs than papers do."""
    own = deen_on_sysu(**{"reid.length": length})
    differs = {"reid.length": "equal"} if length == "equal" else {}
    assert variant(own, "dive") == variant(own, "flow2flow.tse") == differs
    assert variant(own, "real") == {}, "there is no larger set"
    recorded(Cache(tmp_path), own, "dive")
    assert run_rows(Cache(tmp_path), 1) == (["Our proposed DiVE"] if length == "published" else [])


def test_old_records_stand_beside_no_paper(tmp_path):
    cache = Cache(tmp_path)
    record(cache, score(0.7, dataset="sysu_mm01", method="deen", resolved=None))
    assert results.score_table(cache.records())["differences"].tolist() == [None]
    assert not run_rows(cache, 1)
    settings = variants.published("sysu_mm01", "deen", "real")
    lacking = {key: value for key, value in settings.items() if key != "reid.config.grey"}
    assert variants.of_score("sysu_mm01", "deen", "real", lacking) == {"reid.config.grey": variants.UNRECORDED}
    assert variants.of_score("sysu_mm01", "a method of the past", "real", settings) is None


def test_every_printed_row_has_settings_that_can_be_had():
    papers = load_papers()  # raises FileError otherwise
    values = [value for paper in papers for value in paper.values()]
    assert {paper.name for paper in papers} == {"deen", "den", "dive", "flow2flow", "jsia"}
    with_changes = {(value["paper"], value["table"], value["printed_row"]) for value in values if value["differences"]}
    assert len(with_changes) > 60
    for value in values:
        if value["metric"] in results.METRICS:
            needed = required(value["dataset"], value["mode"])
            assert sorted(value["settings"]) == sorted(needed), (value["paper"], value["table"])


def edited(folder, change):
    """DiVE's paper as it would be with other tables."""
    content = yaml.safe_load(PAPER.read_text())
    change(content["tables"])
    (folder / "dive.yaml").write_text(yaml.safe_dump(content))
    return load_paper(folder / "dive.yaml")


def row(**change: object):
    """A change of the second row of table 3."""
    return lambda tables: tables[2]["rows"][1].update(change)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (row(changes={DIVE: {"vews": "single"}}), "table 3.* unknown key generators.dive.vews; did you mean views"),
        (row(changes={DIVE: {"views": "double"}}), "table 3.* key generators.dive.views is 'double'"),
        (row(changes={"views": "single"}), "table 3.* views names no section"),
        (row(changes={DIVE: {"views": "multi"}}), "table 3.* generators.dive.views changes nothing of deen on dive"),
        (row(method="dene"), "table 3.* no method 'dene'; did you mean"),
        (row(settings={"draw": "offical"}), "table 3.* settings.draw is 'offical'"),
        (lambda tables: tables[0]["rows"][0]["values"].pop(), "row CycleGAN: write 2 numbers"),
        (lambda tables: tables[0].update(metrics=["rank_1", "map"]), r"metrics\[1\] is 'map'"),
        (lambda tables: tables[1]["columns"][0].update(settings={"shots": 1}), "say with which draw"),
        (lambda tables: tables[1]["columns"][0]["settings"].update(reading="paper"), "reading is no setting of sysu"),
    ],
)
def test_a_table_written_wrongly_is_refused_by_name(tmp_path, change, expected):
    with pytest.raises(FileError, match=f"dive.yaml.*{expected}"):
        edited(tmp_path, change)

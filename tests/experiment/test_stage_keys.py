"""What a stage depends on is part of its key: a setting, a file or a test image that changes makes it anew."""

import hashlib
from pathlib import Path

import pytest

from vireid_lib.book.fitting import chapter
from vireid_lib.book.galleries import halves, numbers
from vireid_lib.book.galleries import measures as gallery_measures
from vireid_lib.data.manifest import DatasetManifest
from vireid_lib.experiment import measures
from vireid_lib.experiment import pipeline as stages
from vireid_lib.experiment import training_expansion
from vireid_lib.experiment.datasets import Datasets
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.provenance import StageRecord, canonical, input_digest, plain
from vireid_lib.experiment.studies import jsia_makers

REAL = ("world",)  # whose files the others read


class _Asked(Exception):
    """The stage that a test asks about was reached."""


@pytest.fixture
def key_of(monkeypatch):
    """Key of the stage `name` that `call` asks for; it is not made, nor is what it needs besides the world."""
    made = Run.stage

    def stage(self, name, config, inputs, make, **about):
        if name in REAL:
            return made(self, name, config, inputs, make, **about)
        digests = {key: input_digest(value, key) for key, value in inputs.items()}
        text = canonical([name, plain(config, name), digests])
        result = {"seeds": [0], "values": {"scores": []}}
        record = StageRecord(name, hashlib.sha256(text.encode()).hexdigest(), Path("/nowhere"), result)
        if name == wanted[0]:
            raise _Asked(record.key)
        return record

    wanted = [""]
    monkeypatch.setattr(Run, "stage", stage)

    def key(name, call, *arguments):
        wanted[0] = name
        with pytest.raises(_Asked) as found:
            call(*arguments)
        return str(found.value)

    return key


@pytest.fixture
def with_settings(tiny_book, tiny_profile):
    """The tiny book with other settings in some sections of its profile."""

    def run(**sections):
        values = tiny_profile.model_dump()
        for section, settings in sections.items():
            values[section] = {**values[section], **settings}
        return Run(Profile.model_validate(values), tiny_book.cache.folder)

    return run


def _translations(run):
    visible = run.data().external.iloc[:2]
    return chapter._translations(run, "dive", visible, ["mini_vi/3"], (64, 32))


VI_DIFF = [{"generators": {"vi_diff": {"sampling_steps": steps}}} for steps in (5, 6)]
STRENGTH = [{"dive": {"strength": share}} for share in (0.4, 0.6)]
REFERENCES = {"training_sets": ["real", "true", "redrawn"]}


@pytest.mark.parametrize(
    ("stage", "call", "settings"),
    [
        ("own_people_vi_diff", lambda run: training_expansion.images(run, "vi_diff.cmg"), VI_DIFF),
        ("own_people_vi_diff", lambda run: training_expansion.images(run, "vi_diff.tse"), VI_DIFF),
        ("gallery_vi_diff", lambda run: run.synthesize("vi_diff"), VI_DIFF),
        ("translation_ssim", lambda run: numbers._translation(run, "vi_diff"), VI_DIFF),
        ("translation_ssim", lambda run: numbers._translation(run, "dive_from_image"), STRENGTH),
        ("translations", _translations, STRENGTH),
        (
            "generator_pairs",
            lambda run: jsia_makers._measured(run, "vae", 0, 0),
            [{"generators": {"vae": {"sampling_batch": count}}} for count in (8, 16)],
        ),
        (
            "cyclegan_fitting",
            lambda run: run.fit("cyclegan"),
            [{"generators": {"cyclegan": {"fit_on": rows}}} for rows in ("target", "target+external")],
        ),
        ("halves", halves.halves, [{"expand": {"cameras": cameras}} for cameras in ([3], [6])]),
        ("fidelity", gallery_measures.fidelity, [{"dive": {"height": size}, "reid": REFERENCES} for size in (32, 64)]),
    ],
)
def test_a_setting_changes_the_key(stage, call, settings, with_settings, key_of):
    one, other = (key_of(stage, call, with_settings(**each)) for each in settings)
    assert one != other
    assert key_of(stage, call, with_settings(**settings[0])) == one


def test_other_test_images_are_another_evaluation(with_settings, key_of, monkeypatch):
    def key():
        return key_of("reid_real", stages.reid, with_settings(), "real", 0)

    before, tested = key(), Datasets.test
    assert key() == before
    monkeypatch.setattr(Datasets, "test", lambda self, **which: tested(self, **which).iloc[:-1])
    assert key() != before


def test_other_weights_under_the_same_name_are_another_fitting(with_settings, key_of, tmp_path):
    features, heads = tmp_path / "vgg.safetensors", tmp_path / "heads.pth"
    settings = {"cyclegan_turbo": {"lpips_features": str(features), "lpips_heads": str(heads)}}

    def key(content):
        features.write_text(content), heads.write_text("heads")
        return key_of(
            "cyclegan_turbo_fitting", translators.fitting, with_settings(generators=settings), "cyclegan_turbo"
        )

    first = key("weights")
    assert key("others!") != first and key("weights") == first


def test_another_manifest_is_another_check(with_settings, key_of, monkeypatch):
    run = with_settings()
    before = key_of("data_check", measures.data_check, run, "mini_vi")
    monkeypatch.setattr(DatasetManifest, "digest", lambda self: "another")
    assert key_of("data_check", measures.data_check, run, "mini_vi") != before

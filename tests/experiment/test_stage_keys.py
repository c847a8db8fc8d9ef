"""What a stage depends on is part of its key: a setting, a file or a test image that changes makes it anew."""

import pytest

from vireid_lib import generators
from vireid_lib.experiment import method_registry
from vireid_lib.experiment.datasets import Datasets
from vireid_lib.experiment.gallery_measures import audit, translation_ssim
from vireid_lib.training import weights

REFERENCES = {"reid.training_sets": ["real", "oracle_ir", "resampled_ir"]}


@pytest.fixture
def with_settings(tiny_run):
    """The tiny book, whose world is drawn and whose references are there, with other settings of its profile."""

    def run(changes=()):
        made = tiny_run(dict(changes))
        for name in ("oracle_ir", "resampled_ir"):  # whose galleries are nothing but tables
            made.synthesize(name)
        return made

    return run


@pytest.fixture
def keys_of(stage_keys):
    """The keys under which `ask(run)` asks for stage `name`."""
    return lambda run, name, ask: {key for stage, key in stage_keys(run, ask) if stage == name}


@pytest.mark.parametrize(
    ("stage", "ask", "of", "name", "values"),
    [
        ("translation_ssim", translation_ssim, "vi_diff", "generators.vi_diff.sampling_steps", (5, 6)),
        ("translation_ssim", translation_ssim, "dive_from_image", "generators.dive.strength", (0.4, 0.6)),
        ("privacy_audit", audit, "oracle_ir", "expand.cameras", ([3], [6])),
    ],
)
def test_a_setting_changes_the_key(stage, ask, of, name, values, with_settings, keys_of):
    runs = (with_settings(REFERENCES | {name: value}) for value in (*values, values[0]))
    one, other, again = (keys_of(run, stage, lambda own: ask(own, of)) for run in runs)
    assert one and other and not one & other
    assert one == again


def test_other_test_images_are_another_evaluation_of_the_same_training(with_settings, stage_keys, monkeypatch):
    def keys():
        return {name: key for name, key in stage_keys(with_settings(), lambda run: run.evaluate("real", 0))}

    before, tested = keys(), Datasets.test
    assert keys() == before
    monkeypatch.setattr(Datasets, "test", lambda self, **which: tested(self, **which).iloc[:-1])
    assert keys()["train_real"] == before["train_real"] and keys()["evaluate_real"] != before["evaluate_real"]


def test_other_weights_under_the_same_name_are_another_stage(with_settings, keys_of, tmp_path):
    features, heads, resnet = (tmp_path / name for name in ("vgg.safetensors", "heads.pth", "resnet50.pth"))
    heads.write_text("heads")
    lpips = {"lpips": "weights", "lpips_features": str(features), "lpips_heads": str(heads)}
    turbo = {"generators": {"cyclegan_turbo": lpips}}
    large = {"reid": {"backbone": "resnet50", "config": {"pretrained": str(resnet)}}}
    for settings, file, stage, ask in (
        (turbo, features, "fit_cyclegan_turbo", lambda run: run.fit("cyclegan_turbo")),
        (large, resnet, "train_real", lambda run: run.train("real", 0)),
    ):
        keys = []
        for content in (b"weights", b"others!", b"weights"):
            file.write_bytes(content)
            keys.append(keys_of(with_settings(settings), stage, ask))
        assert keys[0] and keys[0] == keys[2] and not keys[0] & keys[1]


CLASSES = [method_registry.config_class(name) for name in method_registry.names()]
CLASSES += [generators.generator_class(name).config_class for name in generators.names()]
NAMING = [(each, name) for each in CLASSES for name in weights.SETTINGS if name in each.model_fields]


@pytest.mark.parametrize(("kind", "name"), NAMING, ids=lambda part: getattr(part, "__name__", part))
def test_settings_name_what_the_file_holds(tmp_path, kind, name):
    file = tmp_path / "weights.safetensors"
    both = {"lpips_features": str(file), "lpips_heads": str(file)} if name.startswith("lpips") else {name: str(file)}
    base = {"base_model": "mini"} if "base_model" in kind.model_fields else {}
    config = kind(**both, **base)
    keys = []
    for data in (b"one", b"two"):
        file.write_bytes(data)
        keys.append(config.weights_read()[f"{name}_weights"])
        if hasattr(config, "fit_settings"):
            assert config.fit_settings()[f"{name}_weights"] == keys[-1]
    assert None not in keys and keys[0] != keys[1]

"""The cache answers for what it read: other weights in a file of the same name are another key, for every method."""

from types import SimpleNamespace

import pytest

from vireid_lib import generators
from vireid_lib.experiment import methods
from vireid_lib.experiment import pipeline as stages
from vireid_lib.experiment.pipeline import Run
from vireid_lib.training import weights

CLASSES = [methods.config_class(name) for name in methods.names()]
CLASSES += [made.config_class for name in generators.names() if (made := generators.generator_class(name)).config_class]
NAMING = [(each, name) for each in CLASSES for name in weights.SETTINGS if name in each.model_fields]


def test_every_method_that_starts_from_imagenet_is_among_them():
    assert {"agw", "caj", "dart", "deen", "den", "mmd_reid", "mpanet"} <= {
        each.model_fields["method"].default
        for each, name in NAMING
        if name == "pretrained" and "method" in each.model_fields
    }


@pytest.mark.parametrize(("kind", "name"), NAMING, ids=lambda part: getattr(part, "__name__", part))
@pytest.mark.parametrize("suffix", [".pth", ".bin", ".safetensors"])
def test_settings_name_what_the_file_holds(tmp_path, kind, name, suffix):
    file = tmp_path / f"weights{suffix}"
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


def test_a_trainings_stage_has_them_in_its_key(tiny_book, tmp_path, monkeypatch):
    file = tmp_path / "resnet50.pth"
    reid = tiny_book.profile.reid.model_copy(update={"backbone": "resnet50", "config": {"pretrained": str(file)}})
    run, asked = Run(tiny_book.profile.model_copy(update={"reid": reid}), tiny_book.cache.folder), []
    unmade = SimpleNamespace(values={"scores": []})
    monkeypatch.setattr(Run, "stage", lambda self, name, config, inputs, make, **_: asked.append(config) or unmade)
    monkeypatch.setattr(stages, "training_table", lambda *_, **__: "a table")
    monkeypatch.setattr(stages, "datasets", lambda *_: SimpleNamespace(test=lambda **_: "another table"))
    for data in (b"one", b"two", b"one"):
        file.write_bytes(data)
        run.evaluate("real", 0)
    assert asked[0] == asked[2] != asked[1]
    reid = reid.model_copy(update={"backbone": "small", "config": {}})
    Run(tiny_book.profile.model_copy(update={"reid": reid}), tmp_path).evaluate("real", 0)
    assert "weights" not in asked[-1]

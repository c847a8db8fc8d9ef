"""What every method of the registry must do; and a method that is added by one file does it too."""

import json
from dataclasses import replace
from typing import get_args

import pandas as pd
import pytest
import torch
from listings import listing

from vireid_lib.generators.aligngan.joint_training import AlignGanReidConfig
from vireid_lib.generators.jsia.joint_config import JsiaReidConfig
from vireid_lib.reid import methods
from vireid_lib.reid.config import Origin, ReidConfig
from vireid_lib.reid.features import extract
from vireid_lib.reid.train import ReidTask, load_reid, train_reid

every_method = pytest.mark.parametrize("name", methods.names())
TINY = {"identities": 4, "images": 2, "steps": 7}
EARLY_NOISE = {"noise_warm_up": 1, "noise_every": 1, "label_noise": 0.2}


def kind(name: str) -> type[ReidConfig]:
    return methods.method_class(name).config_class


def trained_on(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The table with generated rows, where the method needs some."""
    if name != "mpanet_expanded":
        return table
    return table.assign(source=["flow2flow" if row % 2 else "real" for row in range(len(table))])


VARIANTS = [
    *[(name, {}) for name in methods.names()],
    ("agw", {"triplet": "hard"}),
    ("agw", {"triplet": "none"}),
    ("baseline", {"triplet": "wrt", "colour_copies": "hue"}),
    ("caj", {"squared": False, "consistency": 1.0}),
    ("deen", {"form": "release"}),
    ("mmd_reid", {"discrepancy": "mmd"}),
    ("mpanet", {"form": "release", "triplet_weight": 1.0, "centre_weight": 0.01}),
    *[("mpanet", {"sampler": name}) for name in ("identity_uniform", "with_replacement")],
]


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_one_batch_is_learnt_by_heart(name, changes, coloured):
    sizes = {"height": 32, "width": 16, "images": 4 if name == "mpanet_expanded" else 2}
    config = kind(name).small(**TINY | sizes | {"label_smoothing": 0.0} | changes)
    task = ReidTask(trained_on(name, coloured(4, 4)), config, seed=0, cache=None)
    optimizer = task.method.optimizer()
    batch = task.method.augment(replace(task.batch(0), epoch=10))  # behind any warm-up
    for _ in range(40):
        losses = task.method.loss(batch)
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
    parts = [losses[term] for term in losses if term != "total" and not term.endswith("accuracy")]
    assert name == "mpanet_expanded" or losses["total"].item() == pytest.approx(sum(parts).item(), rel=1e-5)
    assert all(losses[term] == 1.0 for term in losses if term.endswith("accuracy"))
    assert all(losses[term] < 0.1 for term in losses if term.endswith("identity"))


@every_method
def test_trainings_of_a_seed_start_from_the_same_weights(name):
    """Whatever the number of identities: all but the classifiers, which have a row for each."""
    found = []
    for identities in (5, 9):
        torch.manual_seed(0)
        network = methods.build(name, kind(name).small(**TINY), identities).network
        found.append(dict(network.named_parameters()))
    few, many = found
    same = [key for key in few if few[key].shape == many[key].shape]
    assert all(torch.equal(few[key], many[key]) for key in same)
    assert {len(few[key]) for key in few if key not in same} == {5}
    random = [key for key in same if few[key].dim() > 1]
    assert len(random) > 10 and all(few[key].std() > 0 for key in random), "weights that were drawn are among them"


@every_method
def test_a_resumed_training_is_the_unbroken_one(name, coloured, broken_training, tmp_path):
    config = kind(name).small(**TINY | (EARLY_NOISE if name == "dart" else {}))
    table = trained_on(name, coloured(6, 4))
    whole, resume = broken_training(table, config)
    with pytest.raises(FileNotFoundError, match="No finished training"):
        load_reid(tmp_path / "broken")
    continued = resume().state_dict()
    for key, value in whole.state_dict().items():
        assert torch.equal(continued[key], value), key
    loaded, settings = load_reid(tmp_path / "broken")
    assert settings == config
    assert torch.equal(extract(loaded, table, settings, None), extract(whole, table, config, None))


@every_method
def test_an_identity_may_have_a_single_image(name, coloured):
    table, config = coloured(4, 1), kind(name).small(**TINY)
    if name == "mpanet_expanded":
        table = pd.concat([table.assign(source=source) for source in ("real", "flow2flow")])
    task = ReidTask(table, config, seed=0, cache=None)
    losses = task.losses(0)
    losses["total"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    gradients = [parameter.grad for parameter in task.method.network.parameters() if parameter.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)


@every_method
def test_what_it_was_not_made_for_is_refused(name, coloured):
    task = ReidTask(trained_on(name, coloured(4, 4)), kind(name).small(**TINY), seed=0, cache=None)
    batch = task.method.augment(task.batch(0))
    with pytest.raises(ValueError, match="from . to 12, but the classifier has 4 identities"):
        task.method.loss(replace(batch, infrared_labels=torch.full_like(batch.infrared_labels, 12)))
    empty = {field: getattr(batch, field)[:0] for field in ("infrared", "infrared_labels", "infrared_rows")}
    with pytest.raises(ValueError, match="The batch has no infrared image"):
        task.method.loss(replace(batch, **empty))
    with pytest.raises(ValueError, match="no ImageNet weights for the small backbone"):
        methods.build(name, kind(name)(backbone="small"), 3)
    with pytest.raises(ValueError, match=f"takes a {kind(name).__name__}, not a ReidConfig"):
        methods.build(name, ReidConfig(method=name, height=1, width=1, identities=2, images=1, epochs=1), 3)


@pytest.mark.slow
@every_method
@pytest.mark.parametrize("dataset", ["sysu_mm01", "regdb"])
def test_a_published_training_step_runs(name, dataset, random_batch):
    """At the published input size and batch, untrained: every loss is finite, every weight learns."""
    config = kind(name).published(dataset, pretrained=None)
    method, networks = methods.build(name, config, 395), 2 if name == "dart" else 1
    batch = random_batch(config.identities, networks * config.images, config.height, config.width)
    method.start_training(pd.DataFrame({"source": ["real", "flow2flow"] * len(batch.visible_rows)}))
    batch, optimizer = method.augment(replace(batch, epoch=1)), method.optimizer()
    with torch.autocast("cpu", torch.bfloat16, enabled=name == "dart"):  # 10 GB; in float32, two networks need 19
        losses = method.loss(batch)
    losses["total"].backward()
    optimizer.step()
    assert all(torch.isfinite(value) for value in losses.values())
    learnt = [(key, value) for key, value in method.network.named_parameters() if value.requires_grad]
    assert not [key for key, value in learnt if value.grad is None]


def test_every_setting_of_every_method_has_an_origin():
    for config in (AlignGanReidConfig, JsiaReidConfig, *map(kind, methods.names())):
        origins = config.origins()
        assert list(origins) == list(config.model_fields) and set(origins.values()) <= set(get_args(Origin))
        assert "ORIGINS" in vars(config) or config.__name__ == "MpanetExpandedConfig", "its own settings pass for ours"


def test_a_method_is_added_by_one_file(coloured, tmp_path, monkeypatch):
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods/pull.py").write_text(listing("A method").replace("NAME", "pull"))
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path / "methods")])
    assert "pull" in methods.names()
    table, config = coloured(4, 2), methods.method_class("pull").config_class.small(**TINY)
    network = train_reid(table, config, tmp_path / "run", seed=0, cache=None, progress=False, device="cpu")
    first, *_, last = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()] * 2
    assert {"total", "identity", "centres"} <= first.keys() and last["step"] == 7
    loaded, settings = load_reid(tmp_path / "run")
    assert settings == config
    assert torch.equal(extract(loaded, table, settings, None), extract(network, table, config, None))

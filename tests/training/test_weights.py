"""Others' weights: files and hub ids are read; what is missing or something else is said by name."""

from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from vireid_lib.training import hub, weights

WANTED = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
WORDS = ("Some weights", "Give a local file.")


@pytest.mark.parametrize("suffix", [*weights.FILES, "", ".in1k"])
def test_files(tmp_path, suffix):
    file = tmp_path / f"some{suffix}"
    save_file(WANTED, file) if suffix == ".safetensors" else torch.save(WANTED, file)
    found = weights.read_weights(str(file), *WORDS)
    assert found.keys() == WANTED.keys() and all(torch.equal(found[name], WANTED[name]) for name in WANTED)


def test_hub_id(tmp_path, monkeypatch):
    asked: list[tuple[str, ...]] = []
    save_file(WANTED, tmp_path / "model.safetensors")
    fetched = str(tmp_path / "model.safetensors")
    monkeypatch.setattr(weights, "hf_hub_download", lambda *names: asked.append(names) or fetched)
    assert torch.equal(weights.read_weights("somebody/network.in1k", *WORDS)["a.bias"], WANTED["a.bias"])
    assert asked == [("somebody/network.in1k", "model.safetensors")]


def test_a_hub_id_means_the_revision_that_is_here(tmp_path, monkeypatch):
    """A hub's cache on this machine with one model in two revisions, the second of which is taken first."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "hf_hub_download", lambda *_: pytest.fail("it is here and must not be fetched"))
    model = tmp_path / "models--some--body"
    (model / "refs").mkdir(parents=True)
    commits = {"a" * 40: 1.0, "b" * 40: 2.0}
    for commit, value in commits.items():
        (model / "snapshots" / commit).mkdir(parents=True)
        save_file({"x": torch.tensor([value])}, model / "snapshots" / commit / "model.safetensors")
    for commit, value in reversed(commits.items()):
        (model / "refs/main").write_text(commit)
        assert weights.read_weights("some/body", *WORDS)["x"].item() == value
        assert weights.digests(SimpleNamespace(pretrained="some/body")) == {"pretrained_weights": commit}


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no such path", "a/b/c/d.ckpt"])
def test_offline_says_where_it_looked_and_what_to_do(name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError) as refused:
        weights.read_weights(name, *WORDS)
    message = str(refused.value)
    assert name in message and "Give a local file" in message and not hub.advises(message)
    if name.count("/") == 1:
        assert "HF_HUB_OFFLINE" in message and "hf download nobody/no-such-model" in message

"""Others' weights: files and hub ids are read; what is missing or something else is said by name."""

import io
import os
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
from remedy import REMEDY
from safetensors.torch import save_file

from vireid_lib.training import hub, weights

WANTED = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
WORDS = ("Some weights", "Give a local file.")


@pytest.mark.parametrize("suffix", [*weights.FILES, "", ".in1k"])
def test_files(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"some{suffix}"
    save_file(WANTED, file) if suffix == ".safetensors" else torch.save(WANTED, file)
    found = weights.read_weights(str(file), *WORDS)
    assert found.keys() == WANTED.keys() and all(torch.equal(found[name], WANTED[name]) for name in WANTED)


def test_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    save_file(WANTED, tmp_path / "model.safetensors")

    def fetched(*names: str) -> str:
        asked.append(names)
        return str(tmp_path / "model.safetensors")

    monkeypatch.setattr(weights, "hf_hub_download", fetched)
    assert torch.equal(weights.read_weights("somebody/network.in1k", *WORDS)["a.bias"], WANTED["a.bias"])
    assert asked == [("somebody/network.in1k", "model.safetensors")]


def test_no_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: str) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(weights, "hf_hub_download", offline)
    with pytest.raises(FileNotFoundError, match="Some weights 'some/thing'.*from the hub.*no route.*Give a local file"):
        weights.read_weights("some/thing", *WORDS)


def test_missing_file_and_other_content(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Some weights .*absent.pth do not exist. Give a local file"):
        weights.read_weights(str(tmp_path / "absent.pth"), *WORDS)
    with pytest.raises(FileNotFoundError, match="are a folder: give the file"):
        weights.read_weights(str(tmp_path), *WORDS)
    torch.save({"state_dict": {"x": torch.zeros(1)}}, tmp_path / "nested.pth")
    with pytest.raises(ValueError, match="save a `state_dict\\(\\)` alone"):
        weights.read_weights(str(tmp_path / "nested.pth"), *WORDS)


class Trap:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ("unpickled",)


def saved(content: object, suffix: str = ".pth") -> bytes:
    held = io.BytesIO()
    torch.save(content, held)
    return safetensors.torch.save(content) if suffix == ".safetensors" else held.getvalue()


def with_a(value: float, kind: torch.dtype) -> dict:
    tensors = {name: tensor.clone().to(kind) for name, tensor in WANTED.items()}
    tensors["a.weight"][1, 2] = value
    return tensors


OTHER = [
    b"",
    bytes(999),
    b"<!DOCTYPE html><html></html>",
    b"\n<html>",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"Access denied",
]
OTHER += [b'{"error": "gated"}', b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", b"\x80\x04."]
BROKEN = [(data, suffix) for data in OTHER for suffix in weights.FILES]
BROKEN += [(saved(WANTED, kind)[:share], kind) for kind in (".safetensors", ".pth", ".bin") for share in (20, 100, -20)]
BROKEN += [
    (saved(WANTED), ".safetensors"),
    *((saved(WANTED, ".safetensors"), kind) for kind in (".pth", ".pt", ".bin")),
]
BROKEN += [(pickle.dumps({"trap": Trap()}), ".bin"), (saved({"a": torch.ones(2), "trap": Trap()}), ".pth")]
BROKEN += [
    (saved({"x": Path}), ".pth"),
    (saved([torch.ones(2)]), ".pt"),
    (saved(torch.ones(2)), ".pt"),
    (saved(3), ".bin"),
]
BROKEN += [(saved({"a": torch.ones(2), "epoch": 3}), ".pth")]
BROKEN += [
    (saved(with_a(value, kind), suffix), suffix)
    for value in (float("nan"), float("inf"))
    for kind in (torch.float32, torch.float16, torch.bfloat16)
    for suffix in (".safetensors", ".pth")
]


@pytest.mark.parametrize(("data", "suffix"), BROKEN, ids=range(len(BROKEN)))
def test_what_holds_no_weights_is_refused_and_never_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"own{suffix}").write_bytes(data)
    with pytest.raises(weights.WeightsError) as refused:
        weights.read_weights(str(tmp_path / f"own{suffix}"), *WORDS)
    assert str(tmp_path / f"own{suffix}") in str(refused.value) and REMEDY.search(str(refused.value))
    assert [path.name for path in tmp_path.iterdir()] == [f"own{suffix}"]


class Settings:
    """Of a training that starts from others' weights."""

    pretrained, lpips_heads, judge_model = None, None, None


@pytest.mark.parametrize("suffix", weights.FILES)
def test_the_key_follows_a_file_whatever_its_format(tmp_path: Path, suffix: str) -> None:
    file, settings = tmp_path / f"some{suffix}", Settings()
    assert weights.digests(settings) == {}
    settings.pretrained = str(file)
    assert weights.digests(settings) == {"pretrained_weights": None}
    file.write_bytes(b"one")
    before = weights.digests(settings)
    file.write_bytes(b"two")
    assert before["pretrained_weights"] and weights.digests(settings) != before


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache on this machine with one model in two revisions, the first of which is taken."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    model = tmp_path / "hub/models--some--body"
    for commit, value in (("a" * 40, 1.0), ("b" * 40, 2.0)):
        (model / "snapshots" / commit).mkdir(parents=True)
        save_file({"x": torch.tensor([value])}, model / "snapshots" / commit / "model.safetensors")
    (model / "refs").mkdir()
    (model / "refs/main").write_text("a" * 40)
    return model


def test_a_hub_id_means_the_revision_that_is_here(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "hf_hub_download", lambda *_: pytest.fail("it is here and must not be fetched"))
    settings = Settings()
    settings.pretrained = "some/body"
    found = []
    for commit, value in (("a" * 40, 1.0), ("b" * 40, 2.0)):
        (hub_cache / "refs/main").write_text(commit)
        assert weights.read_weights("some/body", *WORDS)["x"].item() == value
        found.append(weights.digests(settings)["pretrained_weights"])
    assert found == ["a" * 40, "b" * 40]


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no such path", "a/b/c/d.ckpt"])
def test_offline_says_where_it_looked_and_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError) as refused:
        weights.read_weights(name, *WORDS)
    message = str(refused.value)
    assert name in message and "Give a local file" in message and not hub.advises(message)
    if name.count("/") == 1:
        assert "HF_HUB_OFFLINE" in message and "hf download nobody/no-such-model" in message

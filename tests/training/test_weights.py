"""Others' weights: files and hub ids are read; what is missing or something else is said by name."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vireid_lib.training import weights

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
    torch.save({"state_dict": {"x": torch.zeros(1)}}, tmp_path / "nested.pth")
    with pytest.raises(ValueError, match="save a `state_dict\\(\\)` alone"):
        weights.read_weights(str(tmp_path / "nested.pth"), *WORDS)


def test_a_pickled_program_is_not_run(tmp_path: Path) -> None:
    torch.save({"x": Path}, tmp_path / "program.pth")
    with pytest.raises(Exception, match="[Ww]eights_only|Unsupported"):
        weights.read_weights(str(tmp_path / "program.pth"), *WORDS)

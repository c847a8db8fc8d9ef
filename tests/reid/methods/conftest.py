"""What the tests of every method check alike: one batch is learnt by heart, a broken run resumes bit for bit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vireid_lib.reid import methods
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.method import Batch
from vireid_lib.reid.train import ReidTask, train_reid


@pytest.fixture
def random_batch() -> Callable[..., Batch]:
    """Makes P identities × K images of noise in each modality."""

    def make(identities: int = 4, images: int = 2, height: int = 64, width: int = 32) -> Batch:
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(identities).repeat_interleave(images)
        rows = torch.arange(len(labels))
        visible, infrared = torch.rand(2, len(labels), 3, height, width, generator=generator)
        return Batch(visible, infrared, labels, labels, rows, rows, generator)

    return make


@pytest.fixture
def check_overfit(random_batch: Callable) -> Callable[[ReidConfig], None]:
    """Trains on one and the same augmented batch until every image is classified right."""

    def check(config: ReidConfig, steps: int = 40) -> None:
        torch.manual_seed(0)
        method = methods.build(config.method, config, 4)
        optimizer, batch = method.optimizer(), method.augment(random_batch(height=32, width=16))
        for _ in range(steps):
            losses = method.loss(batch)
            optimizer.zero_grad()
            losses["total"].backward()
            optimizer.step()
        assert losses["accuracy"] == 1.0 and losses["identity"] < 0.1

    return check


@pytest.fixture
def check_resume(
    coloured_people: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[ReidConfig], None]:
    """Breaks a training at step 4 of 7, after a checkpoint at 3, and compares what it ends with."""

    def check(config: ReidConfig) -> None:
        table, config = coloured_people(6, 3), config.model_copy(update={"steps": 7})
        options = {"seed": 2, "cache": None, "checkpoint_every": 3, "progress": False, "device": "cpu"}
        whole = train_reid(table, config, tmp_path / "whole", **options)
        losses = ReidTask.losses

        def crash(task: ReidTask, step: int) -> dict:
            if step == 4:
                raise KeyboardInterrupt
            return losses(task, step)

        with monkeypatch.context() as patch:
            patch.setattr(ReidTask, "losses", crash)
            with pytest.raises(KeyboardInterrupt):
                train_reid(table, config, tmp_path / "broken", **options)
        continued = train_reid(table, config, tmp_path / "broken", **options).state_dict()
        for name, value in whole.state_dict().items():
            assert torch.equal(continued[name], value), name

    return check


@pytest.fixture
def check_published_step(random_batch: Callable) -> Callable[..., None]:
    """One step at the published input size and batch, untrained: every loss is finite, every weight learns."""

    def check(config: ReidConfig, identities: int = 395) -> None:
        method = methods.build(config.method, config, identities)
        batch = method.augment(random_batch(config.identities, config.images, config.height, config.width))
        optimizer = method.optimizer()
        losses = method.loss(batch)
        losses["total"].backward()
        optimizer.step()
        assert all(torch.isfinite(value) for value in losses.values())
        unused = [name for name, p in method.network.named_parameters() if p.requires_grad and p.grad is None]
        assert not unused

    return check

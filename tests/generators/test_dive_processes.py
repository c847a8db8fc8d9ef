"""Two processes share the images of a gallery so that none is lost or made twice, also when one of them is killed.

Run as a script, this file is a process that dies after its first batch."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vireid_lib.generators.base import gallery_files, parallel
from vireid_lib.generators.dive.dive import Dive
from vireid_lib.training import processes

ASKED = ["mini_market/0001", "mini_market/0007"], ["mini_vi/3", "mini_vi/6"], 3, 5


@pytest.mark.slow
def test_a_killed_process_loses_and_repeats_nothing(tiny_config, tiny_table, tmp_path, monkeypatch):
    config, broken = tiny_config.model_copy(update={"sampling_batch": 1, "steps": 2}), tmp_path / "broken"
    Dive(config, device="cpu", cache=tmp_path / "cache", progress=False).fit(tiny_table, tmp_path / "fit")
    dive = Dive.load(tmp_path / "fit", device="cpu", progress=False)
    whole = dive.expand(*ASKED, tmp_path / "whole")
    dive.processes = 2

    def killed(job, folder, count):
        told = parallel.json.dumps(job | {"intensity": parallel.intensity.declared()})
        parallel.write_atomically(folder / parallel.JOB, told.encode())
        dies = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", __file__]
        subprocess.run([*dies, str(folder / parallel.JOB)], env=os.environ | {"OMP_NUM_THREADS": "1"})
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(parallel, "run", killed)
        dive.expand(*ASKED, broken)
    kept = {path: path.stat().st_mtime_ns for path in broken.rglob("cam*/*/*.png")}
    assert 0 < len(kept) < 12 and all(gallery_files.is_complete(path) for path in kept)
    assert not (broken / "table.csv").exists()

    table = dive.expand(*ASKED, broken)
    assert len(list(broken.rglob("cam*/*/*.png"))) == len(table) == 12 and table["path"].is_unique
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert table["seed"].tolist() == whole["seed"].tolist() and not list(broken.rglob("cam*/*/.*"))
    for ours, theirs in zip(table["path"], whole["path"], strict=True):
        difference = np.array(Image.open(ours)).astype(int) - np.array(Image.open(theirs))
        assert np.abs(difference).max() <= 1  # another batch, rounded


def main(job: str) -> None:
    """Be one of the processes; the second one dies when it has written an image."""
    write = gallery_files.write_image

    def dies(path: Path, *values: object) -> None:
        write(path, *values)
        if processes.index() == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    gallery_files.write_image = dies
    parallel.main(job)


if __name__ == "__main__":
    main(sys.argv[1])

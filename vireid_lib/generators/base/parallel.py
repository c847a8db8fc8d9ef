"""A generator's work on several GPUs: starts the processes, and is the module that each of them runs.

By hand, on several machines: `torchrun … -m vireid_lib.generators.base.parallel JOB.json` (or `accelerate launch`) with
the job file that a run on one machine leaves next to its results.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from vireid_lib import generators
from vireid_lib.data import intensity, tables
from vireid_lib.data.contents import write_atomically
from vireid_lib.generators.base.plans import SampleRequest
from vireid_lib.training import launchers, processes

if TYPE_CHECKING:
    from vireid_lib.generators.base.generator import Generator

JOB, TABLE = "job.json", "fitted_to.csv"
OWNED = "VIREID_STOP_WITH_PARENT"
TAIL = 60  # lines of a failed process that its error shows


class ProcessFailed(RuntimeError):
    """A process of the job died; the message holds its last output. Its completed work is kept."""


def gpus(device: str | None) -> int:
    """The number of GPUs of `device`: all visible ones for "cuda" or None, one for "cuda:1", none for "cpu"."""
    return torch.cuda.device_count() if device in (None, "cuda") and torch.cuda.is_available() else 0


def share_of(batch: int, most: int) -> int:
    """The largest number of processes up to `most` that divides a batch evenly."""
    return next(number for number in range(max(min(batch, most), 1), 0, -1) if batch % number == 0)


def count_for(maker: Generator) -> int:
    """How many processes are to be started for a generator's work; 1 in one of these."""
    if processes.count() > 1 or not maker.trained:
        return 1
    return maker.processes or max(gpus(maker.device_asked), 1)


def fit(maker: Generator, table: pd.DataFrame, folder: Path) -> None:
    """Train in several processes where there are several GPUs; `Generator.learn` then finds the training done."""
    count = count_for(maker)
    if count > 1 and maker.processes is None:
        count = share_of(maker.batch_divisor(table), count)
    if count > 1:
        tables.save(table, folder / TABLE)
        _run(maker, folder, count, do="fit", table=str(folder / TABLE))


def write(maker: Generator, requests: Sequence[SampleRequest], folder: Path, settings: dict[str, Any]) -> None:
    """Make a gallery in several processes where there are several GPUs; `galleries.write` then finds it made."""
    if (count := count_for(maker)) > 1:
        folder.mkdir(parents=True, exist_ok=True)
        listed = [asdict(item) | {"path": str(item.path)} for item in requests]
        _run(maker, folder, count, do="write", fitted=str(maker.folder.resolve()), requests=listed, settings=settings)


def _run(maker: Generator, folder: Path, count: int, **job: Any) -> None:
    job |= {"generator": maker.name, "config": maker.config.model_dump(mode="json"), "folder": str(folder.resolve())}
    job |= {"device": maker.device_asked, "cache": maker.cache and str(maker.cache), "progress": maker.progress}
    run(job, folder, count)


def run(job: dict[str, Any], folder: Path, count: int) -> None:
    """Run `job` in `count` processes on this machine and show their output; they stop when this process does. Raises
    ProcessFailed: one of them failed, and the others were stopped."""
    file = Path(folder) / JOB
    write_atomically(file, json.dumps(job | {"intensity": intensity.declared()}, indent=1).encode())
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    command += ["-m", __spec__.name, str(file)]
    environment = os.environ | {OWNED: "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    launchers.forget(environment)  # another launcher's variables would reach these processes before torchrun's
    last: deque[str] = deque(maxlen=TAIL)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            for line in process.stdout:
                last.append(line)
                print(line, end="", flush=True)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise ProcessFailed(
            f"{job['do']} in {count} processes ended with status {process.returncode}; run the same again to continue. "
            "The last lines:\n" + "".join(last)
        )


def main(file: str) -> None:
    if os.environ.get(OWNED):
        threading.Thread(target=_stop_with_parent, daemon=True).start()
    job = json.loads(Path(file).read_text())
    intensity.restore(job["intensity"])
    processes.join(job["device"])
    common = {"device": job["device"], "cache": job["cache"] and Path(job["cache"])}
    common["progress"] = job["progress"] and processes.index() == 0
    name, folder = job["generator"], Path(job["folder"])
    config = generators.configure(name, job["config"])
    if job["do"] == "fit":
        generators.build(name, config, **common).fit(tables.load(job["table"]), folder)
    else:
        requests = [SampleRequest.of(each) for each in job["requests"]]
        generators.load(name, Path(job["fitted"]), config, **common).write(requests, folder, job["settings"])


def _stop_with_parent() -> None:
    """Watch the pipe from the parent process: it closes when that process dies, whatever the cause."""
    while os.read(0, 1024):  # not sys.stdin, whose lock a thread must not hold when Python ends
        pass
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])

"""Time and memory of an evaluation of LLCM's size: ten trials of 7,166 queries and 3,159 of 6,318 gallery images with
2,048 features, on one thread.

Run as `python tests/benchmarks/bench_evaluation.py`; exits with 1 if it needs more than 2 GB.
"""

import resource
import sys
import time

import pandas as pd
import torch

from vireid_lib.evaluation import LlcmProtocol, evaluate

IDENTITIES, INFRARED = 351, (1, 2, 4, 5, 6, 7, 8, 9)
LIMIT_GB = 2


def llcm_images() -> pd.DataFrame:
    """A table as LLCM's: two visible images of each identity by each camera, and 7,166 infrared ones."""
    rows = [(who, camera, "visible") for who in range(IDENTITIES) for camera in range(1, 10) for _ in range(2)]
    rows += [(number % IDENTITIES, INFRARED[number % 8], "infrared") for number in range(7166)]
    named = [(f"/{n:06d}.png", f"llcm/{who:04d}", f"llcm/{at}", kind) for n, (who, at, kind) in enumerate(rows)]
    return pd.DataFrame(named, columns=["path", "identity", "camera", "modality"]).assign(split="test")


def gigabytes() -> float:
    """The largest memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def main() -> int:
    torch.set_num_threads(1)
    before, table = gigabytes(), llcm_images()
    features = torch.randn(len(table), 2048, generator=torch.Generator().manual_seed(0))
    began = time.process_time()  # not wall time: other programs may be running
    trials = evaluate(features, table, LlcmProtocol("infrared-to-visible")).trials
    seconds, held = time.process_time() - began, features.numel() * 4 / 1024**3
    queries, gallery = (len(side) for side in (trials[0].trial.query, trials[0].trial.gallery))
    print(f"{len(trials)} trials of {queries} x {gallery}: {seconds:.1f} CPU s with distances")
    print(f"peak {gigabytes():.2f} GB, of which libraries {before:.2f} GB and the features themselves {held:.2f} GB")
    return gigabytes() > LIMIT_GB


if __name__ == "__main__":
    sys.exit(main())

"""VI-ReID experiment book: data, generators, ReID methods, evaluation and analysis under one protocol."""

import os

__version__ = "0.1.0"

# A thread of GNU's OpenMP, with which torch computes on Linux, looks 300,000 times for the others to be done before it
# sleeps: where another program wants its core, two threads take up to thirty times as long. After 10,000 looks it
# sleeps soon enough, and an idle machine is no slower (`tests/benchmarks/bench_busy.py`). torch reads this once, when
# it is loaded; what the user has set stands.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

"""VI-ReID experiment book: data, generators, ReID methods, evaluation and analysis under one protocol."""

import os

from vireid_lib import cores

__version__ = "0.1.0"

# A thread of GNU's OpenMP, with which torch computes on Linux, looks 300,000 times for the others to be done before it
# sleeps: where another program wants its core, two threads take up to thirty times as long. After 10,000 looks it
# sleeps soon enough where cores are free, and after 100 where there is one for all threads; the cores that others use
# are watched while a stage computes (`training/giving_way.py`, `tests/benchmarks/bench_busy.py`). torch reads this
# once, when it is loaded; what the user has set stands.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000" if cores.available() > 1 else "100")
if cores.available() < cores.allowed():  # a container's quota, of which torch knows nothing
    os.environ.setdefault("OMP_NUM_THREADS", str(cores.available()))

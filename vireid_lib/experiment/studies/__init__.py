"""Studies: the training tables of a paper, run on this book's data, and the paper's claims held against the seeds.

How to write one, with `den` as the example:

1. `data_manifests/papers/NAME.yaml`: what the paper prints. A row's method, training set and `changes` (the settings
   that the paper changed in it) say which setting it is; metrics may be scores (percent) and, for DEN, iirs_visible,
   iirs_infrared, himd. A column says with which settings of the protocol its scores were measured.
2. `data_manifests/studies/NAME.yaml`: `rows`, the trained settings, each once, however many tables show it (which
   printed row it is, `Study.row_of` finds out from the settings), and `claims`, what the paper says of them. `Row` and
   `Claims` in `experiment/study.py` say what the keys mean. `dive.py` here makes a study whose rows depend on the run.
3. `notebooks/studies/NAME.py`, a chapter whose parameters cell has `full = False`. The paper's idea is written by hand
   first, on `untrained(own, seed)` and `first_batch(own, identities=6, images=4)` of a row's own run (`STUDY =
   load_study("den")`, `own = run_of(run, STUDY.row("den"))`), and held against the library's. Then `smallest`, the
   difference that the seeds can show; `measure`, which trains (cached, several at a time); `overview`, `effort`,
   `same_effort`; `beside_paper` for each table; `judge`, `count`, `findings_table` after Holm's correction over the
   claims; `limits`. What this notebook alone draws stays in it.
4. `vireid study NAME [--profile P] [--workspace DIR] [-p full=true]` runs it like a chapter of the book, in the book's
   workspace (trainings are shared); it is a page of the site there.
"""

from vireid_lib.experiment.claims import Claim, judge
from vireid_lib.experiment.findings import count, findings_table, limits
from vireid_lib.experiment.measurements import measure, overview, same_effort, train
from vireid_lib.experiment.metrics import MEASURES
from vireid_lib.experiment.paper_table import beside_paper
from vireid_lib.experiment.sensitivity import smallest
from vireid_lib.experiment.studies.first_step import first_batch, untrained
from vireid_lib.experiment.study import Row, Study, features_of, load_study, run_of
from vireid_lib.experiment.trainings import effort

__all__ = [
    "MEASURES",
    "Claim",
    "Row",
    "Study",
    "beside_paper",
    "count",
    "effort",
    "features_of",
    "findings_table",
    "first_batch",
    "judge",
    "limits",
    "load_study",
    "measure",
    "overview",
    "run_of",
    "same_effort",
    "smallest",
    "train",
    "untrained",
]

"""Studies: the training tables of a paper, run on this book's data, and the paper's claims held against the seeds.

`notebooks/CONTRIBUTING.md` says how to write one.
"""

from vireid_lib.experiment.claims import count, findings_table, judge, limits
from vireid_lib.experiment.contrasts import Claim
from vireid_lib.experiment.metrics import MEASURES
from vireid_lib.experiment.paper_table import beside_paper
from vireid_lib.experiment.sensitivity import smallest
from vireid_lib.experiment.study import Row, Study, features_of, load_study, run_of
from vireid_lib.experiment.study_measures import measure, overview, same_effort, train
from vireid_lib.experiment.trainings import effort, first_batch, untrained

__all__ = ["MEASURES", "Claim", "Row", "Study", "beside_paper", "count", "effort", "features_of", "findings_table"]
__all__ += ["first_batch", "judge", "limits", "load_study", "measure", "overview", "run_of", "same_effort", "smallest"]
__all__ += ["train", "untrained"]

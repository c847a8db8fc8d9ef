"""The book's machinery: profiles, workspace, runner, plots, command line."""

import os

# Before transformers is imported anywhere: it tells every chapter that image processors, which no chapter uses,
# would like torchvision.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from vireid_lib.experiment.run import Book, open_book  # noqa: E402

__all__ = ["Book", "open_book"]

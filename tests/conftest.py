"""Before any test: torch's threads read how long to wait when they are loaded."""

import vireid_lib  # noqa: F401  (before torch)

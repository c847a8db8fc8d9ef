"""Which stages are asked for, under which keys, without making any."""

import pytest

from vireid_lib.experiment.cache import Finished
from vireid_lib.experiment.provenance import StageRecord


class Noted(Finished):
    """Notes the key of each stage that is asked for, and passes off as finished what is not."""

    def __init__(self, of):
        super().__init__(of)
        self.keys = set()

    def _finished(self, name, key, made_of):
        self.keys.add((name, key))
        found = super()._finished(name, key, made_of)
        return found or StageRecord(name, key, self.stages / name / key, {"values": {}, "seeds": [0]})


@pytest.fixture(scope="session")
def stage_keys():
    """Call it with a run and what is asked of it: the names and keys of the stages that are asked for."""

    def keys(run, *asks):
        own = run.with_profile(run.profile)
        own.cache = Noted(run.cache)
        for ask in asks:
            try:
                ask(own)
            except (FileNotFoundError, ValueError, KeyError):  # what was passed off as finished has no files
                continue
        return own.cache.keys

    return keys

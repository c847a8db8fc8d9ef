"""Models of the Hugging Face hub: which revision a name means on this machine, and why one is not to be had."""

import re
from functools import lru_cache
from pathlib import Path

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from vireid_lib import disk

PATIENCE = 10.0  # seconds to wait for the hub's answer about a revision
ADVICE = re.compile(
    "weights_only|local_files_only|trust_remote_code|use_safetensors|allow_pickle|force_download|stacktrace"
    "|(?i:traceback)"
)
"""In others' messages: what to set, against which this library stands, or to look at what is not shown."""


def held(name: str, file: str) -> Path | None:
    """A file of the model, where this machine's cache of the hub has it."""
    try:
        found = try_to_load_from_cache(name, file)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def revision(name: str, file: str) -> str | None:
    """The commit that the name means: of the copy on this machine, else the hub's newest; None where nobody can say.
    `file` is one that every such model has, at the top of its repository."""
    found = held(name, file)
    if found is not None:
        return found.parent.name
    try:
        return _newest(name, file)
    except Exception:  # whatever keeps us from asking keeps us from loading, which then says why
        return None


@lru_cache
def _newest(name: str, file: str) -> str | None:
    """The answer is kept, so that one run means one revision; a failure is not, for the network may come back."""
    return get_hf_file_metadata(hf_hub_url(name, file), timeout=PATIENCE).commit_hash


def advises(message: str) -> bool:
    """Whether a message of another library is advice that must not be handed on."""
    return ADVICE.search(message) is not None


def why_not(name: str, error: Exception) -> str:
    """What kept a model of the hub from being loaded, and what to do about it, as sentences.

    Others' messages are not handed on: they point at tracebacks that are not shown, and at switches that make pickles
    run or leave out checks.
    """
    fetch = f"Fetch it where there is a network (`hf download {name}`) and copy the cache, or give a local folder."
    causes = disk.causes(error)
    if any(isinstance(cause, HFValidationError) for cause in causes):
        return "There is no such path, and a hub id is written OWNER/NAME."
    if any(isinstance(cause, GatedRepoError) for cause in causes):
        return f"Its licence is to be accepted at https://huggingface.co/{name}; then log in with `hf auth login`."
    if any(isinstance(cause, RepositoryNotFoundError) for cause in causes):
        return "The hub has no such model, or it is private: correct the name, or log in with `hf auth login`."
    if constants.HF_HUB_OFFLINE or any(isinstance(cause, OfflineModeIsEnabled) for cause in causes):
        return f"It is not in {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE forbids to fetch it. {fetch}"
    missing = [cause for cause in causes if isinstance(cause, EntryNotFoundError)]
    if any(not isinstance(cause, LocalEntryNotFoundError) for cause in missing):
        return "The hub's model lacks a file that is needed: give another model, or a local folder."
    lines = [str(cause).strip().splitlines()[0] for cause in causes if str(cause).strip()]
    lines = [line for line in lines if not advises(line)]
    reason = f" ({lines[-1]})" if lines else ""
    return f"It is not in {constants.HF_HUB_CACHE}, and the hub cannot be reached{reason}. {fetch}"

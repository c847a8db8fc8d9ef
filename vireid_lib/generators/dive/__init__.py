"""DiVE: identity tokens, camera codes, LoRA branches."""

from vireid_lib.generators.dive.config import DiveConfig

__all__ = ["GENERATOR", "Dive", "DiveConfig"]


def __getattr__(name: str) -> object:
    """Import `Dive` when it is first used: reading a profile needs the settings only, and diffusers takes seconds."""
    if name in ("Dive", "GENERATOR"):
        from vireid_lib.generators.dive.dive import Dive

        return Dive
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

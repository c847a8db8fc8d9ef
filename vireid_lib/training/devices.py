"""The device that something is computed on: one that is there, the same everywhere."""

import torch


def resolved(name: str | None = None) -> torch.device:
    """The device of that name; None and "auto" take CUDA where there is a GPU, else the CPU. A GPU that is named by its
    number, such as "cuda:1", becomes torch's current one. Raises ValueError: there is no such device here; says what
    there is."""
    if name in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        known = f"none that torch knows ({str(error).splitlines()[0]})"
        raise ValueError(f"device {name!r} is {known}; write cpu, cuda, cuda:1 or mps.") from None
    if (lacking := _lacking(device)) is not None:
        raise ValueError(f"device {name!r} is not here: {lacking}. Write auto, cpu, or a device that is here.")
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    return device


def _lacking(device: torch.device) -> str | None:
    """Why the device cannot be had, None if it can."""
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            built = torch.backends.cuda.is_built()
            return "torch finds no GPU" + ("" if built else f"; torch {torch.__version__} was built without CUDA")
        if device.index is not None and device.index >= count:
            return f"torch finds {count} GPU{'s' * (count > 1)}, the last is cuda:{count - 1}"
    elif device.type == "mps" and not torch.backends.mps.is_available():
        return "torch finds no Apple GPU"
    elif device.type not in ("cpu", "mps"):
        try:
            torch.empty(1, device=device)
        except Exception as error:  # whatever a build of torch without that device makes of it
            return (str(error) or type(error).__name__).splitlines()[0]
    return None

"""The cores that this process really has: those it may run on, less what a container's quota takes away."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def allowed() -> int:
    """Cores that the system may run this process on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available() -> int:
    """Cores whose whole time this process can have, at least one."""
    return max(1, min(allowed(), int(min(quotas(), default=allowed()))))


def quotas(groups: Path = GROUPS, own: Path = OWN) -> Iterator[float]:
    """Cores' worth of time that each control group over this process may use, version 1 or 2, as far as it is limited.

    Args:
        groups: where the control groups are mounted.
        own: the file that says which ones this process is in.
    """
    for folder, version in _folders(groups, own):
        try:
            if version == 2:
                quota, period = (folder / "cpu.max").read_text().split()[:2]
            else:
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if quota.strip() != "max" and float(quota) > 0:
                yield float(quota) / float(period)
        except (OSError, ValueError):
            continue


def _folders(groups: Path, own: Path) -> Iterator[tuple[Path, int]]:
    """The process's own groups and all above them. Inside a container the path may be the host's: then only the
    mounted top is there, and it is the container's."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for top in [groups / controllers, groups / "cpu"] if controllers else [groups, groups / "unified"]:
            for each in (inside, *inside.parents):
                yield top / each, 1 if controllers else 2

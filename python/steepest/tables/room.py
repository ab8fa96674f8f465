"""How much memory there is to be had: what the system has left, or less where a limit is set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["available"]

GROUPS = Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that may still be taken. ``STEEPEST_MEMORY`` says otherwise, in bytes.

    >>> available() > 0
    True
    """
    said = os.environ.get("STEEPEST_MEMORY", "")
    if said.isdigit():
        return int(said)
    return max(0, min([_free(), *_limits()]))


def _fields(path: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    parts = [line.replace(":", " ").split() for line in lines]
    return {p[0]: int(p[1]) for p in parts if len(p) > 1 and p[1].isdigit()}


def _free() -> int:
    kilobytes = _fields(Path("/proc/meminfo")).get("MemAvailable")
    return 1 << 32 if kilobytes is None else 1024 * kilobytes


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max" is none
        return None


def _limits() -> Iterator[int]:
    """What is left of the limits that are set: of the control groups that the process is in, and its own."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, names, place = line.split(":", 2)
        if names and "memory" not in names.split(","):
            continue
        old = bool(names)
        limit_name, used_name = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes") if old else ("memory.max", "memory.current")
        )
        root = GROUPS / "memory" if old else GROUPS
        inside = root / place.strip("/")
        for folder in [inside, *inside.parents]:
            limit, used = _number(folder / limit_name), _number(folder / used_name)
            if limit is not None and used is not None:
                statistics = _fields(folder / "memory.stat")
                # Pages of files are given back when they are needed.
                yield limit - used + statistics.get("inactive_file", 0) + statistics.get("active_file", 0)
            if folder == root:
                break
    try:
        import resource
    except ImportError:  # not on Windows
        return
    own = _fields(Path("/proc/self/status"))
    for kind, name in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY and name in own:
            yield limit - 1024 * own[name]

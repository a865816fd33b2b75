"""Whether the system killed a process because memory was full.

The kernel's log says so, and often only root may read it. Its counters may be read by all: those of the
process's control group (a container's, a session's), and the machine's in ``/proc/vmstat``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class MemoryKills:
    """How many processes were killed since the machine was started, because memory was full.

    Attributes:
        group: In our own control group and those in it; None where it does not say.
        machine: On the whole machine; None where it does not say.
    """

    group: int | None = None
    machine: int | None = None

    def has_risen(self, before: MemoryKills) -> bool | None:
        """Whether there was such a kill since then; None: nothing says it.

        The group's counter decides where there is one: what was killed elsewhere was not ours.
        """
        for now, then in ((self.group, before.group), (self.machine, before.machine)):
            if now is not None and then is not None:
                return now > then
        return None


def count_memory_kills(root: Path = _ROOT) -> MemoryKills:
    """The counters as they are now.

    Args:
        root: Of the file system (another one in tests).
    """
    machine = _counter(root / "proc/vmstat", "oom_kill")
    return MemoryKills(_of_group(root), machine)


def _of_group(root: Path) -> int | None:
    """The counter of our control group, of version 2 (one tree) or 1 (a tree for memory)."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        tree, name = ("memory", "memory.oom_control") if controllers else ("", "memory.events")
        mounted = root / "sys/fs/cgroup" / tree
        # A container may see its own group as the tree's root, under a path that is the host's.
        for place in (mounted / path.lstrip("/"), mounted):
            found = _counter(place / name, "oom_kill")
            if found is not None:
                return found
    return None


def _counter(path: Path, name: str) -> int | None:
    try:
        rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
        return next((int(row[1]) for row in rows if len(row) == 2 and row[0] == name), None)
    except (OSError, ValueError):
        return None

"""What processes have used, from /proc: CPU of a process with everything it started, and memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from scripts.process import children_of

TICK = os.sysconf("SC_CLK_TCK")


def cpu(pids: Iterable[int]) -> float:
    """Seconds of CPU of these processes and of their descendants, those that have ended included."""
    return sum(_ticks(pid) for root in pids for pid in family(root)) / TICK


def memory(pids: Iterable[int]) -> dict[int, int]:
    """Bytes of memory of each of these processes and of their descendants, shared pages counted in parts."""
    return {pid: held for root in pids for pid in family(root) if (held := _proportional(pid))}


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for member in found:
        for task in _tasks(member):
            found.extend(child for child in _children(member, task) if child not in found)
    return found


def _tasks(pid: int) -> list[str]:
    with suppress(OSError):
        return os.listdir(f"/proc/{pid}/task")
    return []


def _children(pid: int, task: str) -> list[int]:
    if task == str(pid):
        return children_of(pid)
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    return []


def _ticks(pid: int) -> int:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15])  # utime, stime and those of children that have ended
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0

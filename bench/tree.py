"""CPU seconds and memory of a process and all its descendants, as the kernel counts them."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process tree: `rss_bytes` counts shared pages once a process, `pss_bytes` once in all."""

    rss_bytes: int
    pss_bytes: int


def members(root: int) -> list[int]:
    """List `root` and all its living descendants."""
    found, open_pids = [], [root]
    while open_pids:
        pid = open_pids.pop()
        found.append(pid)
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                open_pids.extend(int(child) for child in children.read_text().split())
            except OSError:  # The thread ended while we looked.
                continue
    return found


def cpu_s(root: int) -> float:
    """Sum user and system time of the tree, with the children that were reaped already."""
    return sum(_own_cpu_s(pid) + _reaped_cpu_s(pid) for pid in members(root))


def memory(root: int) -> Memory:
    """Sum the resident memory of the tree."""
    rss = pss = 0
    for pid in members(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        sizes = {line.split()[0]: int(line.split()[1]) for line in lines[1:]}
        rss += sizes["Rss:"] * 1024
        pss += sizes["Pss:"] * 1024
    return Memory(rss, pss)


def _own_cpu_s(pid: int) -> float:
    """Read the CPU clock of another process: nanoseconds, where `/proc/PID/stat` counts in ticks of 10 ms.

    The clock id is built as clock_getcpuclockid(3) does: the inverted pid, and 2 for the scheduler's clock.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _reaped_cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[13]) + int(fields[14])) / _TICKS_PER_S

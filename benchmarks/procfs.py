"""What a process has used so far, from /proc: its CPU time and the bytes it sent to the disk. Linux only."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """Counters since the start of a process, all its threads together.

    written_bytes: what it made the kernel send to the disk, counted in whole 4 KiB pages at the moment a clean page is
    first written to. None where the kernel does not count (no CONFIG_TASK_IO_ACCOUNTING, or a container hides it).
    """

    cpu_us: float
    written_bytes: int | None


def usage_of(pid: int) -> Usage:
    """Read the counters of a live process."""
    # The second field is the program's name in brackets, and a name may hold blanks and brackets.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    user_ticks, system_ticks = int(fields[11]), int(fields[12])
    return Usage((user_ticks + system_ticks) * _TICK_US, _written_bytes(pid))


def _written_bytes(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/io").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    counters = dict(line.split(": ") for line in lines)
    return int(counters["write_bytes"]) - int(counters["cancelled_write_bytes"])


def main_thread_cpu_us(pid: int) -> float:
    """Give the CPU time that a live process' first thread has used: of a server on asyncio, that of its event loop."""
    fields = Path(f"/proc/{pid}/task/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_US


def resident_bytes_of(pid: int) -> int:
    """Give how much memory a live process holds in RAM, shared libraries included."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def family_cpu_us(pid: int) -> float:
    """Give the CPU time of a live process and of its children, of those too that it has seen end."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, fields = path.parent.name, path.read_text(encoding="utf-8").rpartition(") ")[2].split()
        except OSError:
            # It ended meanwhile.
            continue
        if name == str(pid):
            total += sum(map(int, fields[11:15]))
        elif fields[1] == str(pid):
            total += int(fields[11]) + int(fields[12])
    return total * _TICK_US

"""What a Raspberry Pi node takes of its machine: memory, CPU time an hour, and bytes sent to the card in a day.

Memory and CPU time are those of the real processes (agent and supervisor) with the hardware's driver on a board that
`tests/firmware/raspberry_pi/board.c` plays: a soil probe on an ADS1115 twice (percent and volts), a pump, a lamp,
a sample a minute, a long poll. Memory is counted as PSS, in which a page that both share counts once.

Bytes are counted for two days that pass in a minute each, with the agent's own queue, sampler and sender on a clock
that is turned by hand: one on which the backend answers, one in an outage. After each minute all files are flushed, so
that no page is counted once that at home would be sent twice. Five readings a minute.
"""

import argparse
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from plant_node.backend import Backend
from plant_node.link import Link
from plant_node.telemetry import Sampler, Sender

from benchmarks.procfs import usage_of
from benchmarks.servers import scratch_folder
from tests.firmware.raspberry_pi.board import Board, build
from tests.firmware.raspberry_pi.builders import HandClock, Process, channels, open_queue
from tests.firmware.raspberry_pi.fake_backend import FakeBackend

MINUTES_A_DAY = 24 * 60
CONFIG = """
[sensors.soil]
kind = "soil_moisture"
source = "ads1115"
channel = 0
points = [[2.8, 0], [1.2, 100]]
[sensors.soil_raw]
kind = "voltage"
source = "ads1115"
channel = 0
[actuators.pump]
kind = "pump"
pin = 27
[actuators.lamp]
kind = "lamp"
pin = 22
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the processes are watched after their start, and how many minutes of each day pass."""

    settle_s: float
    watch_s: float
    minutes: int


FULL = Plan(settle_s=20, watch_s=180, minutes=MINUTES_A_DAY)
SHORT = Plan(settle_s=3, watch_s=8, minutes=60)


class SteadyProbe:
    """A driver whose sensors always show the same."""

    def read(self, _: object) -> float:
        """Measure."""
        return 41.5


def proportional_mb(pid: int) -> tuple[float, float]:
    """(PSS, RSS) of a process in MB of 10^6 bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    fields = {name: int(rest.split()[0]) * 1024 / 1e6 for name, rest in (line.split(":", 1) for line in lines)}
    return fields["Pss"], fields["Rss"]


def cpu_s(pid: int) -> float:
    """The CPU time of a process's threads, finer than in ticks: an idle node uses less than one of them in seconds."""
    stats = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text(encoding="ascii").split()[0]) for path in stats) / 1e9


def processes(plan: Plan) -> dict[str, float]:
    """Watch agent and supervisor."""
    backend = FakeBackend()
    with scratch_folder() as folder:
        board = Board(build(folder), folder / "board")
        board.apply(2.0)
        config = folder / "node.toml"
        config.write_text(CONFIG, encoding="utf-8")
        env = {"PLANT_NODE_DRIVER": "hardware", "PLANT_NODE_CONFIG": str(config), "PLANT_NODE_PIN_TRACE": "0"}
        with Process(backend, folder / "state", **env, **board.env):
            backend.wait_for(lambda: backend.polls and backend.batches, timeout_s=30)
            time.sleep(plan.settle_s)
            pids = [board.pid("agent"), board.pid("supervisor")]
            before_s = sum(map(cpu_s, pids))
            time.sleep(plan.watch_s)
            used_s = sum(map(cpu_s, pids)) - before_s
            (agent_pss, agent_rss), (supervisor_pss, supervisor_rss) = map(proportional_mb, pids)
    backend.close()
    return {
        "pss_mb": round(agent_pss + supervisor_pss, 1),
        "agent_rss_mb": round(agent_rss, 1),
        "supervisor_rss_mb": round(supervisor_rss, 1),
        "cpu_s_hour": round(used_s * 3600 / plan.watch_s, 2),
    }


def written_mb_day(plan: Plan, *, is_down: bool) -> float:
    """Let a day pass and count what is sent to the disk."""
    backend = FakeBackend()
    backend.is_down = is_down
    clock, stop = HandClock(), threading.Event()
    clock.trusted = True
    with scratch_folder() as folder:
        queue = open_queue(folder / "node.db", clock, max_readings=200_000)
        link = Link(clock, timeout_s=120)
        client = Backend(backend.url, backend.device_id, backend.secret, None, clock=clock, link=link)
        sampler = Sampler(SteadyProbe(), channels().sensors, queue, clock, stop, interval_ms=60_000)  # type: ignore[arg-type]
        sender = Sender(client, queue, clock, stop, interval_ms=60_000)

        def pass_a_minute() -> None:
            sampler.sample()
            sender.send_all()
            for path in folder.iterdir():
                descriptor = os.open(path, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)
            clock.turn(60_000)

        for _ in range(30):
            pass_a_minute()
        before = usage_of(os.getpid()).written_bytes or 0
        for _ in range(plan.minutes):
            pass_a_minute()
        written = (usage_of(os.getpid()).written_bytes or 0) - before
        queue.close()
    backend.close()
    return round(written / 1e6 * MINUTES_A_DAY / plan.minutes, 2)


def run(plan: Plan) -> dict[str, float]:
    """Run it and give the figures."""
    return {
        **processes(plan),
        "written_mb_day": written_mb_day(plan, is_down=False),
        "outage_written_mb_day": written_mb_day(plan, is_down=True),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench node", description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a few seconds, and an hour of each day times 24")
    print(json.dumps(run(SHORT if parser.parse_args().short else FULL)))


if __name__ == "__main__":
    main()

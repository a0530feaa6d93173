"""The envelope keeps its promises for every history and every request."""

from __future__ import annotations

import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from plant_node.envelope import DAY_MS, Limits, PastRun, Reason, Reservoir, Verdict, judge
from plant_node.lived import Checkpoint, LivedClock, certainly_elapsed

from tests.firmware.raspberry_pi.builders import HandClock

HOUR_MS = 3_600_000
FULL = Reservoir(80, 0)
limits_of_any_kind = st.builds(
    Limits,
    max_run_ms=st.integers(0, 120_000),
    min_off_ms=st.integers(0, 2 * HOUR_MS),
    max_day_ms=st.integers(0, 600_000),
)


def ask(limits: Limits = Limits(), past: list[PastRun] | None = None, **more: object) -> Verdict:  # noqa: B008
    asked = {"now_ms": 10 * DAY_MS, "wanted_ms": 8000, **more}
    reservoirs = asked.pop("reservoirs", [FULL])
    return judge(limits, past or [], reservoirs, **asked)  # type: ignore[arg-type]


def test_a_modest_run_is_allowed_as_it_is() -> None:
    assert ask() == Verdict(8000)


def test_a_long_run_is_cut_and_says_so() -> None:
    assert ask(wanted_ms=60_000) == Verdict(30_000, Reason.MAX_RUN)


def test_a_pause_is_kept_to_the_millisecond() -> None:
    now = 10 * DAY_MS
    assert ask(past=[PastRun(now - 59_999, 8000)]) == Verdict(0, Reason.MIN_OFF)
    assert ask(past=[PastRun(now - 60_000, 8000)]) == Verdict(8000)


def test_the_rest_of_the_day_is_given_and_then_nothing() -> None:
    now = 10 * DAY_MS
    spent = [PastRun(now - HOUR_MS, 295_000)]
    assert ask(past=spent) == Verdict(5000, Reason.MAX_DAY)
    assert ask(past=[*spent, PastRun(now - HOUR_MS // 2, 5000)]) == Verdict(0, Reason.MAX_DAY)
    assert ask(past=[PastRun(now - DAY_MS, 300_000)]) == Verdict(8000)


def test_an_empty_an_unknown_and_an_old_reservoir_block() -> None:
    """Dry-run guard "regardless of how the pump is called" (garden-of-eden #83)."""
    assert ask(reservoirs=[Reservoir(5, 0)]).reason is Reason.RESERVOIR_EMPTY
    assert ask(reservoirs=[Reservoir(None, 0)]).reason is Reason.RESERVOIR_UNKNOWN
    assert ask(reservoirs=[Reservoir(math.nan, 0)]).reason is Reason.RESERVOIR_UNKNOWN
    assert ask(reservoirs=[Reservoir(80, 300_001)]).reason is Reason.RESERVOIR_UNKNOWN
    assert ask(reservoirs=[Reservoir(140, 0)]).reason is Reason.RESERVOIR_UNKNOWN
    assert ask(reservoirs=[FULL, Reservoir(0, 0)]).reason is Reason.RESERVOIR_EMPTY
    assert ask(reservoirs=[]) == Verdict(8000)


def test_a_running_pump_is_busy_and_a_run_needs_an_end() -> None:
    assert ask(is_running=True) == Verdict(0, Reason.BUSY)
    for wanted in (None, 0, -1):
        assert ask(wanted_ms=wanted) == Verdict(0, Reason.INVALID_DURATION)


@given(
    limits_of_any_kind,
    st.lists(st.tuples(st.integers(0, 3 * HOUR_MS), st.integers(1, 200_000)), max_size=60),
)
def test_no_sequence_of_requests_breaks_any_limit(limits: Limits, requests: list[tuple[int, int]]) -> None:
    """Whatever is asked and when: runs are short, pauses are kept, and no 24 hours hold more than a day's amount."""
    now = 0
    runs: list[tuple[int, int]] = []
    for pause_ms, wanted_ms in requests:
        now += pause_ms
        past = [PastRun(start + length, length) for start, length in runs]
        verdict = judge(limits, past, [FULL], now_ms=now, wanted_ms=wanted_ms)
        assert (verdict.allowed_ms == 0) <= (verdict.reason is not None)
        if verdict.allowed_ms:
            runs.append((now, verdict.allowed_ms))
            now += verdict.allowed_ms
    for index, (start, length) in enumerate(runs):
        assert length <= limits.max_run_ms
        if index:
            assert start - sum(runs[index - 1]) >= limits.min_off_ms
        # A window is fullest when it ends with a run.
        end = start + length
        in_window = sum(
            max(0, min(end, other + lasted) - max(end - DAY_MS, other)) for other, lasted in runs[: index + 1]
        )
        assert in_window <= limits.max_day_ms


@given(limits_of_any_kind, st.integers(-1000, 200_000), st.booleans(), st.none() | st.floats(-20, 120))
def test_every_refusal_and_every_cut_has_a_reason(
    limits: Limits, wanted_ms: int, is_running: bool, level: float | None
) -> None:
    verdict = judge(limits, [], [Reservoir(level, 0)], now_ms=DAY_MS, wanted_ms=wanted_ms, is_running=is_running)
    assert verdict.allowed_ms >= 0
    assert (verdict.reason is None) == (verdict.allowed_ms == wanted_ms and verdict.allowed_ms > 0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["turn", "save", "restart", "reboot", "jump"]),
            st.integers(0, 5 * HOUR_MS),
            st.integers(0, HOUR_MS),
        ),
        max_size=40,
    )
)
def test_lived_time_never_runs_ahead_of_real_time(steps: list[tuple[str, int, int]]) -> None:
    """Through restarts, power cuts, and wall clocks that jump (1970 after failed NTP: OpenSprinkler-Firmware #396)."""
    clock = HandClock()
    real_ms = 0
    saved: Checkpoint | None = None
    lived = LivedClock(clock, saved)
    seen = lived.now()
    assert seen == 0
    for number, (step, long_ms, short_ms) in enumerate(steps):
        if step == "turn":
            clock.turn(long_ms)
            real_ms += long_ms
        elif step == "save":
            saved = Checkpoint(lived.now(), clock.boot_id, clock.speed, clock.mono)
        elif step == "restart":
            saved = saved or Checkpoint(lived.now(), clock.boot_id, clock.speed, clock.mono)
            clock.turn(short_ms)
            real_ms += short_ms
            before = lived.now()
            lived = LivedClock(clock, saved)
            assert lived.now() == before, "a restart of the process alone loses nothing"
        elif step == "reboot":
            saved = saved or Checkpoint(lived.now(), clock.boot_id, clock.speed, clock.mono)
            real_ms += long_ms + short_ms
            clock.reboot(f"boot-{number}", uptime_ms=short_ms)
            lived = LivedClock(clock, saved)
            assert lived.now() >= saved.lived_ms
            saved = Checkpoint(lived.now(), clock.boot_id, clock.speed, clock.mono)
        else:
            clock.wall = long_ms * 1_000_000
        assert lived.now() <= real_ms
        if step != "reboot":
            assert lived.now() >= seen
        seen = lived.now()


def test_a_changed_speed_passes_no_time() -> None:
    last = Checkpoint(5000, "boot-1", 1440.0, 900_000_000)
    assert certainly_elapsed(last, boot_id="boot-1", speed=1.0, mono_ms=700_000) == 0
    assert certainly_elapsed(last, boot_id="boot-2", speed=1.0, mono_ms=7000) == 7000


def test_the_envelope_knows_no_clock_and_no_disk() -> None:
    """It is pure: nothing that could jump or fail is within its reach."""
    import plant_node.envelope

    text = Path(plant_node.envelope.__file__).read_text(encoding="utf-8")
    imported = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported == {"__future__", "math", "collections.abc", "dataclasses", "enum"}

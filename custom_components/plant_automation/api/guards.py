"""When the guards of the backend let a pump run again, as far as that can be told from its history."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from .garden import Plant, Run
from .models import Actuator

CAP_WINDOW = timedelta(hours=24)


def next_dose_at(plant: Plant, pump: Actuator) -> datetime | None:
    """Give when the next dose may begin: in the past means now. None: it never ran, or no dose fits in the daily cap.

    The cooldown, the node's pause and the daily cap, as the backend counts them. What is not a matter of time (an empty
    reservoir, a probe in doubt, a block) it cannot tell.
    """
    last = plant.last_run(pump.key)
    dose_ms = plant.profile.dose_ms(pump)
    if last is None or dose_ms is None:
        return None
    pause = timedelta(milliseconds=pump.limits.min_off_ms or 0)
    ready_at = max(last.at + timedelta(seconds=plant.profile.cooldown_s), last.ended_at + pause)
    cap_ms = min(plant.profile.daily_cap_ms, pump.limits.max_day_ms or plant.profile.daily_cap_ms)
    if dose_ms > cap_ms:
        return None
    # The cap lets go of a run a day after its end: the first such moment at which a dose fits.
    runs = {run.at: run for run in (last, *plant.runs.get(pump.key, {}).values())}.values()
    moments = (ready_at, *sorted(moment for run in runs if (moment := run.ended_at + CAP_WINDOW) > ready_at))
    return next(at for at in moments if _used_ms(runs, at) + dose_ms <= cap_ms)


def _used_ms(runs: Iterable[Run], at: datetime) -> int:
    return sum(run.ms for run in runs if run.ended_at > at - CAP_WINDOW)

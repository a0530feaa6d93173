"""What the rules do about faults: 100 seeded weeks of each, as the table of docs/safety.md.

    python -m benchmarks.safety [--weeks 100] [--write]

Nothing is measured on the machine: the same seeds give the same figures everywhere. `--write` puts the table into
docs/safety.md. It takes some minutes.
"""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

from tests.backend.weeks.faults import PROMISES, Fault
from tests.backend.weeks.week import PROFILE, Week, live

DOCUMENT = Path(__file__).parent.parent / "docs" / "safety.md"
BEGIN, END = "<!-- figures: benchmarks/safety.py -->\n", "<!-- end of figures -->\n"
HEAD = (
    "| fault | doses after it began: median, worst | ml after it: median, worst | hours to the last dose: median, worst"
    " | most run time in 24 h | highest soil | weeks locked out | weeks too dry | last word |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


def weeks_of(fault: Fault, count: int) -> list[Week]:
    """Live through so many weeks with a fault."""
    return [live(seed, fault) for seed in range(count)]


def row(weeks: Sequence[Week]) -> str:
    """Give a line of the table."""
    fault = weeks[0].fault
    is_healthy = fault is Fault.NONE
    doses = [week.doses if is_healthy else week.doses_after for week in weeks]
    ml = [sum(ml for _, _, ml in week.water) if is_healthy else week.ml_after for week in weeks]
    hours = [week.hours_to_last for week in weeks if week.doses_after]
    word, times = Counter(week.stopped_by for week in weeks).most_common(1)[0]
    is_survivable = PROMISES[fault].is_survivable
    cells = [
        fault.value,
        f"{median(doses):g}, {max(doses)}",
        f"{median(ml):.0f}, {max(ml):.0f}",
        f"{median(hours):.1f}, {max(hours):.0f}" if hours else "–",
        f"{max(week.most_day_asked_ms for week in weeks) / 1000:g} s of {PROFILE.daily_cap_ms / 1000:g} s",
        f"{max(week.highest for week in weeks):.0f} %",
        str(sum(bool(week.lock_outs) for week in weeks)),
        str(sum(week.dry_hours > 6 for week in weeks)) if is_survivable else "–",
        f"{word} ({times})",
    ]
    return f"| {' | '.join(cells)} |\n"


def table(count: int) -> str:
    """Give the whole table."""
    with ProcessPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) // 2)) as pool:
        return HEAD + "".join(row(weeks) for weeks in pool.map(partial(weeks_of, count=count), Fault))


def main() -> None:
    """Print the table, and write it where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=100)
    parser.add_argument("--write", action="store_true", help="put the table into docs/safety.md")
    options = parser.parse_args()
    figures = table(options.weeks)
    print(figures, end="")
    if options.write:
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        DOCUMENT.write_text(f"{before}{BEGIN}{figures}{END}{after}")


if __name__ == "__main__":
    main()

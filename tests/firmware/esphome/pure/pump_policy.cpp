#include "pump_policy.h"
#include <vector>
#include "check.h"

using namespace esphome::plant_node;

struct Run {
  uint64_t began_ms, ended_ms;
};

// Weeks of requests at random times, with reboots that set lived time back: in no 24 hours does the pump run for longer
// than it may, no run is longer than it may be, and no pause is shorter.
static void no_24_hours_hold_too_much() {
  for (int garden = 0; garden < 60; garden++) {
    Limits limits;
    limits.max_run_ms = 1000 * (1 + pick(60));
    limits.min_off_ms = 1000 * pick(3 * 3600);
    limits.max_day_ms = 1000 * (1 + pick(600));
    PastRuns past;
    std::vector<Run> runs;
    uint64_t now_ms = 0, behind_ms = 0;
    uint32_t saved_s = 0;
    for (int i = 0; i < 2000; i++) {
      now_ms += pick(4) != 0 ? pick(600'000) : pick(4 * 3600 * 1000);
      if (pick(200) == 0)
        behind_ms = now_ms - saved_s * 1000ULL;  // A reboot: lived time goes on from where it was written down.
      const uint64_t lived_ms = now_ms - behind_ms;
      const Verdict verdict = judge(limits, past, Reason::NONE, lived_ms, 1 + pick(120'000), false);
      if (verdict.allowed_ms == 0) {
        CHECK(verdict.reason == Reason::MIN_OFF || verdict.reason == Reason::MAX_DAY);
        continue;
      }
      CHECK(verdict.allowed_ms <= limits.max_run_ms);
      if (!runs.empty())
        CHECK(now_ms - runs.back().ended_ms >= limits.min_off_ms);
      const uint64_t ended_ms = now_ms + verdict.allowed_ms;
      runs.push_back({now_ms, ended_ms});
      now_ms = ended_ms;
      saved_s = static_cast<uint32_t>((ended_ms - behind_ms + 999) / 1000);
      past.add(saved_s, verdict.allowed_ms);
      uint64_t in_a_day = 0;
      for (size_t j = runs.size(); j-- != 0 && runs[j].ended_ms + DAY_S * 1000ULL > ended_ms;) {
        const uint64_t from = ended_ms - DAY_S * 1000ULL < ended_ms ? ended_ms - DAY_S * 1000ULL : 0;
        in_a_day += runs[j].ended_ms - (runs[j].began_ms > from ? runs[j].began_ms : from);
      }
      CHECK(in_a_day <= limits.max_day_ms);
    }
    CHECK(runs.size() > 3);
  }
}

// What ended 28 hours ago never holds a run back, and nine spans are always enough.
static void nothing_counts_for_ever() {
  PastRuns past;
  uint32_t now_s = 0;
  for (int i = 0; i < 20000; i++) {
    now_s += pick(3 * 3600);
    past.add(now_s, 1000);
    CHECK(past.size < PastRuns::MOST);
    CHECK(past.spent_ms(now_s + DAY_S) == 0);
    CHECK(past.spent_ms(now_s + DAY_S - 1) >= 1000);
  }
  for (int i = 0; i < 1000; i++)
    past.add(now_s += 60, 1000);
  CHECK(past.spent_ms(now_s) <= 29 * 3600 / 60 * 1000);
}

static void words() {
  const Limits limits{10'000, 60'000, 15'000};
  PastRuns past;
  CHECK(judge(limits, past, Reason::NONE, 0, 5000, true).reason == Reason::BUSY);
  CHECK(judge(limits, past, Reason::NONE, 0, 0, false).reason == Reason::INVALID_DURATION);
  CHECK(judge(limits, past, Reason::RESERVOIR_EMPTY, 0, 5000, false).reason == Reason::RESERVOIR_EMPTY);
  Verdict verdict = judge(limits, past, Reason::NONE, 0, 60'000, false);
  CHECK(verdict.allowed_ms == 10'000 && verdict.reason == Reason::MAX_RUN);
  past.add(10, 10'000);
  CHECK(judge(limits, past, Reason::NONE, 69'999, 1000, false).reason == Reason::MIN_OFF);
  // Lived time is behind after a reboot: the pause is whole.
  CHECK(judge(limits, past, Reason::NONE, 5'000, 1000, false).reason == Reason::MIN_OFF);
  verdict = judge(limits, past, Reason::NONE, 70'000, 60'000, false);
  CHECK(verdict.allowed_ms == 5'000 && verdict.reason == Reason::MAX_DAY);
  past.add(80, 5'000);
  CHECK(judge(limits, past, Reason::NONE, 200'000, 1000, false).reason == Reason::MAX_DAY);
  CHECK(judge(limits, past, Reason::NONE, (80ULL + DAY_S) * 1000, 1000, false).allowed_ms == 1000);
  CHECK(judge({0, 0, 1000}, PastRuns{}, Reason::NONE, 0, 1000, false).reason == Reason::MAX_RUN);
  for (int i = 0; i <= static_cast<int>(Reason::UPDATE); i++)
    CHECK((reason_name(static_cast<Reason>(i))[0] == '\0') == (i == 0));
}

static void reservoirs() {
  CHECK((Reservoir{50, 0, 5, 300'000}.refusal() == Reason::NONE));
  CHECK((Reservoir{5, 0, 5, 300'000}.refusal() == Reason::RESERVOIR_EMPTY));
  for (float level : {NAN, INFINITY, -0.1f, 100.1f})
    CHECK((Reservoir{level, 0, 5, 300'000}.refusal() == Reason::RESERVOIR_UNKNOWN));
  CHECK((Reservoir{50, 300'001, 5, 300'000}.refusal() == Reason::RESERVOIR_UNKNOWN));
  // A sensor that died as long ago as a clock of 32 bits takes to come round.
  CHECK((Reservoir{50, (1ULL << 32) + 10, 5, 300'000}.refusal() == Reason::RESERVOIR_UNKNOWN));
}

int main() {
  no_24_hours_hold_too_much();
  nothing_counts_for_ever();
  words();
  reservoirs();
}

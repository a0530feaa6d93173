#pragma once
// The safety envelope of a pump: what may run now, and for how long. The words are those of the protocol.
//
// Its time is lived time: the seconds that this node has been on since its ledger was new. It never runs ahead of real
// time, so no reboot cuts a pause short.
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace esphome::plant_node {

static constexpr uint32_t DAY_S = 24 * 60 * 60;

/// Why a run was refused, cut short or ended.
enum class Reason : uint8_t {
  NONE,
  MAX_RUN,
  MAX_DAY,
  MIN_OFF,
  RESERVOIR_EMPTY,
  RESERVOIR_UNKNOWN,
  UNKNOWN_ACTUATOR,
  BUSY,
  INVALID_COMMAND,
  INVALID_DURATION,
  LEDGER_UNWRITABLE,
  OFF,
  REPLACED,
  LINK_LOST,
  SHUTDOWN,
  REBOOT,
  UPDATE,
  STALLED,
};

inline const char *reason_name(Reason reason) {
  static const char *const NAMES[] = {"",
                                      "max_run",
                                      "max_day",
                                      "min_off",
                                      "reservoir_empty",
                                      "reservoir_unknown",
                                      "unknown_actuator",
                                      "busy",
                                      "invalid_command",
                                      "invalid_duration",
                                      "ledger_unwritable",
                                      "off",
                                      "replaced",
                                      "link_lost",
                                      "shutdown",
                                      "reboot",
                                      "update",
                                      "stalled"};
  const size_t at = static_cast<size_t>(reason);
  return at < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[at] : "";
}

/// What the owner allows a pump to do.
struct Limits {
  uint32_t max_run_ms{30000};
  uint32_t min_off_ms{60000};
  uint32_t max_day_ms{300000};
};

/// The last word of a reservoir's sensor.
struct Reservoir {
  float level_percent;
  /// On a clock that never wraps: a sensor that died 49 days ago must not look young.
  uint64_t age_ms;
  float empty_at_percent;
  uint32_t stale_after_ms;

  Reason refusal() const {
    // A level outside the scale is a sensor that lies: it knows nothing.
    if (!std::isfinite(level_percent) || level_percent < 0 || level_percent > 100 || age_ms > stale_after_ms)
      return Reason::RESERVOIR_UNKNOWN;
    return level_percent <= empty_at_percent ? Reason::RESERVOIR_EMPTY : Reason::NONE;
  }
};

/// Runs that still count. Those that began within four hours of each other are kept as one, which ends with the last
/// of them: so a day fits into nine, and a run may count for up to 28 hours instead of 24, never for fewer.
struct PastRuns {
  static constexpr uint32_t SPAN_S = 4 * 60 * 60;
  static constexpr size_t MOST = 9;

  struct Span {
    uint32_t ended_s;
    uint32_t counted_ms;
  };

  uint32_t newest_began_s{0};
  uint32_t size{0};
  std::array<Span, MOST> spans{};

  /// Counts a run that ended now.
  void add(uint32_t ended_s, uint32_t counted_ms) {
    forget(ended_s);
    if (size != 0 && (ended_s - newest_began_s < SPAN_S || size == MOST)) {
      Span &newest = spans[size - 1];
      newest.ended_s = ended_s;
      newest.counted_ms = counted_ms > UINT32_MAX - newest.counted_ms ? UINT32_MAX : newest.counted_ms + counted_ms;
      return;
    }
    newest_began_s = ended_s;
    spans[size++] = Span{ended_s, counted_ms};
  }

  /// Drops what ended more than 24 hours ago.
  void forget(uint32_t now_s) {
    size_t old = 0;
    // Ends are rounded up, and so may be a second early here.
    while (old < size && now_s > spans[old].ended_s && now_s - spans[old].ended_s > DAY_S)
      old++;
    for (size_t i = old; i < size; i++)
      spans[i - old] = spans[i];
    size -= static_cast<uint32_t>(old);
  }

  uint64_t spent_ms(uint32_t now_s) const {
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++) {
      // A run counts whole until its end has left the window: by then no 24 hours hold both it and a new run.
      if (now_s < spans[i].ended_s || now_s - spans[i].ended_s < DAY_S)
        sum += spans[i].counted_ms;
    }
    return sum;
  }

  /// How long ago the last run ended; never more than it is.
  uint64_t off_ms(uint64_t now_ms) const {
    const uint64_t ended_ms = size == 0 ? 0 : static_cast<uint64_t>(spans[size - 1].ended_s) * 1000;
    return size == 0 ? UINT64_MAX : now_ms > ended_ms ? now_ms - ended_ms : 0;
  }
};

/// How long the pump may run. Zero is a refusal; a reason beside a run names the limit that cut it.
struct Verdict {
  uint32_t allowed_ms;
  Reason reason;
};

/// Decides on one request to run the pump, whoever asks. `reservoirs` is the first refusal of any reservoir.
inline Verdict judge(const Limits &limits, const PastRuns &past, Reason reservoirs, uint64_t now_ms, uint64_t wanted_ms,
                     bool is_running) {
  if (is_running)
    return {0, Reason::BUSY};
  if (wanted_ms == 0)
    return {0, Reason::INVALID_DURATION};
  if (reservoirs != Reason::NONE)
    return {0, reservoirs};
  if (past.off_ms(now_ms) < limits.min_off_ms)
    return {0, Reason::MIN_OFF};
  const uint64_t spent_ms = past.spent_ms(static_cast<uint32_t>(now_ms / 1000));
  if (spent_ms >= limits.max_day_ms)
    return {0, Reason::MAX_DAY};
  if (limits.max_run_ms == 0)
    return {0, Reason::MAX_RUN};
  const uint64_t left_ms = limits.max_day_ms - spent_ms;
  uint64_t allowed_ms = wanted_ms;
  Reason cut = Reason::NONE;
  if (allowed_ms > left_ms) {
    allowed_ms = left_ms;
    cut = Reason::MAX_DAY;
  }
  if (allowed_ms > limits.max_run_ms || (allowed_ms == limits.max_run_ms && cut != Reason::NONE)) {
    allowed_ms = limits.max_run_ms;
    cut = Reason::MAX_RUN;
  }
  return {static_cast<uint32_t>(allowed_ms), cut};
}

}  // namespace esphome::plant_node

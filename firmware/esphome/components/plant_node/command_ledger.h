#pragma once
// Which commands this node knows, what became of them, and which outcomes the backend has not confirmed.
//
// The ledger lives in memory. What must survive a reboot is in the record of each actuator, written before its pin moves
// and when its run is over, never otherwise: flash wears out.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pump_policy.h"

namespace esphome::plant_node {

enum class Status : uint8_t { NONE, ACCEPTED, SUCCEEDED, FAILED, REJECTED, EXPIRED, INTERRUPTED, DUPLICATE };

inline const char *status_name(Status status) {
  static const char *const NAMES[] = {"",         "accepted", "succeeded",   "failed",
                                      "rejected", "expired",  "interrupted", "duplicate"};
  const size_t at = static_cast<size_t>(status);
  return at < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[at] : "";
}

static constexpr uint32_t RAN_UNKNOWN = UINT32_MAX;
static constexpr uint32_t MAX_SEQ = UINT32_MAX - 1;
static constexpr uint64_t MAX_ID = (1ULL << 53) - 1;

struct Outcome {
  Status status{Status::NONE};
  Reason reason{Reason::NONE};
  uint32_t ran_ms{0};
};

/// An order from the backend. `id` 0: nobody's, somebody pressed a button.
struct Command {
  static constexpr size_t MAX_NAME = 33;
  static constexpr uint32_t NO_DURATION = UINT32_MAX;
  enum class Action : uint8_t { INVALID, ON, OFF };

  uint64_t id{0};
  uint32_t seq{0};
  uint32_t duration_ms{NO_DURATION};
  /// What was left of its life at `told_ms`.
  uint32_t ttl_ms{0};
  uint32_t told_ms{0};
  Action action{Action::INVALID};
  char actuator[MAX_NAME]{};

  bool is_over(uint32_t now_ms) const { return now_ms - told_ms >= ttl_ms; }
};

/// What an actuator's flash holds: its last command, and for a pump its past runs.
struct ActuatorRecord {
  static constexpr uint8_t LAYOUT = 1;

  /// Whose commands these are: a hash of the device's id.
  uint32_t device{0};
  /// The last `seq` that this node knew when it wrote.
  uint32_t last_seq{0};
  /// Lived time when it was written, rounded up.
  uint32_t lived_s{0};
  /// How long the open run may take; it is counted in full if nobody writes down how it ended.
  uint32_t planned_ms{0};
  uint64_t command_id{0};
  uint32_t command_seq{0};
  uint32_t ran_ms{0};
  Status status{Status::NONE};
  Reason reason{Reason::NONE};
  uint8_t is_open{0};
  uint8_t layout{LAYOUT};
  PastRuns past;

  /// A run begins: to be written before the pin moves.
  void begin(const Command &command, uint32_t planned, uint32_t newest_seq, uint32_t now_s) {
    command_id = command.id;
    command_seq = command.seq;
    last_seq = newest_seq;
    lived_s = now_s;
    planned_ms = planned;
    ran_ms = RAN_UNKNOWN;
    status = Status::ACCEPTED;
    reason = Reason::NONE;
    is_open = 1;
  }

  /// The run is over. `counts`: only what pumps water counts.
  void end(const Outcome &outcome, uint32_t newest_seq, uint32_t now_s, bool counts) {
    if (is_open != 0 && counts)
      past.add(now_s, outcome.ran_ms == RAN_UNKNOWN ? planned_ms : outcome.ran_ms);
    is_open = 0;
    last_seq = newest_seq;
    lived_s = now_s;
    // A lamp that stays on was settled when it went on.
    if (status == Status::ACCEPTED) {
      status = outcome.status;
      reason = outcome.reason;
      ran_ms = outcome.ran_ms;
    }
  }

  /// After a reboot: a run that nobody ended counts in full, and ends now, since nobody knows when it did. True when there
  /// was one.
  bool recover(uint32_t now_s, bool counts) {
    if (is_open == 0)
      return false;
    end(Outcome{Status::INTERRUPTED, Reason::REBOOT, RAN_UNKNOWN}, last_seq, now_s, counts);
    return true;
  }

  /// Another device counts its `seq` from the start; what the pump ran still counts.
  void belong_to(uint32_t device_hash) {
    if (device == device_hash)
      return;
    device = device_hash;
    last_seq = command_seq = 0;
    command_id = 0;
    status = Status::NONE;
  }
};

class CommandLedger {
 public:
  static constexpr size_t CAPACITY = 24;
  /// The backend sends at most so many at once.
  static constexpr size_t AT_ONCE = 8;
  static constexpr size_t MAX_ACKS = 8;

  struct Entry {
    uint64_t id{0};
    uint32_t seq{0};
    Outcome outcome;
    /// The last status that the backend has confirmed.
    Status told{Status::NONE};

    bool is_news() const { return seq != 0 && told != outcome.status; }
  };

  uint32_t last_seq() const { return last_seq_; }

  /// Takes over what a record says after a reboot: told again, since nobody knows whether it arrived.
  void restore(const ActuatorRecord &record) {
    if (record.last_seq > last_seq_)
      last_seq_ = record.last_seq;
    if (record.command_id != 0 && record.status != Status::NONE)
      set(record.command_id, record.command_seq, Outcome{record.status, record.reason, record.ran_ms});
  }

  /// Whether the outcomes of a whole answer fit. While they do not, nobody asks for commands.
  bool has_room() const {
    size_t waiting = 0;
    for (const Entry &entry : entries_)
      waiting += entry.is_news() || entry.outcome.status == Status::ACCEPTED;
    return waiting + AT_ONCE <= CAPACITY;
  }

  bool is_known(uint32_t seq) const { return seq <= last_seq_; }

  /// Writes down a command or its outcome.
  void set(uint64_t id, uint32_t seq, const Outcome &outcome) {
    if (seq > last_seq_)
      last_seq_ = seq;
    Entry *entry = find_(seq);
    if (entry == nullptr) {
      entry = &free_();
      *entry = Entry{id, seq, {}, Status::NONE};
    }
    entry->outcome = outcome;
  }

  /// How a run ended. An outcome that is settled stays: it may have been told already.
  void finish(uint32_t seq, const Outcome &outcome) {
    Entry *entry = find_(seq);
    if (entry != nullptr && entry->outcome.status == Status::ACCEPTED)
      entry->outcome = outcome;
  }

  /// A command that came before: its outcome is told again, and never does it run again.
  void came_again(uint64_t id, uint32_t seq) {
    Entry *entry = find_(seq);
    if (entry != nullptr)
      entry->told = Status::NONE;
    else
      set(id, seq, Outcome{Status::DUPLICATE, Reason::NONE, 0});
  }

  /// The outcomes to tell next, the oldest first. Gives how many.
  size_t news(std::array<const Entry *, MAX_ACKS> &out) const {
    size_t found = 0;
    uint32_t after = 0;
    while (found < MAX_ACKS) {
      const Entry *next = nullptr;
      for (const Entry &entry : entries_) {
        if (entry.is_news() && entry.seq > after && (next == nullptr || entry.seq < next->seq))
          next = &entry;
      }
      if (next == nullptr)
        break;
      out[found++] = next;
      after = next->seq;
    }
    return found;
  }

  /// The backend has this one now, or will never take it.
  void told(uint32_t seq, Status status) {
    Entry *entry = find_(seq);
    if (entry != nullptr && entry->outcome.status == status)
      entry->told = status;
  }

  bool has_news() const {
    for (const Entry &entry : entries_) {
      if (entry.is_news())
        return true;
    }
    return false;
  }

 protected:
  Entry *find_(uint32_t seq) {
    for (Entry &entry : entries_) {
      if (entry.seq == seq && seq != 0)
        return &entry;
    }
    return nullptr;
  }

  /// The oldest one that the backend knows all about; else the oldest.
  Entry &free_() {
    Entry *oldest_told = nullptr, *oldest = &entries_[0];
    for (Entry &entry : entries_) {
      if (entry.seq == 0)
        return entry;
      if (entry.seq < oldest->seq)
        oldest = &entry;
      const bool is_told = !entry.is_news() && entry.outcome.status != Status::ACCEPTED;
      if (is_told && (oldest_told == nullptr || entry.seq < oldest_told->seq))
        oldest_told = &entry;
    }
    return oldest_told != nullptr ? *oldest_told : *oldest;
  }

  std::array<Entry, CAPACITY> entries_{};
  uint32_t last_seq_{0};
};

}  // namespace esphome::plant_node

#pragma once
// The protocol's documents: what the node writes, and what it understands of the answers. Pure.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "command_ledger.h"
#include "json_reader.h"
#include "json_writer.h"

namespace esphome::plant_node {

/// Copies a text that must fit whole. False where it does not.
template<size_t N> bool copy_whole(char (&to)[N], const char *from) {
  const size_t size = strlen(from);
  if (size >= N)
    return false;
  memcpy(to, from, size + 1);
  return true;
}

/// One ack; a `ran_ms` that nobody knows is left out.
inline void write_ack(JsonWriter &out, const CommandLedger::Entry &entry) {
  const Outcome &outcome = entry.outcome;
  out.raw("{\"id\":").count(entry.id).raw(",\"seq\":").count(entry.seq);
  out.raw(",\"status\":").string(status_name(outcome.status));
  if (outcome.status != Status::ACCEPTED && outcome.status != Status::DUPLICATE && outcome.ran_ms != RAN_UNKNOWN)
    out.raw(",\"ran_ms\":").count(outcome.ran_ms);
  if (outcome.reason != Reason::NONE)
    out.raw(",\"reason\":").string(reason_name(outcome.reason));
  out.raw("}");
}

/// What a sign-in gives. The tokens live in memory only.
struct Tokens : public JsonHandler {
  static constexpr uint64_t MAX_EXPIRES_S = 31ULL * 24 * 60 * 60;

  char access[513]{};
  char refresh[129]{};
  uint32_t expires_s{0};
  bool is_too_long{false};

  bool are_whole() const { return access[0] != '\0' && refresh[0] != '\0' && expires_s != 0 && !is_too_long; }

  void on_value(uint8_t depth, const char *key, JsonType type, const char *text) override {
    if (depth != 1)
      return;
    if (type == JsonType::STRING && strcmp(key, "access_token") == 0)
      is_too_long |= !is_printable_(text) || !copy_whole(access, text);
    else if (type == JsonType::STRING && strcmp(key, "refresh_token") == 0)
      is_too_long |= !is_printable_(text) || !copy_whole(refresh, text);
    uint64_t value;
    if (type == JsonType::NUMBER && strcmp(key, "expires_in") == 0 && parse_count(text, MAX_EXPIRES_S, value))
      expires_s = static_cast<uint32_t>(value);
  }

 protected:
  /// A token goes into a header: nothing in it may end one.
  static bool is_printable_(const char *text) {
    for (; *text != '\0'; text++) {
      if (*text <= ' ' || *text > '~')
        return false;
    }
    return true;
  }
};

/// Who wants to know what the backend knows of the pumps.
class PumpUses {
 public:
  virtual void on_pump_use(const char *channel, uint32_t used_ms) = 0;
};

/// The answer to a sign-in with the secret: tokens, and what each pump may have run in the last 24 hours.
struct SignedIn : public Tokens {
  explicit SignedIn(PumpUses &uses) : uses_(uses) {}

  void on_array_start(uint8_t depth, const char *key) override {
    is_inside_ |= depth == 1 && strcmp(key, "pumps") == 0;
  }
  void on_array_end(uint8_t depth) override {
    if (depth == 1)
      is_inside_ = false;
  }
  void on_object_start(uint8_t depth, const char *) override {
    if (depth != 2)
      return;
    channel_[0] = '\0';
    has_used_ = false;
  }
  void on_value(uint8_t depth, const char *key, JsonType type, const char *text) override {
    Tokens::on_value(depth, key, type, text);
    if (depth != 3 || !is_inside_)
      return;
    uint64_t value;
    if (strcmp(key, "key") == 0 && type == JsonType::STRING && !copy_whole(channel_, text))
      channel_[0] = '\0';
    if (strcmp(key, "used_ms") == 0 && type == JsonType::NUMBER && parse_count(text, UINT32_MAX, value)) {
      used_ms_ = static_cast<uint32_t>(value);
      has_used_ = true;
    }
  }
  void on_object_end(uint8_t depth) override {
    if (depth == 2 && is_inside_ && has_used_ && channel_[0] != '\0')
      uses_.on_pump_use(channel_, used_ms_);
  }

 protected:
  PumpUses &uses_;
  char channel_[Command::MAX_NAME]{};
  uint32_t used_ms_{0};
  bool is_inside_{false};
  bool has_used_{false};
};

/// The `code` and `detail` of a problem document.
struct Problem : public JsonHandler {
  char code[40]{};
  char detail[120]{};

  void on_value(uint8_t depth, const char *key, JsonType type, const char *text) override {
    if (depth != 1 || type != JsonType::STRING)
      return;
    if (strcmp(key, "code") == 0)
      copy_(code, text);
    else if (strcmp(key, "detail") == 0)
      copy_(detail, text);
  }

 protected:
  template<size_t N> static void copy_(char (&to)[N], const char *from) {
    const size_t size = strlen(from) < N - 1 ? strlen(from) : N - 1;
    memcpy(to, from, size);
    to[size] = '\0';
  }
};

/// Tells whether a document is an object: a captive portal answers everything with a page.
struct AnyObject : public JsonHandler {
  bool is_object{false};
  void on_value(uint8_t, const char *, JsonType, const char *) override {}
  void on_object_start(uint8_t depth, const char *) override { is_object |= depth == 0; }
};

/// Tells whether an answer to acks says what became of them: who answers everything with 200 has recorded nothing.
struct AckResults : public JsonHandler {
  bool is_list{false};
  void on_value(uint8_t, const char *, JsonType, const char *) override {}
  void on_array_start(uint8_t depth, const char *key) override { is_list |= depth == 1 && strcmp(key, "results") == 0; }
};

/// The commands of an answer, in the order of `seq`.
struct Commands : public JsonHandler {
  std::array<Command, CommandLedger::AT_ONCE> items;
  size_t size{0};
  bool is_list{false};
  /// Entries that cannot even be answered, and those beyond what the protocol allows.
  size_t ignored{0};
  /// How long the backend held the question before it looked at the clock.
  uint32_t held_ms{0};

  /// When each `ttl_ms` was true, at the latest that is certain. Nobody knows how long the answer was on its way: all the
  /// time since the question counts as that, but what the backend held it.
  uint32_t told_ms(uint32_t asked_ms, uint32_t now_ms) const {
    const uint32_t passed_ms = now_ms - asked_ms;
    return asked_ms + (held_ms < passed_ms ? held_ms : passed_ms);
  }

  void on_array_start(uint8_t depth, const char *key) override {
    if (depth == 1 && strcmp(key, "commands") == 0)
      is_list = is_inside_ = true;
  }
  void on_array_end(uint8_t depth) override {
    if (depth == 1)
      is_inside_ = false;
  }
  void on_object_start(uint8_t depth, const char *) override {
    if (depth != 2 || !is_inside_)
      return;
    now_ = Command{};
    has_ = 0;
  }
  void on_value(uint8_t depth, const char *key, JsonType type, const char *text) override {
    uint64_t value = 0;
    const bool is_count = type == JsonType::NUMBER && parse_count(text, MAX_ID, value);
    if (depth == 1 && is_count && strcmp(key, "held_ms") == 0)
      held_ms = clamp_(value);
    if (depth != 3 || !is_inside_)
      return;
    if (strcmp(key, "id") == 0 && is_count && value != 0) {
      now_.id = value;
      has_ |= HAS_ID;
    } else if (strcmp(key, "seq") == 0 && is_count && value != 0 && value <= MAX_SEQ) {
      now_.seq = static_cast<uint32_t>(value);
      has_ |= HAS_SEQ;
    } else if (strcmp(key, "ttl_ms") == 0 && is_count) {
      now_.ttl_ms = clamp_(value);
      has_ |= HAS_TTL;
    } else if (strcmp(key, "duration_ms") == 0) {
      if (is_count)
        now_.duration_ms = clamp_(value);
      else if (type != JsonType::NULL_VALUE)
        has_ |= HAS_WRONG;
    } else if (strcmp(key, "actuator") == 0 && type == JsonType::STRING) {
      // A name that does not fit is none of ours.
      if (copy_whole(now_.actuator, text))
        has_ |= HAS_ACTUATOR;
      else
        has_ |= HAS_WRONG;
    } else if (strcmp(key, "action") == 0 && type == JsonType::STRING) {
      now_.action = strcmp(text, "on") == 0    ? Command::Action::ON
                    : strcmp(text, "off") == 0 ? Command::Action::OFF
                                               : Command::Action::INVALID;
    }
  }
  void on_object_end(uint8_t depth) override {
    if (depth != 2 || !is_inside_)
      return;
    if ((has_ & (HAS_ID | HAS_SEQ)) != (HAS_ID | HAS_SEQ) || size == items.size()) {
      ignored++;
      return;
    }
    // An off is carried out whatever else it says.
    if (now_.action == Command::Action::ON && ((has_ & HAS_WRONG) != 0 || (has_ & HAS_TTL) == 0 || (has_ & HAS_ACTUATOR) == 0))
      now_.action = Command::Action::INVALID;
    size_t at = size++;
    for (; at != 0 && items[at - 1].seq > now_.seq; at--)
      items[at] = items[at - 1];
    items[at] = now_;
  }

 protected:
  static constexpr uint8_t HAS_ID = 1, HAS_SEQ = 2, HAS_TTL = 4, HAS_ACTUATOR = 8, HAS_WRONG = 16;
  static uint32_t clamp_(uint64_t value) {
    return value < Command::NO_DURATION ? static_cast<uint32_t>(value) : Command::NO_DURATION - 1;
  }

  Command now_;
  uint8_t has_{0};
  bool is_inside_{false};
};

}  // namespace esphome::plant_node

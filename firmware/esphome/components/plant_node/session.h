#pragma once
// Signing in: the tokens, when they are renewed, and how long a refused node waits.
#include <cstdint>

#include "backoff.h"
#include "wire.h"

namespace esphome::plant_node {

/// When something may be tried again.
class Pace {
 public:
  Pace(uint32_t first_ms, uint32_t most_ms) : backoff_(first_ms, most_ms) {}
  /// Whoever is in a hurry waits for `most_ms` only, or for what the backend asked for.
  bool may_go(uint32_t now_ms, uint32_t most_ms = UINT32_MAX) {
    const uint32_t limit_ms = most_ms > asked_ms_ ? most_ms : asked_ms_;
    if (waits_ && now_ms - since_ms_ >= (pause_ms_ < limit_ms ? pause_ms_ : limit_ms))
      waits_ = false;
    return !waits_;
  }
  void failed(uint32_t now_ms, uint32_t random, uint32_t retry_after_ms = 0) {
    this->wait(now_ms, backoff_.failed(random, retry_after_ms));
    asked_ms_ = retry_after_ms;
  }
  void wait(uint32_t now_ms, uint32_t pause_ms) {
    since_ms_ = now_ms;
    pause_ms_ = pause_ms;
    asked_ms_ = 0;
    waits_ = true;
  }
  void succeeded() {
    backoff_.succeeded();
    waits_ = false;
  }

 protected:
  Backoff backoff_;
  uint32_t since_ms_{0};
  uint32_t pause_ms_{0};
  uint32_t asked_ms_{0};
  bool waits_{false};
};

/// Tokens live here and nowhere else: never in flash, never in the log.
class Session {
 public:
  bool is_signed_in(uint32_t now_ms) const { return tokens_.access[0] != '\0' && now_ms - got_ms_ < renew_after_ms_; }
  const char *access() const { return tokens_.access; }
  const char *refresh() const { return tokens_.refresh; }
  bool can_refresh() const { return tokens_.refresh[0] != '\0'; }
  /// Counts sign-ins, so that the refusal of an old token does not end a new one.
  uint32_t generation() const { return generation_; }

  void keep(const Tokens &tokens, uint32_t now_ms) {
    tokens_ = tokens;
    got_ms_ = now_ms;
    // Before it ends, and not at once again when it is good for a moment only.
    renew_after_ms_ = tokens.expires_s * 800 < 1000 ? 1000 : tokens.expires_s * 800;
    generation_++;
    is_proven_ = false;
  }
  /// A token was refused. True where it was new: asking for another at once would not help.
  bool refused(uint32_t generation) {
    if (generation != generation_ || tokens_.access[0] == '\0')
      return false;
    tokens_.access[0] = '\0';
    return !is_proven_;
  }
  void proven(uint32_t generation) { is_proven_ |= generation == generation_; }
  void forget_refresh() { tokens_.refresh[0] = '\0'; }

 protected:
  Tokens tokens_;
  uint32_t got_ms_{0};
  uint32_t renew_after_ms_{0};
  uint32_t generation_{0};
  bool is_proven_{false};
};

}  // namespace esphome::plant_node

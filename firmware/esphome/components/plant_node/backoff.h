#pragma once
// Growing pauses with jitter, so that a garden of nodes does not come back in step.
#include <cstdint>

namespace esphome::plant_node {

class Backoff {
 public:
  Backoff(uint32_t first_ms, uint32_t most_ms) : first_ms_(first_ms), most_ms_(most_ms) {}

  /// One more failure: how long to wait, never less than the backend asked for. `random` is any 32 random bits.
  uint32_t failed(uint32_t random, uint32_t retry_after_ms = 0) {
    uint64_t pause_ms = static_cast<uint64_t>(first_ms_) << (failures_ < 20 ? failures_ : 20);
    if (pause_ms > most_ms_)
      pause_ms = most_ms_;
    if (failures_ < 255)
      failures_++;
    pause_ms -= pause_ms / 2 * (random & 0xFFFF) / 0x10000;
    const uint64_t asked_ms = retry_after_ms + static_cast<uint64_t>(retry_after_ms) / 10 * (random >> 16) / 0x10000;
    const uint64_t wait_ms = pause_ms > asked_ms ? pause_ms : asked_ms;
    return wait_ms > UINT32_MAX / 4 ? UINT32_MAX / 4 : static_cast<uint32_t>(wait_ms);
  }
  void succeeded() { failures_ = 0; }

 protected:
  uint32_t first_ms_;
  uint32_t most_ms_;
  uint8_t failures_{0};
};

}  // namespace esphome::plant_node

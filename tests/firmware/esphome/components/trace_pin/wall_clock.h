#pragma once
#include <atomic>
#include <cstdint>

namespace esphome::trace_pin {

/// By how much this program's wall clock is wrong: as if somebody, or a time service, had set it.
extern std::atomic<int64_t> wall_step_s;

}  // namespace esphome::trace_pin

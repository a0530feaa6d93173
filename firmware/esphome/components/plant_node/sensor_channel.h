#pragma once
// A sensor of this node's, under the name by which the backend knows it.
#include <cmath>
#include <cstdint>

#include "esphome/core/defines.h"
#include "esphome/components/sensor/sensor.h"
#ifdef USE_BINARY_SENSOR
#include "esphome/components/binary_sensor/binary_sensor.h"
#endif
#include "pump_policy.h"

namespace esphome::plant_node {

struct SensorChannel {
  const char *key{nullptr};
  const char *kind{nullptr};
  const char *unit{nullptr};
  bool guards_pumps{false};
  float empty_at_percent{0};
  uint32_t stale_after_ms{0};
#ifdef USE_BINARY_SENSOR
  /// A float: on means that there is water. It has a state at every moment, so it is never stale.
  binary_sensor::BinarySensor *contact{nullptr};
#endif
  float value{NAN};
  uint64_t measured_ms{0};

  Reservoir reservoir(uint64_t now_ms) const {
#ifdef USE_BINARY_SENSOR
    if (contact != nullptr)
      return {!contact->has_state() ? NAN : contact->state ? 100.0f : 0.0f, 0, empty_at_percent, stale_after_ms};
#endif
    return {value, now_ms - measured_ms, empty_at_percent, stale_after_ms};
  }
};

}  // namespace esphome::plant_node

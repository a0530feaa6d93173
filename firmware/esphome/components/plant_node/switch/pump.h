#pragma once
#include "esphome/components/plant_node/actuator.h"
#include "esphome/components/plant_node/run_guard.h"

namespace esphome::plant_node {

/// A pump on a pin of the chip itself, inside its envelope.
class Pump final : public Actuator {
 public:
  Pump(PlantNode *node, const char *channel, GuardedPin *pin) : Actuator(node, channel), pin_(pin) {}

  /// The longest that a pump runs while the main loop stands still: as long as nobody looks at the reservoir, or hears an
  /// `off`.
  static constexpr uint32_t UNWATCHED_MS = 10000;

  void set_limits(uint32_t max_run_ms, uint32_t min_off_ms, uint32_t max_day_ms) {
    limits_ = Limits{max_run_ms, min_off_ms, max_day_ms};
  }
  void set_flow(uint32_t ml_per_min) { flow_ml_per_min_ = ml_per_min; }
  /// How long it runs when a button or Home Assistant asks.
  void set_manual_run(uint32_t ms) { manual_run_ms_ = ms; }

  const char *kind() const override { return "pump"; }
  void write_limits(JsonWriter &out) const override;
  void dump_config() override;

 protected:
  void setup_output_() override;
  void drive_(bool is_on) override { pin_->digital_write(is_on); }
  bool counts_() const override { return true; }
  Verdict judge_(const Command &command) override;
  Reason objection_() override;
  bool has_ended_(uint32_t &at_ms) override;
  bool arm_(uint32_t planned_ms) override;
  void watched_(uint32_t left_ms) override;
  void disarm_() override { guard_.disarm(); }

  GuardedPin *pin_;
  RunGuard guard_;
  Limits limits_;
  uint32_t flow_ml_per_min_{0};
  uint32_t manual_run_ms_{10000};
  uint32_t watched_ms_{0};
  bool is_guarded_{false};
};

}  // namespace esphome::plant_node

#pragma once
// What pumps and lamps have in common: one run at a time, written down before the pin moves.
#include "esphome/components/switch/switch.h"
#include "esphome/core/component.h"
#include "esphome/core/preferences.h"

#include "command_ledger.h"
#include "json_writer.h"

namespace esphome::plant_node {

class PlantNode;

class Actuator : public switch_::Switch, public Component {
 public:
  Actuator(PlantNode *node, const char *channel) : node_(node), channel_(channel) {}

  const char *channel() const { return channel_; }
  virtual const char *kind() const = 0;
  virtual void write_limits(JsonWriter &out) const {}
  bool is_running() const { return is_running_; }
  bool is_pumping() const { return is_running_ && this->counts_(); }

  void setup() override;
  void loop() override;
  void on_shutdown() override { this->stop(Reason::SHUTDOWN); }
  float get_setup_priority() const override { return setup_priority::HARDWARE; }

  /// Reads what this node knew before it started. Gives whether there was anything of this device's.
  bool load(uint32_t device_hash);
  uint32_t lived_s() const { return record_.lived_s; }
  uint32_t last_seq() const { return record_.last_seq; }
  /// Ends in the record what a reboot ended on the pin, and hands it to the ledger.
  void recover();

  /// What the backend knows that a pump has run.
  void set_used(uint32_t ms) { used_ms_ = ms; }
  /// Without a record of its own it has run as much as the backend knows of, or all that it may, up to now.
  void assume_past();

  /// Writes a record down, once in its life: from then on a missing one is a lost one. What this node was told before is
  /// known from then on, too.
  void begin_record();

  /// Runs a command, or somebody's wish, if the envelope lets it. Writes the outcome into the ledger.
  void start(const Command &command);
  /// Ends a run at any time.
  void stop(Reason reason);

 protected:
  /// Puts the output into a state: off before anything else, at any time and from any state.
  virtual void drive_(bool is_on) = 0;
  virtual void setup_output_() = 0;
  virtual bool counts_() const { return false; }
  /// How long the output may be on, and which limit cut it. Zero is a refusal.
  virtual Verdict judge_(const Command &command) = 0;
  /// Why a run may not go on.
  virtual Reason objection_() { return Reason::NONE; }
  /// Has a timer ended the run by itself? Then when.
  virtual bool has_ended_(uint32_t &at_ms) { return false; }
  virtual bool arm_(uint32_t planned_ms) { return true; }
  /// The loop has looked after a run that has so much left.
  virtual void watched_(uint32_t left_ms) {}
  virtual void disarm_() {}

  void write_state(bool is_on) override;
  bool save_();
  void end_by_timer_(uint32_t off_at_ms);
  void finish_(Status status, Reason reason, uint32_t off_at_ms);

  PlantNode *node_;
  const char *channel_;
  ESPPreferenceObject preference_;
  ActuatorRecord record_;
  Command command_;
  Reason cut_{Reason::NONE};
  uint32_t used_ms_{UINT32_MAX};
  uint32_t planned_ms_{0};
  uint32_t started_ms_{0};
  bool is_running_{false};
  bool lacks_past_{false};
};

}  // namespace esphome::plant_node

#include "pump.h"

#include <cinttypes>

#include "esphome/components/plant_node/plant_node.h"
#include "esphome/core/log.h"

namespace esphome::plant_node {

static const char *const TAG = "plant_node";

void Pump::setup_output_() {
  // Off before it is an output, and after.
  pin_->digital_write(false);
  pin_->setup();
  pin_->digital_write(false);
  is_guarded_ = guard_.setup(pin_);
  if (!is_guarded_)
    ESP_LOGE(TAG, "%s: there is no timer that would end a run, so none begins", this->channel_);
}

void Pump::write_limits(JsonWriter &out) const {
  out.raw(",\"limits\":{\"max_run_ms\":").count(limits_.max_run_ms).raw(",\"min_off_ms\":").count(limits_.min_off_ms);
  out.raw(",\"max_day_ms\":").count(limits_.max_day_ms);
  if (flow_ml_per_min_ != 0)
    out.raw(",\"flow_ml_per_min\":").count(flow_ml_per_min_);
  out.raw("}");
}

Verdict Pump::judge_(const Command &command) {
  if (this->node_->is_updating())
    return {0, Reason::UPDATE};
  // A refused sign-in is an answer too, but nobody has told of the day yet.
  if (this->lacks_past_)
    return {0, Reason::MAX_DAY};
  const uint64_t wanted_ms = command.id == 0                                     ? manual_run_ms_
                             : command.duration_ms == Command::NO_DURATION ? 0
                                                                           : command.duration_ms;
  return judge(limits_, this->record_.past, this->node_->reservoirs_refuse(), this->node_->lived_ms(), wanted_ms,
               this->is_running_);
}

bool Pump::arm_(uint32_t planned_ms) {
  watched_ms_ = millis();
  return is_guarded_ && guard_.arm(planned_ms < UNWATCHED_MS ? planned_ms : UNWATCHED_MS);
}

void Pump::watched_(uint32_t left_ms) {
  const uint32_t now_ms = millis();
  if (now_ms - watched_ms_ < 1000)
    return;
  watched_ms_ = now_ms;
  guard_.extend(left_ms < UNWATCHED_MS ? left_ms : UNWATCHED_MS);
}

Reason Pump::objection_() { return this->node_->reservoirs_refuse(); }

bool Pump::has_ended_(uint32_t &at_ms) {
  if (!guard_.has_fired())
    return false;
  at_ms = guard_.fired_at_ms();
  return true;
}

void Pump::dump_config() {
  LOG_SWITCH("", "Plant pump", this);
  ESP_LOGCONFIG(TAG,
                "  Channel: %s\n"
                "  Longest run: %" PRIu32 " ms\n"
                "  Pause: %" PRIu32 " ms\n"
                "  A day: %" PRIu32 " ms",
                this->channel_, limits_.max_run_ms, limits_.min_off_ms, limits_.max_day_ms);
  LOG_PIN("  Pin: ", pin_);
}

}  // namespace esphome::plant_node

#include "actuator.h"

#include <cinttypes>

#include "esphome/core/hal.h"
#include "esphome/core/helpers.h"
#include "esphome/core/log.h"
#include "plant_node.h"

namespace esphome::plant_node {

static const char *const TAG = "plant_node";

/// Clocks tick in milliseconds, and not all at the same moment.
static constexpr uint32_t TIMER_EARLY_MS = 20;

void Actuator::setup() {
  this->setup_output_();
  this->publish_state(false);
}

bool Actuator::load(uint32_t device_hash) {
  preference_ = global_preferences->make_preference<ActuatorRecord>(
      fnv1a_hash_extend(fnv1a_hash("plant_node.1."), channel_), true);
  ActuatorRecord found;
  const bool is_known = preference_.load(&found) && found.layout == ActuatorRecord::LAYOUT &&
                        found.past.size <= PastRuns::MOST;
  // What another device's commands moved says nothing of this one's.
  const bool is_ours = is_known && found.device == device_hash;
  if (is_known)
    record_ = found;
  lacks_past_ = !is_known;
  record_.belong_to(device_hash);
  return is_ours;
}

void Actuator::recover() {
  if (record_.recover(node_->lived_s(), this->counts_())) {
    ESP_LOGW(TAG, "%s: was on when this node went down; that counts as %" PRIu32 " ms", channel_, record_.planned_ms);
    this->save_();
  }
  node_->ledger().restore(record_);
}

void Actuator::assume_past() {
  if (!lacks_past_)
    return;
  lacks_past_ = false;
  if (!this->counts_())
    return;
  record_.past.add(node_->lived_s(), used_ms_);
  ESP_LOGW(TAG, "%s: no ledger of its own; as if it had run until now, for %" PRIu32 " ms in the last day", channel_, used_ms_);
}

void Actuator::begin_record() {
  record_.last_seq = node_->ledger().last_seq();
  this->save_();
}

bool Actuator::save_() { return preference_.save(&record_) && global_preferences->sync(); }

void Actuator::start(const Command &command) {
  const bool is_command = command.id != 0;
  Verdict verdict = this->judge_(command);
  Status refusal = Status::REJECTED;
  const bool is_endless = verdict.allowed_ms == Command::NO_DURATION;
  if (verdict.allowed_ms != 0) {
    if (is_command)
      node_->ledger().set(command.id, command.seq, Outcome{Status::ACCEPTED, Reason::NONE, 0});
    if (is_running_)
      this->stop(Reason::REPLACED);
    const ActuatorRecord before = record_;
    record_.begin(command, is_endless ? 0 : verdict.allowed_ms, node_->ledger().last_seq(), node_->lived_s());
    if (is_endless) {
      // Nothing more will come of it that the backend could wait for.
      record_.status = Status::SUCCEEDED;
      record_.ran_ms = 0;
    }
    const bool is_written = this->save_();
    // Before the timer's, which must not end what has not begun.
    started_ms_ = millis();
    // The flash may have taken its time.
    const bool is_late = is_command && command.is_over(started_ms_);
    if (!is_written || is_late || !this->arm_(verdict.allowed_ms)) {
      // Nothing moves that is not written down, or that nothing would end.
      record_ = before;
      this->save_();
      const bool is_expired = is_written && is_late;
      verdict = {0, is_expired ? Reason::NONE : Reason::LEDGER_UNWRITABLE};
      refusal = is_expired ? Status::EXPIRED : Status::REJECTED;
    }
  }
  if (verdict.allowed_ms == 0) {
    ESP_LOGW(TAG, "%s: not run, %s (seq %" PRIu32 ")", channel_,
             verdict.reason == Reason::NONE ? status_name(refusal) : reason_name(verdict.reason), command.seq);
    if (is_command)
      node_->ledger().set(command.id, command.seq, Outcome{refusal, verdict.reason, 0});
    node_->say_reason(channel_, refusal, verdict.reason);
    return;
  }
  command_ = command;
  cut_ = verdict.reason;
  planned_ms_ = is_endless ? 0 : verdict.allowed_ms;
  is_running_ = true;
  this->drive_(true);
  // A timer of a millisecond may have written the pin off before it went on, and will not do so again.
  uint32_t ended_ms;
  if (this->has_ended_(ended_ms))
    this->drive_(false);
  this->publish_state(true);
  if (is_endless && is_command)
    node_->ledger().finish(command.seq, Outcome{Status::SUCCEEDED, Reason::NONE, 0});
  ESP_LOGI(TAG, "%s: on for %" PRIu32 " ms (seq %" PRIu32 "%s%s)", channel_, planned_ms_, command.seq,
           cut_ != Reason::NONE ? ", cut by " : "", reason_name(cut_));
}

void Actuator::stop(Reason reason) {
  // First the pin, then the paper.
  this->drive_(false);
  if (!is_running_)
    return;
  uint32_t at_ms = millis();
  if (this->has_ended_(at_ms))
    this->end_by_timer_(at_ms);
  else
    this->finish_(Status::INTERRUPTED, reason, at_ms);
}

void Actuator::loop() {
  if (!is_running_)
    return;
  uint32_t now_ms = millis();
  if (this->has_ended_(now_ms) || (planned_ms_ != 0 && now_ms - started_ms_ >= planned_ms_)) {
    this->drive_(false);
    this->end_by_timer_(now_ms);
    return;
  }
  Reason objection = this->objection_();
  if (objection == Reason::NONE && !node_->is_linked())
    objection = Reason::LINK_LOST;
  if (objection != Reason::NONE)
    this->stop(objection);
  else if (planned_ms_ != 0)
    this->watched_(planned_ms_ - (now_ms - started_ms_));
}

/// A timer that did not wait for the end of a run ended it because nobody looked after it: no reservoir, no `off`.
void Actuator::end_by_timer_(uint32_t off_at_ms) {
  const bool is_whole = off_at_ms - started_ms_ + TIMER_EARLY_MS >= planned_ms_;
  if (!is_whole)
    ESP_LOGE(TAG, "%s: the loop stood still in mid-run", channel_);
  this->finish_(is_whole ? Status::SUCCEEDED : Status::INTERRUPTED, is_whole ? cut_ : Reason::STALLED, off_at_ms);
}

void Actuator::finish_(Status status, Reason reason, uint32_t off_at_ms) {
  this->disarm_();
  is_running_ = false;
  const Outcome outcome{status, reason, off_at_ms - started_ms_};
  if (command_.id != 0)
    node_->ledger().finish(command_.seq, outcome);
  record_.end(outcome, node_->ledger().last_seq(), node_->lived_s(), this->counts_());
  if (!this->save_())
    ESP_LOGE(TAG, "%s: off, but the run's end cannot be written down: after a reboot it counts in full", channel_);
  this->publish_state(false);
  ESP_LOGI(TAG, "%s: off after %" PRIu32 " ms (%s%s%s, seq %" PRIu32 ")", channel_, outcome.ran_ms, status_name(status),
           reason != Reason::NONE ? ", " : "", reason_name(reason), command_.seq);
  node_->say_reason(channel_, status, reason);
}

void Actuator::write_state(bool is_on) {
  if (!is_on) {
    this->stop(Reason::OFF);
    // What listens to the switch may have asked for the next run by now.
    this->publish_state(is_running_);
    return;
  }
  // A button has no link to tell it when it is too much: without one it does not run.
  if (node_->is_linked())
    this->start(node_->wish());
  else
    node_->say_reason(channel_, Status::REJECTED, Reason::LINK_LOST);
  this->publish_state(is_running_);
}

}  // namespace esphome::plant_node

// Fetching commands, and carrying them out.
#include <cinttypes>

#include "esphome/core/application.h"
#include "esphome/core/log.h"
#include "plant_node.h"

namespace esphome::plant_node {

static const char *const TAG = "plant_node";

static constexpr uint32_t LONGEST_WAIT_MS = 25000;
static constexpr uint32_t ANSWER_WITHIN_MS = 10000;
/// An empty answer that came at once was cut short by another poll, or the backend does not hold polls.
static constexpr uint32_t PAUSE_MS = 500;

void PlantNode::next_poll_(uint32_t now_ms) {
  if (!poll_->is_idle() || !session_.is_signed_in(now_ms) || !ledger_.has_room())
    return;
  if (!poll_pace_.may_go(now_ms, this->longest_pause_ms_()))
    return;
  // Who cannot wait for an answer without holding up the loop asks again and again.
  if (poll_->is_blocking() && !may_have_more_) {
    const uint32_t longest_ms = this->longest_pause_ms_();
    if (now_ms - polled_ms_ < (poll_interval_ms_ < longest_ms ? poll_interval_ms_ : longest_ms))
      return;
  }
  // An idle backend still has to answer twice within the link's timeout.
  uint32_t wait_ms = link_timeout_ms_ / 2 < LONGEST_WAIT_MS ? link_timeout_ms_ / 2 : LONGEST_WAIT_MS;
  if (poll_->is_blocking() || (has_no_ledger_ && !has_polled_))
    wait_ms = 0;
  snprintf(poll_path_, sizeof(poll_path_), "/commands?wait=%" PRIu32 "&after=%" PRIu32, wait_ms / 1000, ledger_.last_seq());
  asked_ms_ = now_ms;
  poll_generation_ = session_.generation();
  poll_->start({"GET", poll_path_, session_.access(), nullptr, wait_ms + ANSWER_WITHIN_MS});
}

void PlantNode::take_poll_answer_(uint32_t now_ms) {
  Commands commands;
  Problem problem;
  const int status = poll_->has_answer() ? poll_->status() : 0;
  Answered answered = this->judge_(*poll_, commands, problem);
  if (this->is_unauthorized_(status, poll_generation_, now_ms)) {
    // Asked again when it has signed in.
  } else if (answered != Answered::RIGHT || (status == 200 && !commands.is_list)) {
    this->trouble_("commands", !poll_->has_answer()      ? poll_->failure()
                               : answered == Answered::RIGHT ? "its answer holds no commands"
                                                             : "it gives no commands");
    poll_pace_.failed(now_ms, random_uint32(), status != 0 ? poll_->retry_after_ms() : 0);
  } else {
    session_.proven(poll_generation_);
    if (commands.ignored != 0)
      ESP_LOGE(TAG, "%u commands without id or seq are ignored", static_cast<unsigned>(commands.ignored));
    bool has_news = false;
    const uint32_t told_ms = commands.told_ms(asked_ms_, millis());
    for (size_t i = 0; i < commands.size; i++) {
      commands.items[i].told_ms = told_ms;
      has_news |= this->carry_out_(commands.items[i]);
    }
    if (has_news || status == 204)
      poll_pace_.succeeded();
    else
      poll_pace_.failed(now_ms, random_uint32());
    may_have_more_ = has_news;
    if (!poll_->is_blocking() && status == 204 && now_ms - asked_ms_ < 1000)
      poll_pace_.wait(now_ms, PAUSE_MS);
    has_news_of_sent_ = true;
    // A full answer may have left more behind.
    const bool is_all = commands.size + commands.ignored < CommandLedger::AT_ONCE;
    has_polled_ |= is_all || !has_no_ledger_;
    if (has_no_ledger_ && is_all) {
      has_no_ledger_ = false;
      for (Actuator *actuator : actuators_)
        actuator->begin_record();
    }
  }
  // From its end: a slow answer leaves time for other requests, too.
  polled_ms_ = now_ms;
  poll_->release();
}

/// False where the command is known: asking again at once would bring it again.
bool PlantNode::carry_out_(const Command &command) {
  if (ledger_.is_known(command.seq) || (has_no_ledger_ && !has_polled_)) {
    ESP_LOGI(TAG, "seq %" PRIu32 " came again, or from before the ledger: acknowledged and not run", command.seq);
    ledger_.came_again(command.id, command.seq);
    return false;
  }
  Actuator *actuator = this->actuator_(command.actuator);
  Outcome outcome{Status::REJECTED, Reason::NONE, 0};
  if (command.action == Command::Action::OFF && actuator != nullptr) {
    outcome.status = Status::SUCCEEDED;
  } else if (command.action == Command::Action::INVALID) {
    outcome.reason = Reason::INVALID_COMMAND;
  } else if (command.action == Command::Action::ON && command.is_over(millis())) {
    outcome.status = Status::EXPIRED;
  } else if (actuator == nullptr) {
    outcome.reason = Reason::UNKNOWN_ACTUATOR;
  } else {
    actuator->start(command);
    return true;
  }
  ledger_.set(command.id, command.seq, outcome);
  if (outcome.status == Status::SUCCEEDED)
    actuator->stop(Reason::OFF);
  else
    ESP_LOGW(TAG, "%s: not run, %s %s (seq %" PRIu32 ")", command.actuator, status_name(outcome.status),
             reason_name(outcome.reason), command.seq);
  return true;
}

}  // namespace esphome::plant_node

// How the node talks to the backend: what it asks next, and what it makes of the answers.
#include <cinttypes>

#include "esphome/core/application.h"
#include "esphome/core/log.h"
#include "plant_node.h"

namespace esphome::plant_node {

static const char *const TAG = "plant_node";

static constexpr uint32_t ANSWER_WITHIN_MS = 10000;

/// The backend's answer, or something else's: a captive portal answers everything with a page, a proxy without its backend
/// with a 404. Only a problem with a code is the backend's refusal.
PlantNode::Answered PlantNode::judge_(HttpExchange &exchange, JsonHandler &handler, Problem &problem) {
  if (!exchange.has_answer())
    return Answered::TROUBLE;
  const int status = exchange.status();
  const bool is_right = status == 200 || status == 202 || status == 204;
  const bool is_refused = status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
  if (!is_right && !is_refused)
    return Answered::TROUBLE;
  if (status != 204) {
    const char *body = exchange.body();
    const bool is_object = exchange.body_size() != 0 && body[0] == '{';
    JsonHandler &hears = is_right ? handler : problem;
    const bool is_read = is_object && JsonReader::read(exchange.body(), exchange.body_size(), hears);
    if (is_right ? !is_read : problem.code[0] == '\0')
      return Answered::TROUBLE;
  }
  answered_ms_ = millis();
  has_answered_ = true;
  if (trouble_why_ != nullptr) {
    trouble_why_ = nullptr;
    ESP_LOGI(TAG, "the backend answers again");
  }
  return is_right ? Answered::RIGHT : Answered::REFUSED;
}

/// Said once, and again when the trouble changes.
void PlantNode::trouble_(const char *what, const char *why) {
  if (trouble_why_ != nullptr && strcmp(why, trouble_why_) == 0)
    return;
  trouble_why_ = why;
  ESP_LOGW(TAG, "%s: the backend does not answer: %s; readings are kept, trying again", what, why);
}

static const char *why(const HttpExchange &exchange) {
  if (!exchange.has_answer())
    return exchange.failure();
  const int status = exchange.status();
  return status >= 500                                       ? "it is not well, or busy"
         : status == 408 || status == 425 || status == 429 ? "it wants less of us"
                                                            : "something that is not the backend answers";
}

void PlantNode::begin_(Task task, const char *path, bool with_token, uint32_t now_ms) {
  task_ = task;
  api_generation_ = session_.generation();
  api_->start({"POST", path, with_token ? session_.access() : nullptr, this, ANSWER_WITHIN_MS});
}

void PlantNode::next_task_(uint32_t now_ms) {
  if (!api_->is_idle())
    return;
  if (!session_.is_signed_in(now_ms)) {
    if (!sign_in_pace_.may_go(now_ms, this->longest_pause_ms_()) || !refused_pace_.may_go(now_ms))
      return;
    if (session_.can_refresh())
      this->begin_(Task::REFRESH, "/auth/device/refresh", false, now_ms);
    else
      this->begin_(Task::SIGN_IN, "/auth/device", false, now_ms);
    return;
  }
  if (ledger_.has_news() && ack_pace_.may_go(now_ms)) {
    this->begin_(Task::ACKS, "/commands/ack", true, now_ms);
    return;
  }
  // A node without a ledger first hears what it may have done before.
  if ((has_no_ledger_ && !has_polled_) || !telemetry_pace_.may_go(now_ms))
    return;
  const bool is_due = now_ms - sent_ms_ >= send_interval_ms_ || readings_.has_full_batch() || readings_.count() != 0;
  if (is_due && readings_.open())
    this->begin_(Task::TELEMETRY, "/telemetry", true, now_ms);
}

void PlantNode::write_body(JsonWriter &out) {
  switch (task_) {
    case Task::SIGN_IN:
      out.raw("{\"device_id\":").string(device_id_).raw(",\"secret\":").string(secret_).raw(",\"manifest\":");
      this->write_manifest_(out);
      out.raw("}");
      break;
    case Task::REFRESH:
      out.raw("{\"refresh_token\":").string(session_.refresh()).raw("}");
      break;
    case Task::ACKS:
      this->write_acks_(out);
      break;
    case Task::TELEMETRY:
      this->write_readings_(out);
      break;
    default:
      break;
  }
}

void PlantNode::write_manifest_(JsonWriter &out) {
  out.raw("{\"firmware\":\"plant-node-esphome\",\"version\":").string(version_).raw(",\"sensors\":[");
  for (size_t i = 0; i < sensors_.size(); i++) {
    const SensorChannel &channel = sensors_[i];
    out.raw(i != 0 ? ",{\"key\":" : "{\"key\":").string(channel.key).raw(",\"kind\":").string(channel.kind);
    out.raw(",\"unit\":").string(channel.unit).raw("}");
  }
  out.raw("],\"actuators\":[");
  for (size_t i = 0; i < actuators_.size(); i++) {
    out.raw(i != 0 ? ",{\"key\":" : "{\"key\":").string(actuators_[i]->channel());
    out.raw(",\"kind\":").string(actuators_[i]->kind());
    actuators_[i]->write_limits(out);
    out.raw("}");
  }
  out.raw("]}");
}

void PlantNode::write_acks_(JsonWriter &out) {
  std::array<const CommandLedger::Entry *, CommandLedger::MAX_ACKS> news;
  ack_count_ = ledger_.news(news);
  if (ack_count_ > ack_limit_)
    ack_count_ = ack_limit_;
  out.raw("{\"acks\":[");
  for (size_t i = 0; i < ack_count_; i++) {
    if (i != 0)
      out.raw(",");
    write_ack(out, *news[i]);
    acks_[i] = {news[i]->seq, news[i]->outcome.status};
  }
  out.raw("]}");
}

void PlantNode::write_readings_(JsonWriter &out) {
  const uint32_t now_ms = millis();
  char id[40];
  snprintf(id, sizeof(id), "%s-%08" PRIx32, boot_id_, readings_.number());
  out.raw("{\"batch_id\":").string(id).raw(",\"boot_id\":").string(boot_id_).raw(",\"readings\":[");
  for (size_t i = 0; i < readings_.count(); i++) {
    const Reading &reading = readings_.at(i);
    out.raw(i != 0 ? ",{\"sensor\":" : "{\"sensor\":").string(sensors_[reading.channel].key);
    out.raw(",\"value\":").number(reading.value).raw(",\"age_ms\":").count(now_ms - reading.at_ms).raw("}");
  }
  out.raw("]}");
}

void PlantNode::take_api_answer_(uint32_t now_ms) {
  switch (task_) {
    case Task::SIGN_IN:
    case Task::REFRESH:
      this->signed_in_(now_ms);
      break;
    case Task::ACKS:
      this->acked_(now_ms);
      break;
    case Task::TELEMETRY:
      this->sent_(now_ms);
      break;
    default:
      break;
  }
  task_ = Task::NONE;
  api_->release();
}

void PlantNode::on_pump_use(const char *channel, uint32_t used_ms) {
  Actuator *actuator = this->actuator_(channel);
  if (actuator != nullptr)
    actuator->set_used(used_ms);
}

void PlantNode::signed_in_(uint32_t now_ms) {
  SignedIn tokens(*this);
  Problem problem;
  const bool is_200 = api_->has_answer() && api_->status() == 200;
  const Answered answered = this->judge_(*api_, tokens, problem);
  if (answered == Answered::RIGHT && tokens.are_whole()) {
    session_.keep(tokens, now_ms);
    sign_in_pace_.succeeded();
    refused_pace_.succeeded();
    if (task_ == Task::SIGN_IN) {
      ESP_LOGI(TAG, "signed in as %s", device_id_);
      for (Actuator *actuator : actuators_)
        actuator->assume_past();
    }
    return;
  }
  if (answered != Answered::REFUSED) {
    this->trouble_("sign-in", is_200 ? "its answer holds no token" : why(*api_));
    sign_in_pace_.failed(now_ms, random_uint32(), api_->has_answer() ? api_->retry_after_ms() : 0);
    return;
  }
  if (task_ == Task::REFRESH) {
    // A spent, revoked or forgotten refresh token: the secret still counts.
    session_.forget_refresh();
    return;
  }
  if (api_->status() == 401)
    ESP_LOGE(TAG, "the backend refuses this device: are device_id and device_secret right?");
  else
    ESP_LOGE(TAG, "the backend refuses this node's manifest: HTTP %d %s: %s", api_->status(), problem.code, problem.detail);
  // A person mends this, which takes longer than an outage.
  refused_pace_.failed(now_ms, random_uint32(), api_->retry_after_ms());
}

/// A token that was refused is given up. One that was new, with a pause.
bool PlantNode::is_unauthorized_(int status, uint32_t generation, uint32_t now_ms) {
  if (status != 401)
    return false;
  if (session_.refused(generation))
    sign_in_pace_.failed(now_ms, random_uint32());
  return true;
}

void PlantNode::acked_(uint32_t now_ms) {
  Problem problem;
  AckResults results;
  const Answered answered = this->judge_(*api_, results, problem);
  const int status = api_->has_answer() ? api_->status() : 0;
  if (this->is_unauthorized_(status, api_generation_, now_ms))
    return;
  if (answered == Answered::TROUBLE || (answered == Answered::RIGHT && !results.is_list)) {
    this->trouble_("acks", why(*api_));
    ack_pace_.failed(now_ms, random_uint32(), status != 0 ? api_->retry_after_ms() : 0);
    return;
  }
  session_.proven(api_generation_);
  const bool is_known = strcmp(problem.code, "ack_conflict") == 0 || strcmp(problem.code, "command_not_found") == 0;
  if (answered == Answered::REFUSED && !is_known && ack_count_ > 1) {
    // One of them is wrong: each by itself.
    ack_limit_ = 1;
    return;
  }
  if (answered == Answered::REFUSED)
    ESP_LOGE(TAG, "acks: the backend knows otherwise: HTTP %d %s: %s", status, problem.code, problem.detail);
  for (size_t i = 0; i < ack_count_; i++)
    ledger_.told(acks_[i].seq, acks_[i].status);
  ack_limit_ = CommandLedger::MAX_ACKS;
  ack_pace_.succeeded();
  has_news_of_sent_ = true;
}

void PlantNode::sent_(uint32_t now_ms) {
  Problem problem;
  AnyObject any;
  const Answered answered = this->judge_(*api_, any, problem);
  const int status = api_->has_answer() ? api_->status() : 0;
  if (this->is_unauthorized_(status, api_generation_, now_ms))
    return;
  // Only the backend's own verdict makes a batch go: a proxy also answers 400.
  const bool is_verdict = status == 400 || status == 409 || status == 422;
  if (answered == Answered::RIGHT && status == 202) {
    readings_.done();
  } else if (answered == Answered::REFUSED && is_verdict) {
    ESP_LOGE(TAG, "dropped %u readings, batch %s-%08" PRIx32 ": HTTP %d %s: %s", static_cast<unsigned>(readings_.count()),
             boot_id_, readings_.number(), status, problem.code, problem.detail);
    readings_.done();
  } else if (status == 413 && readings_.split()) {
    ESP_LOGD(TAG, "a batch is too large for what stands before the backend: sent in halves");
  } else {
    this->trouble_("telemetry", why(*api_));
    telemetry_pace_.failed(now_ms, random_uint32(), status != 0 ? api_->retry_after_ms() : 0);
    return;
  }
  session_.proven(api_generation_);
  telemetry_pace_.succeeded();
  sent_ms_ = now_ms;
  has_news_of_sent_ = true;
}

}  // namespace esphome::plant_node

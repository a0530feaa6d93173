#include "plant_node.h"

#include <cinttypes>

#include "esphome/components/network/util.h"
#include "esphome/core/application.h"
#include "esphome/core/log.h"

namespace esphome::plant_node {

static const char *const TAG = "plant_node";

static constexpr uint32_t REPORT_EVERY_MS = 60000;
/// How soon an `off` is asked for while a pump runs. With TLS each question is a handshake, which holds up the loop.
static constexpr uint32_t IN_RUN_MS = 2000;
/// How often a contact, which tells of changes only, is written down.
static constexpr uint32_t CONTACTS_EVERY_MS = 60000;

void PlantNode::setup() {
  began_ms_ = millis_64();
  // The first batch waits too, until all sensors have spoken.
  sent_ms_ = millis();
  const uint32_t device = fnv1a_hash(device_id_);
  uint32_t lived_s = 0;
  for (Actuator *actuator : actuators_) {
    has_no_ledger_ |= !actuator->load(device);
    if (actuator->lived_s() > lived_s)
      lived_s = actuator->lived_s();
  }
  lived_before_ms_ = static_cast<uint64_t>(lived_s) * 1000;
  for (Actuator *actuator : actuators_)
    actuator->recover();
#ifdef USE_OTA_STATE_LISTENER
  ota::get_global_ota_callback()->add_global_state_listener(this);
#endif
}

/// Not at the start: before its radio is on, a chip's random numbers may be the same as at the last one, and a batch that
/// has the id of an earlier one would be refused for good.
void PlantNode::draw_boot_id_() {
  snprintf(boot_id_, sizeof(boot_id_), "%08" PRIx32 "%08" PRIx32, random_uint32(), random_uint32());
  ESP_LOGI(TAG, "boot %s, last command seq %" PRIu32, boot_id_, ledger_.last_seq());
}

void PlantNode::add_sensor(sensor::Sensor *sensor, sensor::Sensor *sent_from, const char *key, const char *kind,
                           const char *unit) {
  SensorChannel channel;
  channel.key = key;
  channel.kind = kind;
  channel.unit = unit;
  const uint8_t at = static_cast<uint8_t>(sensors_.size());
  sensors_.push_back(channel);
  // A reservoir that says it is no number is unknown.
  sensor->add_on_state_callback([this, at](float value) {
    sensors_[at].value = value;
    sensors_[at].measured_ms = millis_64();
  });
  sent_from->add_on_state_callback([this, at](float value) {
    // What is no number is not sent.
    if (std::isfinite(value))
      readings_.add(at, value, millis());
  });
}

#ifdef USE_BINARY_SENSOR
void PlantNode::add_contact(binary_sensor::BinarySensor *contact, const char *key, const char *kind) {
  SensorChannel channel;
  channel.key = key;
  channel.kind = kind;
  channel.unit = "%";
  channel.contact = contact;
  const uint8_t at = static_cast<uint8_t>(sensors_.size());
  sensors_.push_back(channel);
  contact->add_on_state_callback(
      [this, at](bool is_closed) { readings_.add(at, is_closed ? 100.0f : 0.0f, millis()); });
}
#endif

void PlantNode::set_reservoir(const char *key, float empty_at_percent, uint32_t stale_after_ms) {
  for (SensorChannel &channel : sensors_) {
    if (strcmp(channel.key, key) != 0)
      continue;
    channel.guards_pumps = true;
    channel.empty_at_percent = empty_at_percent;
    channel.stale_after_ms = stale_after_ms;
  }
}

Reason PlantNode::reservoirs_refuse() const {
  for (const SensorChannel &channel : sensors_) {
    if (!channel.guards_pumps)
      continue;
    const Reason refusal = channel.reservoir(millis_64()).refusal();
    if (refusal != Reason::NONE)
      return refusal;
  }
  return Reason::NONE;
}

void PlantNode::sample_contacts_(uint32_t now_ms) {
#ifdef USE_BINARY_SENSOR
  if (now_ms - contacts_ms_ < CONTACTS_EVERY_MS)
    return;
  contacts_ms_ = now_ms;
  for (size_t i = 0; i < sensors_.size(); i++) {
    const auto *contact = sensors_[i].contact;
    if (contact != nullptr && contact->has_state())
      readings_.add(static_cast<uint8_t>(i), contact->state ? 100.0f : 0.0f, now_ms);
  }
#endif
}

Actuator *PlantNode::actuator_(const char *channel) {
  for (Actuator *actuator : actuators_) {
    if (strcmp(actuator->channel(), channel) == 0)
      return actuator;
  }
  return nullptr;
}

bool PlantNode::is_pumping_() const {
  for (const Actuator *actuator : actuators_) {
    if (actuator->is_pumping())
      return true;
  }
  return false;
}

uint32_t PlantNode::longest_pause_ms_() const { return this->is_pumping_() ? IN_RUN_MS : UINT32_MAX; }

void PlantNode::watch_link_(uint32_t now_ms) {
  const bool is_linked = this->is_linked();
  // Forgotten before the clock wraps and an old answer looks young.
  has_answered_ = is_linked;
  if (is_linked != was_linked_) {
    was_linked_ = is_linked;
    if (!is_linked)
      ESP_LOGW(TAG, "the backend has not answered for %" PRIu32 " ms: nothing runs until it does", link_timeout_ms_);
#ifdef USE_BINARY_SENSOR
    if (connected_sensor_ != nullptr)
      connected_sensor_->publish_state(is_linked);
#endif
  }
  if (now_ms - reported_ms_ < REPORT_EVERY_MS)
    return;
  reported_ms_ = now_ms;
  // A batch that is under way stays: its answer is about it, and not about the next.
  if (task_ != Task::TELEMETRY)
    readings_.expire(millis());
  if (waiting_sensor_ != nullptr)
    waiting_sensor_->publish_state(static_cast<float>(readings_.waiting()));
  if (dropped_sensor_ != nullptr)
    dropped_sensor_->publish_state(static_cast<float>(readings_.dropped()));
  if (loop_time_sensor_ != nullptr)
    loop_time_sensor_->publish_state(static_cast<float>(longest_loop_us_) / 1000.0f);
}

void PlantNode::loop() {
  const uint32_t began_us = micros();
  const uint32_t now_ms = millis();
  this->sample_contacts_(now_ms);
  this->watch_link_(now_ms);
  api_->loop();
  poll_->loop();
  if (api_->is_over())
    this->take_api_answer_(now_ms);
  if (poll_->is_over())
    this->take_poll_answer_(now_ms);
  if (network::is_connected()) {
    if (boot_id_[0] == '\0')
      this->draw_boot_id_();
    this->next_poll_(now_ms);
    // One request that holds up the loop at a time: between two of them the pumps are looked after.
    if (!poll_->is_blocking() || poll_->is_idle())
      this->next_task_(now_ms);
  }
  const bool is_all_sent = readings_.waiting() == 0 && !ledger_.has_news() && has_polled_;
  if (is_all_sent && has_news_of_sent_) {
    has_news_of_sent_ = false;
    on_sent_.call();
  }
  const uint32_t took_us = micros() - began_us;
  if (took_us > longest_loop_us_) {
    longest_loop_us_ = took_us;
    ESP_LOGD(TAG, "longest loop so far: %" PRIu32 " us", took_us);
  }
}

void PlantNode::say_reason(const char *channel, Status status, Reason reason) {
#ifdef USE_TEXT_SENSOR
  if (reason_sensor_ == nullptr)
    return;
  char text[80];
  const int size = snprintf(text, sizeof(text), "%s: %s%s%s", channel, status_name(status), reason == Reason::NONE ? "" : ", ",
                            reason_name(reason));
  reason_sensor_->publish_state(text, static_cast<size_t>(size) < sizeof(text) ? static_cast<size_t>(size) : sizeof(text) - 1);
#endif
}

#ifdef USE_OTA_STATE_LISTENER
void PlantNode::on_ota_global_state(ota::OTAState state, float progress, uint8_t error, ota::OTAComponent *component) {
  is_updating_ = state == ota::OTA_STARTED || state == ota::OTA_IN_PROGRESS || state == ota::OTA_COMPLETED;
  if (state != ota::OTA_STARTED)
    return;
  for (Actuator *actuator : actuators_)
    actuator->stop(Reason::UPDATE);
}
#endif

void PlantNode::dump_config() {
  ESP_LOGCONFIG(TAG,
                "Plant node:\n"
                "  Device: %s\n"
                "  Sensors: %u, actuators: %u\n"
                "  Room for %u readings; %u bytes of memory in all\n"
                "  Transport: %s",
                device_id_, static_cast<unsigned>(sensors_.size()), static_cast<unsigned>(actuators_.size()),
                static_cast<unsigned>(PLANT_NODE_BUFFER), static_cast<unsigned>(sizeof(*this)),
                api_->is_blocking() ? "http_request" : "sockets");
}

}  // namespace esphome::plant_node

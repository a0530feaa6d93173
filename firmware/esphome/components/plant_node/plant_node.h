#pragma once
// The hub: knows the channels, talks to the backend, and hands commands to the actuators.
#include "esphome/core/automation.h"
#include "esphome/core/component.h"
#include "esphome/core/defines.h"
#include "esphome/core/helpers.h"
#ifdef USE_OTA_STATE_LISTENER
#include "esphome/components/ota/ota_backend.h"
#endif
#ifdef USE_TEXT_SENSOR
#include "esphome/components/text_sensor/text_sensor.h"
#endif

#include "actuator.h"
#include "command_ledger.h"
#include "http_exchange.h"
#include "reading_ring.h"
#include "sensor_channel.h"
#include "session.h"

namespace esphome::plant_node {

class PlantNode final : public Component,
                        public BodySource,
                        public PumpUses
#ifdef USE_OTA_STATE_LISTENER
    ,
                        public ota::OTAGlobalStateListener
#endif
{
 public:
  static constexpr size_t BATCH = 16;

  void set_exchanges(HttpExchange *api, HttpExchange *poll) {
    api_ = api;
    poll_ = poll;
  }
  void set_credentials(const char *device_id, const char *secret) {
    device_id_ = device_id;
    secret_ = secret;
  }
  void set_version(const char *version) { version_ = version; }
  void set_send_interval(uint32_t ms) { send_interval_ms_ = ms; }
  void set_poll_interval(uint32_t ms) { poll_interval_ms_ = ms; }
  void set_link_timeout(uint32_t ms) { link_timeout_ms_ = ms; }
  void add_actuator(Actuator *actuator) { actuators_.push_back(actuator); }
  /// `sent_from` may be a calmer copy of the sensor: what guards the pumps is looked at more often than it is sent.
  void add_sensor(sensor::Sensor *sensor, sensor::Sensor *sent_from, const char *key, const char *kind, const char *unit);
#ifdef USE_BINARY_SENSOR
  void add_contact(binary_sensor::BinarySensor *contact, const char *key, const char *kind);
  void set_connected_sensor(binary_sensor::BinarySensor *sensor) { connected_sensor_ = sensor; }
#endif
  void set_reservoir(const char *key, float empty_at_percent, uint32_t stale_after_ms);
  void set_waiting_sensor(sensor::Sensor *sensor) { waiting_sensor_ = sensor; }
  void set_dropped_sensor(sensor::Sensor *sensor) { dropped_sensor_ = sensor; }
  void set_loop_time_sensor(sensor::Sensor *sensor) { loop_time_sensor_ = sensor; }
#ifdef USE_TEXT_SENSOR
  void set_reason_sensor(text_sensor::TextSensor *sensor) { reason_sensor_ = sensor; }
#endif
  template<typename F> void add_on_sent_callback(F &&callback) { on_sent_.add(std::forward<F>(callback)); }

  void setup() override;
  void loop() override;
  void dump_config() override;
  /// After the outputs, which are off by then.
  float get_setup_priority() const override { return setup_priority::HARDWARE - 1.0f; }
  void write_body(JsonWriter &out) override;
  void on_pump_use(const char *channel, uint32_t used_ms) override;
#ifdef USE_OTA_STATE_LISTENER
  void on_ota_global_state(ota::OTAState state, float progress, uint8_t error, ota::OTAComponent *component) override;
#endif

  // For the actuators.
  CommandLedger &ledger() { return ledger_; }
  uint64_t lived_ms() const { return lived_before_ms_ + millis_64() - began_ms_; }
  /// Rounded up: what is written down must not lie before what it tells of.
  uint32_t lived_s() const { return static_cast<uint32_t>((this->lived_ms() + 999) / 1000); }
  Reason reservoirs_refuse() const;
  bool is_linked() const { return has_answered_ && millis() - answered_ms_ < link_timeout_ms_; }
  bool is_updating() const { return is_updating_; }
  void say_reason(const char *channel, Status status, Reason reason);
  /// What a button asks for.
  Command wish() const { return Command{}; }

 protected:
  enum class Task : uint8_t { NONE, SIGN_IN, REFRESH, ACKS, TELEMETRY };
  enum class Answered : uint8_t { RIGHT, REFUSED, TROUBLE };

  void draw_boot_id_();
  void sample_contacts_(uint32_t now_ms);
  void watch_link_(uint32_t now_ms);
  Actuator *actuator_(const char *channel);
  bool is_pumping_() const;
  /// How long to wait before the backend is asked for commands again: not for long while somebody may have said off.
  uint32_t longest_pause_ms_() const;

  // The link (plant_node.cpp)
  Answered judge_(HttpExchange &exchange, JsonHandler &handler, Problem &problem);
  bool is_unauthorized_(int status, uint32_t generation, uint32_t now_ms);
  void trouble_(const char *what, const char *why);
  void begin_(Task task, const char *path, bool with_token, uint32_t now_ms);
  void take_api_answer_(uint32_t now_ms);
  void signed_in_(uint32_t now_ms);
  void acked_(uint32_t now_ms);
  void sent_(uint32_t now_ms);
  void next_task_(uint32_t now_ms);
  void write_manifest_(JsonWriter &out);
  void write_acks_(JsonWriter &out);
  void write_readings_(JsonWriter &out);

  // Commands (commands.cpp)
  void take_poll_answer_(uint32_t now_ms);
  void next_poll_(uint32_t now_ms);
  bool carry_out_(const Command &command);

  HttpExchange *api_{nullptr};
  HttpExchange *poll_{nullptr};
  const char *device_id_{""};
  const char *secret_{""};
  const char *version_{""};
  StaticVector<Actuator *, PLANT_NODE_ACTUATORS> actuators_;
  StaticVector<SensorChannel, PLANT_NODE_SENSORS> sensors_;
  ReadingRing<PLANT_NODE_BUFFER, BATCH> readings_;
  CommandLedger ledger_;
  Session session_;
  Pace sign_in_pace_{2000, 60000};
  Pace refused_pace_{2000, 300000};
  Pace telemetry_pace_{1000, 60000};
  Pace ack_pace_{500, 30000};
  Pace poll_pace_{500, 30000};
  sensor::Sensor *waiting_sensor_{nullptr};
  sensor::Sensor *dropped_sensor_{nullptr};
  sensor::Sensor *loop_time_sensor_{nullptr};
#ifdef USE_BINARY_SENSOR
  binary_sensor::BinarySensor *connected_sensor_{nullptr};
#endif
#ifdef USE_TEXT_SENSOR
  text_sensor::TextSensor *reason_sensor_{nullptr};
#endif
  LazyCallbackManager<void()> on_sent_;
  char boot_id_[17]{};
  char poll_path_[48]{};
  struct Sent {
    uint32_t seq;
    Status status;
  };
  std::array<Sent, CommandLedger::MAX_ACKS> acks_{};
  size_t ack_count_{0};
  size_t ack_limit_{CommandLedger::MAX_ACKS};
  uint64_t began_ms_{0};
  uint64_t lived_before_ms_{0};
  uint32_t send_interval_ms_{10000};
  uint32_t poll_interval_ms_{5000};
  uint32_t link_timeout_ms_{120000};
  uint32_t answered_ms_{0};
  uint32_t sent_ms_{0};
  uint32_t asked_ms_{0};
  uint32_t polled_ms_{0};
  uint32_t reported_ms_{0};
  uint32_t contacts_ms_{0};
  uint32_t longest_loop_us_{0};
  uint32_t api_generation_{0};
  uint32_t poll_generation_{0};
  const char *trouble_why_{nullptr};
  Task task_{Task::NONE};
  bool has_answered_{false};
  bool was_linked_{false};
  bool is_updating_{false};
  /// Until the first poll is answered, nobody knows what this node may have run before it lost its ledger.
  bool has_no_ledger_{false};
  bool has_polled_{false};
  bool may_have_more_{true};
  bool has_news_of_sent_{false};
};

}  // namespace esphome::plant_node

#pragma once
// One request and its answer, whatever carries them.
#include <cstddef>
#include <cstdint>

#include "json_writer.h"

namespace esphome::plant_node {

/// Writes a body at the last moment: the ages in it are as of then.
class BodySource {
 public:
  virtual void write_body(JsonWriter &out) = 0;
};

struct HttpRequest {
  const char *method;
  const char *path;
  /// nullptr: not signed in.
  const char *token;
  /// nullptr: no body.
  BodySource *body;
  uint32_t timeout_ms;
};

class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  /// Whether `start` may hold up the main loop.
  virtual bool is_blocking() const = 0;
  virtual void start(const HttpRequest &request) = 0;
  virtual void loop() {}
  /// Lets everything go, whatever its state.
  virtual void release() = 0;

  virtual char *body() = 0;
  virtual size_t body_size() const = 0;
  virtual int status() const = 0;
  virtual uint32_t retry_after_ms() const = 0;

  bool is_idle() const { return state_ == State::IDLE; }
  bool is_over() const { return state_ == State::DONE || state_ == State::FAILED; }
  bool has_answer() const { return state_ == State::DONE; }
  /// Why there is no answer.
  const char *failure() const { return failure_; }

 protected:
  enum class State : uint8_t { IDLE, RESOLVE, CONNECT, SEND, RECEIVE, DONE, FAILED };
  void fail_(const char *why) {
    failure_ = why;
    state_ = State::FAILED;
  }

  State state_{State::IDLE};
  const char *failure_{""};
};

}  // namespace esphome::plant_node

#pragma once
// HTTPS by ESPHome's own http_request. It holds up the main loop for as long as a request takes, and uses heap strings.
#include "esphome/core/defines.h"
#ifdef USE_PLANT_NODE_HTTP_REQUEST
#include <string>
#include <vector>

#include "esphome/components/http_request/http_request.h"
#include "http_exchange.h"
#include "json_reader.h"

namespace esphome::plant_node {

template<size_t BODY, size_t ANSWER> class HttpRequestExchange final : public HttpExchange {
 public:
  HttpRequestExchange(http_request::HttpRequestComponent *http, const char *url) : http_(http), url_(url) {}

  bool is_blocking() const override { return true; }
  char *body() override { return answer_; }
  size_t body_size() const override { return size_; }
  int status() const override { return status_; }
  uint32_t retry_after_ms() const override { return retry_after_ms_; }
  void release() override { state_ = State::IDLE; }

  void start(const HttpRequest &request) override {
    size_ = 0;
    status_ = 0;
    retry_after_ms_ = 0;
    state_ = State::SEND;
    JsonWriter body(buffer_, BODY);
    if (request.body != nullptr)
      request.body->write_body(body);
    if (!body.is_whole())
      return fail_("the request does not fit");
    std::vector<http_request::Header> headers{{"Accept", "application/json"}};
    if (request.body != nullptr)
      headers.push_back({"Content-Type", "application/json"});
    if (request.token != nullptr)
      headers.push_back({"Authorization", std::string("Bearer ") + request.token});
    const std::vector<std::string> wanted{"retry-after"};
    auto answer = http_->start(std::string(url_) + request.path, request.method, std::string(body.data(), body.size()),
                               headers, wanted);
    if (answer == nullptr)
      return fail_("it cannot be reached, or its certificate is not trusted");
    status_ = answer->status_code;
    uint64_t seconds;
    if (parse_count(answer->get_response_header("retry-after").c_str(), 600, seconds))
      retry_after_ms_ = static_cast<uint32_t>(seconds) * 1000;
    if (read_(*answer))
      state_ = State::DONE;
    answer->end();
  }

 protected:
  bool read_(http_request::HttpContainer &answer) {
    const uint32_t began_ms = millis();
    uint32_t heard_ms = began_ms;
    if (status_ == 204)
      return true;
    // To be read before it is asked whether that was all: of a chunked answer everything may be in ESP-IDF's buffer by then.
    do {
      // The whole answer has one deadline, so a server that drips cannot hold the loop.
      if (millis() - began_ms > 2 * http_->get_timeout())
        return fail_("it takes too long"), false;
      if (size_ == ANSWER)
        return status_ >= 400 || (fail_("its answer is too large"), false);
      const int got = answer.read(reinterpret_cast<uint8_t *>(answer_) + size_, ANSWER - size_);
      App.feed_wdt();
      yield();
      switch (http_request::http_read_loop_result(got, heard_ms, http_->get_timeout(), answer.is_read_complete())) {
        case http_request::HttpReadLoopResult::DATA:
          size_ += static_cast<size_t>(got);
          break;
        case http_request::HttpReadLoopResult::COMPLETE:
          return true;
        case http_request::HttpReadLoopResult::RETRY:
          break;
        default:
          return fail_("the connection broke"), false;
      }
    } while (!answer.is_read_complete());
    return true;
  }

  http_request::HttpRequestComponent *http_;
  const char *url_;
  int status_{0};
  uint32_t retry_after_ms_{0};
  size_t size_{0};
  char answer_[ANSWER];
  char buffer_[BODY + 1];
};

}  // namespace esphome::plant_node
#endif

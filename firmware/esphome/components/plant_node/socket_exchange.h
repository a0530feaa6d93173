#pragma once
// HTTP/1.1 on ESPHome's sockets: the same code on ESP32, ESP8266 and host, and it never holds up the main loop.
#include <cerrno>
#include <cstring>
#include <memory>

#include "esphome/components/socket/ipv4_resolve.h"
#include "esphome/components/socket/socket.h"
#include "esphome/core/hal.h"
#include "http_answer.h"
#include "http_exchange.h"

namespace esphome::plant_node {

/// `BODY`: the largest body that is sent; `ANSWER`: the largest that is understood.
template<size_t BODY, size_t ANSWER> class SocketExchange final : public HttpExchange {
 public:
  SocketExchange(const char *host, uint16_t port, const char *base, const char *agent)
      : host_(host), base_(base), agent_(agent), port_(port) {}

  bool is_blocking() const override { return false; }
  char *body() override { return answer_.body(); }
  size_t body_size() const override { return answer_.body_size(); }
  int status() const override { return answer_.status(); }
  uint32_t retry_after_ms() const override { return answer_.retry_after_ms(); }

  void start(const HttpRequest &request) override {
    release();
    request_ = request;
    answer_.reset();
    started_ms_ = millis();
    state_ = State::RESOLVE;
  }

  void release() override {
    close_();
    state_ = State::IDLE;
  }

  void loop() override {
    if (is_idle() || is_over())
      return;
    // The whole exchange has one deadline, so a server that drips holds nothing up.
    if (millis() - started_ms_ > request_.timeout_ms)
      return stop_("it takes too long");
    if (state_ == State::RESOLVE)
      resolve_host_();
    if (state_ == State::CONNECT)
      finish_connecting_();
    if (state_ == State::SEND)
      send_();
    if (state_ == State::RECEIVE)
      receive_();
  }

 protected:
  // Room for the method, the path, a token and the rest; the head ends where the body begins.
  static constexpr size_t HEAD = 1152;
  static constexpr const char *TAG = "plant_node.http";

  void close_() {
    if (socket_ != nullptr) {
      socket_->close();
      socket_.reset();
    }
  }

  void stop_(const char *why) {
    close_();
    // The host may have moved.
    resolve_.forget();
    fail_(why);
  }

  void resolve_host_() {
    if (resolve_.consume_failure())
      return stop_("its name is not known");
    resolve_.start(host_, port_, TAG);
    if (!resolve_.ready())
      return;
    struct sockaddr_storage to;
    const socklen_t size = resolve_.to_sockaddr(reinterpret_cast<struct sockaddr *>(&to), sizeof(to), port_);
    if (size != 0)
      socket_ = socket::socket_loop_monitored(to.ss_family, SOCK_STREAM, IPPROTO_TCP);
    if (size == 0 || socket_ == nullptr)
      return stop_("there is no socket");
    socket_->setblocking(false);
    if (socket_->connect(reinterpret_cast<struct sockaddr *>(&to), size) != 0 && errno != EINPROGRESS)
      return stop_("it cannot be reached");
    state_ = State::CONNECT;
  }

  void finish_connecting_() {
    int error = 0;
    switch (socket::poll_connect(*socket_, error)) {
      case socket::ConnectPollResult::CONNECT_POLL_RESULT_PENDING:
        return;
      case socket::ConnectPollResult::CONNECT_POLL_RESULT_ERROR:
        return stop_("it cannot be reached");
      default:
        break;
    }
    if (!write_request_())
      return stop_("the request does not fit");
    state_ = State::SEND;
  }

  bool write_request_() {
    JsonWriter body(buffer_ + HEAD, BODY);
    if (request_.body != nullptr)
      request_.body->write_body(body);
    // Its end is not known before it is written, and an ESP8266's stack has no room for a second one.
    JsonWriter head(buffer_, HEAD);
    head.raw(request_.method).raw(" ").raw(base_).raw(request_.path).raw(" HTTP/1.1\r\nHost: ").raw(host_).raw(":").count(port_);
    head.raw("\r\nConnection: close\r\nAccept: application/json\r\nUser-Agent: ").raw(agent_).raw("\r\n");
    if (request_.token != nullptr)
      head.raw("Authorization: Bearer ").raw(request_.token).raw("\r\n");
    if (request_.body != nullptr)
      head.raw("Content-Type: application/json\r\nContent-Length: ").count(body.size()).raw("\r\n");
    head.raw("\r\n");
    if (!head.is_whole() || !body.is_whole())
      return false;
    at_ = HEAD - head.size();
    memmove(buffer_ + at_, buffer_, head.size());
    end_ = HEAD + body.size();
    return true;
  }

  void send_() {
    while (at_ < end_) {
      const ssize_t sent = socket_->write(buffer_ + at_, end_ - at_);
      if (sent < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
          stop_("the connection broke");
        return;
      }
      if (sent == 0)
        return;
      at_ += static_cast<size_t>(sent);
    }
    state_ = State::RECEIVE;
  }

  void receive_() {
    // To be drained whenever it is ready; an answer is small, and a server that sends without end is cut off by its size.
    while (socket_->ready()) {
      char piece[256];
      const ssize_t got = socket_->read(piece, sizeof(piece));
      if (got < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
          stop_("the connection broke");
        return;
      }
      if (got == 0)
        answer_.closed();
      else
        answer_.feed(piece, static_cast<size_t>(got));
      if (!answer_.is_over())
        continue;
      close_();
      if (answer_.is_whole())
        state_ = State::DONE;
      else
        stop_(answer_.status() == 0 ? "no answer came" : "its answer is cut short, too large or no HTTP");
      return;
    }
  }

  const char *host_;
  const char *base_;
  const char *agent_;
  uint16_t port_;
  HttpRequest request_{};
  socket::Ipv4Resolve resolve_;
  std::unique_ptr<socket::Socket> socket_;
  uint32_t started_ms_{0};
  size_t at_{0}, end_{0};
  HttpAnswer<ANSWER> answer_;
  char buffer_[HEAD + BODY];
};

}  // namespace esphome::plant_node

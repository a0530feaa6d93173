#pragma once
// Reads an HTTP/1.1 answer as it comes in, into a buffer of fixed size. What does not fit is an error, not a surprise; of an
// error that does not fit the beginning is kept, which says what is wrong.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <strings.h>

namespace esphome::plant_node {

template<size_t CAPACITY> class HttpAnswer {
 public:
  enum class State : uint8_t { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, DONE, BROKEN };

  void reset() {
    state_ = State::HEAD;
    status_ = 0;
    retry_after_ms_ = 0;
    line_size_ = body_size_ = left_ = 0;
    is_first_line_ = true;
    has_length_ = is_chunked_ = is_line_cut_ = false;
    head_size_ = 0;
  }

  /// Takes what came in. To be called until it is over.
  void feed(const char *data, size_t size) {
    while (size != 0 && !is_over()) {
      if (state_ == State::BODY || state_ == State::CHUNK) {
        size_t taken = size < left_ ? size : left_;
        if (!has_length_ && state_ == State::BODY)
          taken = size;
        if (taken > CAPACITY - body_size_) {
          memcpy(body_ + body_size_, data, status_ >= 400 ? CAPACITY - body_size_ : 0);
          body_size_ = CAPACITY;
          state_ = status_ >= 400 ? State::DONE : State::BROKEN;
          return;
        }
        memcpy(body_ + body_size_, data, taken);
        body_size_ += taken;
        data += taken;
        size -= taken;
        left_ -= has_length_ || state_ == State::CHUNK ? taken : 0;
        if (state_ == State::CHUNK && left_ == 0)
          state_ = State::CHUNK_END;
        else if (state_ == State::BODY && has_length_ && left_ == 0)
          state_ = State::DONE;
        continue;
      }
      const char c = *data++;
      size--;
      if (++head_size_ > MAX_HEAD) {
        state_ = State::BROKEN;
        return;
      }
      if (c == '\n') {
        line_[line_size_] = '\0';
        line_over_();
        line_size_ = 0;
        is_line_cut_ = false;
      } else if (c != '\r') {
        if (line_size_ < MAX_LINE)
          line_[line_size_++] = c;
        else
          is_line_cut_ = true;
      }
    }
  }

  /// The other side has closed. Only a body without a length ends so.
  void closed() {
    if (!is_over())
      state_ = state_ == State::BODY && !has_length_ ? State::DONE : State::BROKEN;
  }

  bool is_over() const { return state_ == State::DONE || state_ == State::BROKEN; }
  bool is_whole() const { return state_ == State::DONE; }
  int status() const { return status_; }
  uint32_t retry_after_ms() const { return retry_after_ms_; }
  char *body() { return body_; }
  size_t body_size() const { return body_size_; }

 protected:
  static constexpr size_t MAX_LINE = 64;
  static constexpr size_t MAX_HEAD = 4096;

  void line_over_() {
    switch (state_) {
      case State::HEAD:
        if (is_first_line_)
          status_line_();
        else if (line_size_ == 0)
          head_over_();
        else if (!is_line_cut_)
          header_();
        break;
      case State::CHUNK_SIZE:
        chunk_size_();
        break;
      case State::CHUNK_END:
        state_ = line_size_ == 0 ? State::CHUNK_SIZE : State::BROKEN;
        break;
      case State::TRAILER:
        if (line_size_ == 0)
          state_ = State::DONE;
        break;
      default:
        break;
    }
  }

  static bool is_digit_(char c) { return c >= '0' && c <= '9'; }

  void status_line_() {
    is_first_line_ = false;
    if (line_size_ < 12 || strncmp(line_, "HTTP/1.", 7) != 0 || line_[8] != ' ' || !is_digit_(line_[9]) ||
        !is_digit_(line_[10]) || !is_digit_(line_[11]) || (line_size_ > 12 && line_[12] != ' ')) {
      state_ = State::BROKEN;
      return;
    }
    status_ = (line_[9] - '0') * 100 + (line_[10] - '0') * 10 + (line_[11] - '0');
  }

  /// The value of a header of this name, or nullptr.
  const char *value_of_(const char *name) const {
    const size_t size = strlen(name);
    if (strncasecmp(line_, name, size) != 0 || line_[size] != ':')
      return nullptr;
    const char *value = line_ + size + 1;
    while (*value == ' ' || *value == '\t')
      value++;
    return value;
  }

  static bool parse_number_(const char *text, uint32_t base, size_t &out) {
    size_t value = 0;
    const char *at = text;
    for (; *at != '\0' && *at != ' ' && *at != ';' && *at != '\t'; at++) {
      const char small = static_cast<char>(*at | 0x20);
      const uint32_t digit = is_digit_(*at)                                       ? static_cast<uint32_t>(*at - '0')
                             : base == 16 && small >= 'a' && small <= 'f' ? static_cast<uint32_t>(small - 'a' + 10)
                                                                          : 99;
      if (digit >= base || value > 100000000)
        return false;
      value = value * base + digit;
    }
    out = value;
    return at != text;
  }

  void header_() {
    if (const char *value = value_of_("content-length")) {
      size_t length;
      if (!parse_number_(value, 10, length) || (has_length_ && length != left_)) {
        state_ = State::BROKEN;
        return;
      }
      left_ = length;
      has_length_ = true;
    } else if (const char *value = value_of_("transfer-encoding")) {
      if (strcasecmp(value, "chunked") != 0)
        state_ = State::BROKEN;
      is_chunked_ = true;
    } else if (const char *value = value_of_("retry-after")) {
      size_t seconds;
      if (parse_number_(value, 10, seconds))
        retry_after_ms_ = static_cast<uint32_t>(seconds < MAX_RETRY_AFTER_S ? seconds : MAX_RETRY_AFTER_S) * 1000;
    }
  }

  static constexpr size_t MAX_RETRY_AFTER_S = 600;

  void head_over_() {
    if (status_ >= 100 && status_ < 200) {
      // "Continue" and the like: the answer itself follows.
      is_first_line_ = true;
      return;
    }
    if (status_ == 204 || status_ == 304) {
      state_ = State::DONE;
    } else if (is_chunked_) {
      has_length_ = true;
      state_ = State::CHUNK_SIZE;
    } else if (has_length_ && left_ == 0) {
      state_ = State::DONE;
    } else if (has_length_ && left_ > CAPACITY && status_ < 400) {
      state_ = State::BROKEN;
    } else {
      state_ = State::BODY;
    }
  }

  void chunk_size_() {
    if (!parse_number_(line_, 16, left_) || is_line_cut_)
      state_ = State::BROKEN;
    else
      state_ = left_ == 0 ? State::TRAILER : State::CHUNK;
    // The next line of a trailer or chunk has room of its own.
    head_size_ = 0;
  }

  State state_{State::HEAD};
  int status_{0};
  uint32_t retry_after_ms_{0};
  size_t left_{0};
  size_t head_size_{0};
  size_t body_size_{0};
  size_t line_size_{0};
  bool is_first_line_{true};
  bool has_length_{false};
  bool is_chunked_{false};
  bool is_line_cut_{false};
  char line_[MAX_LINE + 1];
  char body_[CAPACITY];
};

}  // namespace esphome::plant_node

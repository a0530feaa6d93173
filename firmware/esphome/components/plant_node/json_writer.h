#pragma once
// Writes JSON, and what else a request is made of, into a buffer of fixed size.
#include <cinttypes>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace esphome::plant_node {

/// Once something does not fit, nothing more is written, and `is_whole` says so.
class JsonWriter {
 public:
  JsonWriter(char *buffer, size_t capacity) : buffer_(buffer), capacity_(capacity) {}

  const char *data() const { return buffer_; }
  size_t size() const { return size_; }
  bool is_whole() const { return is_whole_; }

  JsonWriter &raw(const char *text) { return raw(text, strlen(text)); }
  JsonWriter &raw(const char *text, size_t size) {
    if (!is_whole_ || size > capacity_ - size_) {
      is_whole_ = false;
      return *this;
    }
    memcpy(buffer_ + size_, text, size);
    size_ += size;
    return *this;
  }

  /// A quoted string, with everything escaped that JSON wants escaped.
  JsonWriter &string(const char *text) {
    raw("\"", 1);
    for (; *text != '\0'; text++) {
      const uint8_t c = static_cast<uint8_t>(*text);
      if (c == '"' || c == '\\') {
        raw("\\", 1).raw(text, 1);
      } else if (c < 0x20) {
        char escaped[8];
        raw(escaped, static_cast<size_t>(snprintf(escaped, sizeof(escaped), "\\u%04x", c)));
      } else {
        raw(text, 1);
      }
    }
    return raw("\"", 1);
  }

  JsonWriter &count(uint64_t value) {
    char text[24];
    char *at = text + sizeof(text);
    do {
      *--at = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return raw(at, static_cast<size_t>(text + sizeof(text) - at));
  }

  /// A measured value; its seven digits are what a float holds. JSON has no word for what is no number.
  JsonWriter &number(float value) {
    if (!std::isfinite(value))
      return raw("null");
    char text[24];
    return raw(text, static_cast<size_t>(snprintf(text, sizeof(text), "%.7g", static_cast<double>(value))));
  }

 protected:
  char *buffer_;
  size_t capacity_;
  size_t size_{0};
  bool is_whole_{true};
};

}  // namespace esphome::plant_node

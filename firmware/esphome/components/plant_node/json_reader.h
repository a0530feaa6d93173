#pragma once
// A reader for the small JSON documents of the backend: works in place, allocates nothing, and bounds its depth.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace esphome::plant_node {

enum class JsonType : uint8_t { STRING, NUMBER, TRUE_VALUE, FALSE_VALUE, NULL_VALUE };

/// Hears what a document holds. `depth` of the root's members is 1; members of an array have its key.
class JsonHandler {
 public:
  virtual ~JsonHandler() = default;
  virtual void on_value(uint8_t depth, const char *key, JsonType type, const char *text) = 0;
  virtual void on_object_start(uint8_t depth, const char *key) {}
  virtual void on_object_end(uint8_t depth) {}
  virtual void on_array_start(uint8_t depth, const char *key) {}
  virtual void on_array_end(uint8_t depth) {}
};

class JsonReader {
 public:
  static constexpr uint8_t MAX_DEPTH = 8;
  static constexpr size_t MAX_NUMBER = 32;

  /// Reads `size` bytes, which it changes. False where they are no JSON, or nest deeper than MAX_DEPTH; the handler has
  /// heard a part of them then.
  static bool read(char *text, size_t size, JsonHandler &handler) {
    JsonReader reader{text, text + size, handler};
    if (!reader.value_(0, ""))
      return false;
    reader.space_();
    return reader.at_ == reader.end_;
  }

 protected:
  JsonReader(char *text, char *end, JsonHandler &handler) : at_(text), end_(end), handler_(handler) {}

  bool is_(char wanted) const { return at_ < end_ && *at_ == wanted; }
  bool take_(char wanted) {
    if (!is_(wanted))
      return false;
    at_++;
    return true;
  }
  void space_() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r'))
      at_++;
  }

  bool value_(uint8_t depth, const char *key) {
    if (depth > MAX_DEPTH)
      return false;
    space_();
    if (is_('{'))
      return object_(depth, key);
    if (is_('['))
      return array_(depth, key);
    if (is_('"')) {
      const char *text = string_();
      if (text == nullptr)
        return false;
      handler_.on_value(depth, key, JsonType::STRING, text);
      return true;
    }
    return word_(depth, key, "true", JsonType::TRUE_VALUE) || word_(depth, key, "false", JsonType::FALSE_VALUE) ||
           word_(depth, key, "null", JsonType::NULL_VALUE) || number_(depth, key);
  }

  bool object_(uint8_t depth, const char *key) {
    at_++;
    handler_.on_object_start(depth, key);
    space_();
    if (!take_('}')) {
      do {
        space_();
        const char *name = is_('"') ? string_() : nullptr;
        if (name == nullptr)
          return false;
        space_();
        if (!take_(':') || !value_(depth + 1, name))
          return false;
        space_();
      } while (take_(','));
      if (!take_('}'))
        return false;
    }
    handler_.on_object_end(depth);
    return true;
  }

  bool array_(uint8_t depth, const char *key) {
    at_++;
    handler_.on_array_start(depth, key);
    space_();
    if (!take_(']')) {
      do {
        if (!value_(depth + 1, key))
          return false;
        space_();
      } while (take_(','));
      if (!take_(']'))
        return false;
    }
    handler_.on_array_end(depth);
    return true;
  }

  bool word_(uint8_t depth, const char *key, const char *word, JsonType type) {
    const size_t size = strlen(word);
    if (static_cast<size_t>(end_ - at_) < size || memcmp(at_, word, size) != 0)
      return false;
    at_ += size;
    handler_.on_value(depth, key, type, word);
    return true;
  }

  static bool is_digit_(char c) { return c >= '0' && c <= '9'; }
  bool digits_() {
    if (at_ >= end_ || !is_digit_(*at_))
      return false;
    while (at_ < end_ && is_digit_(*at_))
      at_++;
    return true;
  }

  bool number_(uint8_t depth, const char *key) {
    const char *start = at_;
    take_('-');
    if (!take_('0') && !digits_())
      return false;
    if (take_('.') && !digits_())
      return false;
    if (take_('e') || take_('E')) {
      if (!take_('+'))
        take_('-');
      if (!digits_())
        return false;
    }
    const size_t size = static_cast<size_t>(at_ - start);
    char text[MAX_NUMBER];
    if (size >= sizeof(text))
      return false;
    memcpy(text, start, size);
    text[size] = '\0';
    handler_.on_value(depth, key, JsonType::NUMBER, text);
    return true;
  }

  static int hex_(char c) {
    if (is_digit_(c))
      return c - '0';
    const char small = static_cast<char>(c | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
  }

  bool four_hex_(uint32_t &out) {
    if (end_ - at_ < 4)
      return false;
    out = 0;
    for (int i = 0; i < 4; i++) {
      const int digit = hex_(*at_++);
      if (digit < 0)
        return false;
      out = out << 4 | static_cast<uint32_t>(digit);
    }
    return true;
  }

  /// What a \u stands for, as UTF-8: never longer than its escape, so it fits where the escape was.
  bool escaped_(char *&out) {
    uint32_t code;
    if (!four_hex_(code) || code == 0)
      return false;
    if (code >= 0xD800 && code < 0xE000) {
      uint32_t low;
      if (code >= 0xDC00 || !take_('\\') || !take_('u') || !four_hex_(low) || low < 0xDC00 || low >= 0xE000)
        return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code < 0x80) {
      *out++ = static_cast<char>(code);
    } else if (code < 0x800) {
      *out++ = static_cast<char>(0xC0 | code >> 6);
      *out++ = static_cast<char>(0x80 | (code & 0x3F));
    } else {
      if (code < 0x10000) {
        *out++ = static_cast<char>(0xE0 | code >> 12);
      } else {
        *out++ = static_cast<char>(0xF0 | code >> 18);
        *out++ = static_cast<char>(0x80 | (code >> 12 & 0x3F));
      }
      *out++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
      *out++ = static_cast<char>(0x80 | (code & 0x3F));
    }
    return true;
  }

  /// The text of a string, ended by a zero in place of its quote; nullptr where it is none.
  const char *string_() {
    char *const start = ++at_;
    char *out = start;
    while (at_ < end_ && *at_ != '"') {
      char c = *at_++;
      if (static_cast<uint8_t>(c) < 0x20)
        return nullptr;
      if (c != '\\') {
        *out++ = c;
        continue;
      }
      if (at_ >= end_)
        return nullptr;
      c = *at_++;
      static const char NAMES[] = "\"\\/bfnrt", MEANINGS[] = "\"\\/\b\f\n\r\t";
      if (c == 'u') {
        if (!escaped_(out))
          return nullptr;
      } else if (const void *found = memchr(NAMES, c, sizeof(NAMES) - 1)) {
        *out++ = MEANINGS[static_cast<const char *>(found) - NAMES];
      } else {
        return nullptr;
      }
    }
    if (!take_('"'))
      return nullptr;
    *out = '\0';
    return start;
  }

  char *at_;
  char *end_;
  JsonHandler &handler_;
};

/// A whole number without sign, point or exponent. False where the text is none, or larger than `most`.
inline bool parse_count(const char *text, uint64_t most, uint64_t &out) {
  if (*text == '\0')
    return false;
  uint64_t value = 0;
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9')
      return false;
    const uint64_t digit = static_cast<uint64_t>(*text - '0');
    if (digit > most || value > (most - digit) / 10)
      return false;
    value = value * 10 + digit;
  }
  out = value;
  return true;
}

}  // namespace esphome::plant_node

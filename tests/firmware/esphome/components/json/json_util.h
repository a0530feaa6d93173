#pragma once
#include <functional>
#include <string>

// Only what http_request.h names in an action that nobody here uses.
namespace ArduinoJson {
struct JsonObject {
  struct Member {
    template<typename T> Member &operator=(T &&) { return *this; }
  };
  template<typename K> Member operator[](K &&) { return {}; }
};
}  // namespace ArduinoJson
using ArduinoJson::JsonObject;

namespace esphome::json {
using json_build_t = std::function<void(JsonObject)>;
inline std::string build_json(const json_build_t &) { return "{}"; }
}  // namespace esphome::json

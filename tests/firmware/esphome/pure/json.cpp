#include "json_reader.h"
#include "json_writer.h"
#include "check.h"

using namespace esphome::plant_node;

// Writes what it hears, so that a document can be compared with what was meant.
struct Heard : JsonHandler {
  std::string said;
  void on_value(uint8_t depth, const char *key, JsonType type, const char *text) override {
    said += std::to_string(depth) + key + "=" + (type == JsonType::STRING ? "s" : "n") + text + ";";
  }
  void on_object_start(uint8_t depth, const char *key) override { said += std::to_string(depth) + key + "{"; }
  void on_object_end(uint8_t) override { said += "}"; }
  void on_array_start(uint8_t depth, const char *key) override { said += std::to_string(depth) + key + "["; }
  void on_array_end(uint8_t) override { said += "]"; }
};

static std::string read(std::string text) {
  // A buffer of exactly its size: the sanitizer sees every byte too many.
  char *buffer = new char[text.size()];
  memcpy(buffer, text.data(), text.size());
  Heard heard;
  const bool is_right = JsonReader::read(buffer, text.size(), heard);
  delete[] buffer;
  return is_right ? heard.said : "no";
}

static void documents() {
  CHECK(read(R"({"a":"x","b":-1.5e3,"c":[true,null,{"d":false}]})") ==
        "0{1a=sx;1b=n-1.5e3;1c[2c=ntrue;2c=nnull;2c{3d=nfalse;}]}");
  CHECK(read(" [ ] ") == "0[]");
  CHECK(read("{}") == "0{}");
  CHECK(read(R"("\u0041\u00e9\u20ac\ud83c\udf31\n\/")") == "0=sA\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xb1\n/;");
  for (const char *wrong : {"", "{", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "1.", ".5", "1e", "+1", "nul", "tru e", "\"\\u12\"",
                            "\"\\ud83c\"", "\"\\udf31\"", "\"\\u0000\"", "\"\\x\"", "\"a", "\"\n\"", "1 2", "{}{}", "NaN", "-",
                            "[[[[[[[[[[1]]]]]]]]]]", "123456789012345678901234567890123456789012"})
    CHECK(read(wrong) == "no");
}

static void counts() {
  uint64_t value = 7;
  CHECK(parse_count("0", 5, value) && value == 0);
  CHECK(parse_count("18446744073709551615", UINT64_MAX, value) && value == UINT64_MAX);
  CHECK(!parse_count("18446744073709551616", UINT64_MAX, value));
  CHECK(parse_count("4294967294", 4294967294u, value) && !parse_count("4294967295", 4294967294u, value));
  for (const char *wrong : {"", "-1", "1.0", "1e3", " 1"})
    CHECK(!parse_count(wrong, UINT64_MAX, value));
}

static void writing() {
  char buffer[64];
  JsonWriter out(buffer, sizeof(buffer));
  out.raw("{\"a\":").string("x\"\\\n\x01").raw(",\"b\":").count(UINT64_MAX).raw(",\"c\":").number(41.5f).raw("}");
  CHECK(out.is_whole());
  CHECK(std::string(out.data(), out.size()) == "{\"a\":\"x\\\"\\\\\\u000a\\u0001\",\"b\":18446744073709551615,\"c\":41.5}");
  JsonWriter numbers(buffer, sizeof(buffer));
  numbers.number(0.1f).raw(" ").number(-0.0000123f).raw(" ").number(200000.0f).raw(" ").number(NAN);
  CHECK(std::string(numbers.data(), numbers.size()) == "0.1 -1.23e-05 200000 null");
  // Every size that is too small is noticed, and nothing is written behind it.
  for (size_t size = 0; size < 20; size++) {
    char *exact = new char[size];
    JsonWriter small(exact, size);
    small.string("0123456789").count(1234567890);
    CHECK(!small.is_whole() && small.size() <= size);
    delete[] exact;
  }
  // What is written is read again.
  for (int i = 0; i < 20000; i++) {
    std::string text;
    for (uint32_t n = pick(12); n != 0; n--)
      text += static_cast<char>(1 + pick(127));
    char quoted[128];
    JsonWriter again(quoted, sizeof(quoted));
    again.string(text.c_str());
    CHECK(read(std::string(again.data(), again.size())) == "0=s" + text + ";");
  }
}

int main() {
  documents();
  counts();
  writing();
}

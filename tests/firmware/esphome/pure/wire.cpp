#include "wire.h"
#include "check.h"

using namespace esphome::plant_node;

static bool read(std::string text, JsonHandler &handler) { return JsonReader::read(text.data(), text.size(), handler); }

static void commands() {
  Commands commands;
  CHECK(read(R"({"server":{"commands":[1]},"commands":[
    {"id":4712,"seq":19,"actuator":"pump","action":"off","duration_ms":null,"ttl_ms":1},
    {"id":4711,"seq":18,"actuator":"pump","action":"on","duration_ms":8000,"ttl_ms":118500,"more":{"id":5}}]})",
             commands));
  CHECK(commands.is_list && commands.size == 2 && commands.ignored == 0);
  const Command &first = commands.items[0];
  CHECK(first.id == 4711 && first.seq == 18 && first.duration_ms == 8000 && first.ttl_ms == 118500);
  CHECK(first.action == Command::Action::ON && strcmp(first.actuator, "pump") == 0);
  CHECK(commands.items[1].action == Command::Action::OFF && commands.items[1].duration_ms == Command::NO_DURATION);
}

static Command::Action action_of(const char *command) {
  Commands commands;
  CHECK(read(std::string("{\"commands\":[") + command + "]}", commands));
  return commands.size == 1 ? commands.items[0].action : static_cast<Command::Action>(99);
}

static void what_makes_no_sense_moves_nothing() {
  constexpr auto INVALID = Command::Action::INVALID;
  CHECK(action_of(R"({"id":1,"seq":2,"actuator":"pump","action":"on","duration_ms":"8000","ttl_ms":5})") == INVALID);
  CHECK(action_of(R"({"id":1,"seq":2,"actuator":"pump","action":"on","duration_ms":-1,"ttl_ms":5})") == INVALID);
  CHECK(action_of(R"({"id":1,"seq":2,"actuator":"pump","action":"on","duration_ms":8000})") == INVALID);
  CHECK(action_of(R"({"id":1,"seq":2,"actuator":7,"action":"on","duration_ms":8000,"ttl_ms":5})") == INVALID);
  CHECK(action_of(R"({"id":1,"seq":2,"actuator":"0123456789012345678901234567890123456789","action":"on","ttl_ms":5})") == INVALID);
  CHECK(action_of(R"({"id":1,"seq":2,"actuator":"pump","action":"open","ttl_ms":5})") == INVALID);
  CHECK(action_of(R"({"id":1,"seq":2,"actuator":"pump","action":"off"})") == Command::Action::OFF);
  // Without id or seq it cannot be answered.
  for (const char *nameless : {R"({"seq":2,"action":"on"})", R"({"id":1,"action":"on"})", R"({"id":1,"seq":"2","action":"on"})",
                               R"({"id":0,"seq":2,"action":"on"})", R"({"id":1,"seq":4294967295,"action":"on"})"})
    CHECK(action_of(nameless) == static_cast<Command::Action>(99));
  Commands none;
  CHECK(read(R"({"commands":"Welcome to our hotel"})", none) && !none.is_list);
  Commands elsewhere;
  CHECK(read(R"({"x":[{"id":1,"seq":2,"action":"on"}]})", elsewhere) && !elsewhere.is_list && elsewhere.size == 0);
  std::string many = "{\"commands\":[";
  for (int i = 0; i < 20; i++)
    many += (i != 0 ? "," : "") + std::string("{\"id\":1,\"seq\":") + std::to_string(i + 1) + ",\"action\":\"off\"}";
  Commands first;
  CHECK(read(many + "]}", first) && first.size == 8 && first.ignored == 12);
}

static void a_commands_age() {
  Commands commands;
  CHECK(read(R"({"held_ms":2500,"commands":[{"held_ms":9}]})", commands) && commands.held_ms == 2500);
  CHECK(commands.told_ms(1000, 9000) == 3500 && commands.told_ms(UINT32_MAX - 500, 5000) == 1999);
  // A backend that says that it held the question for longer than it has been under way makes nothing younger.
  CHECK(commands.told_ms(1000, 3000) == 3000);
  Commands silent;
  CHECK(read(R"({"held_ms":"2500","commands":[]})", silent) && silent.held_ms == 0 && silent.told_ms(1000, 9000) == 1000);
}

static void what_pumps_ran() {
  struct Heard : PumpUses {
    std::string all;
    void on_pump_use(const char *channel, uint32_t used_ms) override {
      all += std::string(channel) + "=" + std::to_string(used_ms) + " ";
    }
  } heard;
  SignedIn answer(heard);
  CHECK(read(R"({"x":[{"key":"no","used_ms":1}],"access_token":"a","refresh_token":"r","pumps":[{"key":"pump_1","used_ms":0},
    {"used_ms":7},{"key":"pump_2"},{"key":"pump_3","used_ms":-1},{"key":"pump_4","used_ms":4294967296},
    {"key":"0123456789012345678901234567890123456789","used_ms":1},{"key":"pump_5","used_ms":12000}],"expires_in":900})",
             answer));
  CHECK(answer.are_whole() && heard.all == "pump_1=0 pump_5=12000 ");
  SignedIn nonsense(heard);
  CHECK(read(R"({"pumps":{"key":"pump","used_ms":1}})", nonsense) && heard.all == "pump_1=0 pump_5=12000 ");
}

static void tokens() {
  Tokens tokens;
  CHECK(read(R"({"access_token":"a.b.c","refresh_token":"r","token_type":"bearer","expires_in":900})", tokens));
  CHECK(tokens.are_whole() && tokens.expires_s == 900);
  for (const std::string &wrong : {std::string(R"({"access_token":"a","refresh_token":"r"})"),
                                  std::string(R"({"access_token":"a","expires_in":900})"),
                                  std::string(R"({"access_token":"a\r\nX: y","refresh_token":"r","expires_in":900})"),
                                  R"({"refresh_token":"r","expires_in":900,"access_token":")" + std::string(513, 'x') + "\"}"}) {
    Tokens none;
    CHECK(read(wrong, none) && !none.are_whole());
  }
}

static void acks() {
  char buffer[256];
  JsonWriter out(buffer, sizeof(buffer));
  write_ack(out, {4711, 18, {Status::SUCCEEDED, Reason::MAX_RUN, 8000}, Status::NONE});
  write_ack(out, {1, 2, {Status::INTERRUPTED, Reason::REBOOT, RAN_UNKNOWN}, Status::NONE});
  write_ack(out, {1, 2, {Status::ACCEPTED, Reason::NONE, 0}, Status::NONE});
  CHECK(std::string(out.data(), out.size()) ==
        R"({"id":4711,"seq":18,"status":"succeeded","ran_ms":8000,"reason":"max_run"})"
        R"({"id":1,"seq":2,"status":"interrupted","reason":"reboot"})"
        R"({"id":1,"seq":2,"status":"accepted"})");
}

// Answers as broken Wi-Fi, proxies and portals make them: understood or refused, and nothing else happens.
static void fuzz() {
  const std::string seed = R"({"commands":[{"id":4711,"seq":18,"actuator":"pu\u006dp","action":"on","duration_ms":8000,)"
                           R"("ttl_ms":118500},{"id":12,"seq":19,"x":null,"y":[true,{"z":"\n\""}]}],"access_token":"abc"})";
  size_t understood = 0;
  for (int i = 0; i < 300'000; i++) {
    std::string text = seed;
    for (uint32_t n = pick(6); n != 0 && !text.empty(); n--) {
      const size_t at = pick(static_cast<uint32_t>(text.size()));
      switch (pick(4)) {
        case 0:
          text[at] = static_cast<char>(pick(256));
          break;
        case 1:
          text.erase(at, 1 + pick(4));
          break;
        case 2:
          text.insert(at, 1, "{}[]\",:\\u0-9e"[pick(13)]);
          break;
        default:
          text.insert(at, text.substr(pick(static_cast<uint32_t>(text.size())), pick(30)));
      }
    }
    char *exact = new char[text.size()];
    memcpy(exact, text.data(), text.size());
    Commands commands;
    if (JsonReader::read(exact, text.size(), commands)) {
      understood++;
      CHECK(commands.size <= commands.items.size());
      for (size_t j = 1; j < commands.size; j++)
        CHECK(commands.items[j - 1].seq <= commands.items[j].seq);
    }
    memcpy(exact, text.data(), text.size());
    Tokens tokens;
    JsonReader::read(exact, text.size(), tokens);
    memcpy(exact, text.data(), text.size());
    Problem problem;
    JsonReader::read(exact, text.size(), problem);
    delete[] exact;
  }
  CHECK(understood > 10'000);
}

int main() {
  commands();
  what_makes_no_sense_moves_nothing();
  a_commands_age();
  what_pumps_ran();
  tokens();
  acks();
  fuzz();
}

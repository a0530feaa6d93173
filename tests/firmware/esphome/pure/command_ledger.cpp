#include "command_ledger.h"
#include "check.h"

using namespace esphome::plant_node;

static Outcome succeeded(uint32_t ran_ms) { return {Status::SUCCEEDED, Reason::NONE, ran_ms}; }
static const Outcome ACCEPTED{Status::ACCEPTED, Reason::NONE, 0};

static void an_outcome_is_told_until_it_is_known() {
  CommandLedger ledger;
  std::array<const CommandLedger::Entry *, CommandLedger::MAX_ACKS> news;
  ledger.set(100, 7, ACCEPTED);
  CHECK(ledger.last_seq() == 7 && ledger.is_known(7) && !ledger.is_known(8));
  CHECK(ledger.news(news) == 1 && news[0]->outcome.status == Status::ACCEPTED);
  ledger.finish(7, succeeded(500));
  // The answer to the first ack comes late: it is not about the outcome.
  ledger.told(7, Status::ACCEPTED);
  CHECK(ledger.news(news) == 1 && news[0]->outcome.ran_ms == 500);
  ledger.told(7, Status::SUCCEEDED);
  CHECK(!ledger.has_news());
  ledger.finish(7, {Status::INTERRUPTED, Reason::OFF, 1});
  CHECK(!ledger.has_news());
  ledger.came_again(100, 7);
  CHECK(ledger.news(news) == 1 && news[0]->outcome.status == Status::SUCCEEDED);
  ledger.came_again(50, 3);
  CHECK(ledger.news(news) == 2 && news[0]->seq == 3 && news[0]->outcome.status == Status::DUPLICATE);
}

// Whatever comes and whatever is confirmed: as long as nobody asks while there is no room, no outcome is forgotten untold.
static void nothing_untold_is_forgotten() {
  CommandLedger ledger;
  std::array<const CommandLedger::Entry *, CommandLedger::MAX_ACKS> news;
  uint32_t seq = 0, told = 0;
  for (int step = 0; step < 20000; step++) {
    if (ledger.has_room() && pick(2) == 0) {
      for (uint32_t n = pick(CommandLedger::AT_ONCE + 1); n != 0; n--) {
        seq++;
        ledger.set(seq, seq, succeeded(seq));
      }
    }
    const size_t size = ledger.news(news);
    for (size_t i = 0; i < size && pick(3) != 0; i++) {
      CHECK(news[i]->seq == told + 1 && news[i]->outcome.ran_ms == told + 1);
      told++;
      ledger.told(told, Status::SUCCEEDED);
    }
    CHECK(seq - told <= CommandLedger::CAPACITY);
  }
  CHECK(told > 1000);
}

static void a_record_survives_what_its_node_does_not() {
  ActuatorRecord record;
  record.belong_to(42);
  Command command;
  command.id = 100;
  command.seq = 9;
  record.begin(command, 20'000, 9, 50);
  ActuatorRecord read_again = record;
  CHECK(read_again.recover(50, true));
  CHECK(!read_again.recover(50, true));
  CHECK(read_again.status == Status::INTERRUPTED && read_again.reason == Reason::REBOOT && read_again.ran_ms == RAN_UNKNOWN);
  // Unknown counts in full.
  CHECK(read_again.past.spent_ms(50) == 20'000);
  CommandLedger ledger;
  ledger.restore(read_again);
  CHECK(ledger.last_seq() == 9 && ledger.has_news());

  record.end({Status::INTERRUPTED, Reason::OFF, 1'500}, 10, 52, true);
  CHECK(record.past.spent_ms(52) == 1'500 && record.last_seq == 10 && !record.recover(60, true));
  record.belong_to(42);
  CHECK(record.last_seq == 10);
  record.belong_to(43);
  CHECK(record.last_seq == 0 && record.command_id == 0 && record.past.spent_ms(52) == 1'500);
}

static void a_lamp_that_stays_on_is_settled() {
  ActuatorRecord record;
  Command command;
  command.id = 1;
  command.seq = 1;
  record.begin(command, 0, 1, 0);
  record.status = Status::SUCCEEDED;
  record.ran_ms = 0;
  record.end({Status::INTERRUPTED, Reason::OFF, 99}, 1, 5, false);
  CHECK(record.status == Status::SUCCEEDED && record.ran_ms == 0 && record.past.size == 0);
}

int main() {
  // What goes into flash: two pumps and a lamp fit into an ESP8266's 512 bytes beside Wi-Fi's.
  static_assert(sizeof(ActuatorRecord) <= 120);
  static_assert(std::is_trivially_copyable_v<ActuatorRecord>);
  an_outcome_is_told_until_it_is_known();
  nothing_untold_is_forgotten();
  a_record_survives_what_its_node_does_not();
  a_lamp_that_stays_on_is_settled();
}

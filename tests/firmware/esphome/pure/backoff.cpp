#include "backoff.h"
#include "session.h"
#include <cstdint>
#include "check.h"

using namespace esphome::plant_node;

int main() {
  Backoff backoff(1000, 60'000);
  uint32_t longest = 0;
  for (int i = 0; i < 400; i++) {
    const uint32_t pause_ms = backoff.failed(chance()());
    const uint32_t full_ms = i < 6 ? 1000u << i : 60'000;
    CHECK(pause_ms > full_ms / 2 - 1 && pause_ms <= full_ms);
    longest = pause_ms > longest ? pause_ms : longest;
  }
  CHECK(longest > 55'000);
  backoff.succeeded();
  CHECK(backoff.failed(0) == 1000);
  // What the backend asks for is the least, and not all nodes come back at once.
  for (int i = 0; i < 1000; i++) {
    const uint32_t pause_ms = Backoff(1000, 60'000).failed(chance()(), 120'000);
    CHECK(pause_ms >= 120'000 && pause_ms <= 132'000);
  }
  CHECK(Backoff(1000, 60'000).failed(UINT32_MAX, UINT32_MAX) <= UINT32_MAX / 4);
  Pace pace(1000, 1000);
  pace.failed(UINT32_MAX - 100, 0);
  CHECK(!pace.may_go(800) && pace.may_go(1000));
  // Without a network nobody asks: after a month it goes on at once, not after the clock has come round.
  pace.failed(0, 0);
  CHECK(pace.may_go(30u * 24 * 60 * 60 * 1000));
  // A pump runs, and somebody may have said off: sooner, but never sooner than the backend asks for.
  Pace slow(30'000, 30'000);
  slow.failed(0, 0);
  CHECK(!slow.may_go(1999, 2000) && !slow.may_go(2000) && slow.may_go(2000, 2000));
  slow.failed(0, 0, 10'000);
  CHECK(!slow.may_go(9'999, 2000) && slow.may_go(10'000, 2000));
  slow.wait(0, 500);
  CHECK(!slow.may_go(499, 2000) && slow.may_go(500, 2000));
}

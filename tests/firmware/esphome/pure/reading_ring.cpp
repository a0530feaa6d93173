#include "reading_ring.h"
#include <deque>
#include <vector>
#include "check.h"

using namespace esphome::plant_node;

// Whatever happens: every reading is delivered once, in order, or counted as dropped; and a batch never changes while its
// number stays.
static void nothing_is_lost_or_doubled() {
  for (int round = 0; round < 300; round++) {
    ReadingRing<16, 6> ring;
    std::vector<float> taken;
    std::vector<float> of_number;
    uint32_t number = 0;
    float next = 0;
    for (int step = 0; step < 400; step++) {
      switch (pick(6)) {
        case 0:
        case 1:
        case 2:
          for (uint32_t n = pick(5); n != 0; n--)
            ring.add(0, next++, 1000);
          break;
        case 3:
          ring.split();
          break;
        default:
          if (!ring.open())
            break;
          if (ring.number() == number)
            CHECK(of_number.size() == ring.count());
          if (ring.number() != number)
            of_number.clear();
          for (size_t i = 0; i < ring.count(); i++) {
            if (ring.number() == number)
              CHECK(of_number[i] == ring.at(i).value);
            else
              of_number.push_back(ring.at(i).value);
          }
          CHECK(ring.number() >= number);
          number = ring.number();
          if (pick(3) == 0)
            break;  // The answer was lost.
          for (size_t i = 0; i < ring.count(); i++) {
            taken.push_back(ring.at(i).value);
          }
          ring.done();
      }
      CHECK(taken.size() + ring.waiting() + ring.dropped() == static_cast<size_t>(next));
    }
    for (size_t i = 1; i < taken.size(); i++)
      CHECK(taken[i] > taken[i - 1]);
  }
}

static void parts_of_a_batch() {
  ReadingRing<16, 6> ring;
  for (int i = 0; i < 8; i++)
    ring.add(0, static_cast<float>(i), 0);
  CHECK(ring.open() && ring.count() == 6 && ring.number() == 1);
  CHECK(ring.split() && ring.count() == 3 && ring.number() == 2 && ring.at(0).value == 0);
  ring.done();
  CHECK(ring.open() && ring.count() == 3 && ring.number() == 3 && ring.at(0).value == 3);
  ring.done();
  CHECK(ring.open() && ring.count() == 2 && ring.number() == 4 && ring.at(0).value == 6);
  CHECK(ring.split() && ring.count() == 1 && !ring.split());
}

static void what_is_too_old_goes() {
  ReadingRing<16, 6> ring;
  const uint32_t near_the_wrap = UINT32_MAX - 1000;
  ring.add(0, 1, near_the_wrap);
  CHECK(ring.open());
  ring.add(0, 2, near_the_wrap + 2000);
  ring.expire(near_the_wrap + 2000);
  CHECK(ring.waiting() == 2);
  ring.expire(near_the_wrap + 1000 + ReadingRing<16, 6>::MAX_AGE_MS);
  CHECK(ring.waiting() == 1 && ring.dropped() == 1);
}

int main() {
  nothing_is_lost_or_doubled();
  parts_of_a_batch();
  what_is_too_old_goes();
}

#pragma once
// Readings that wait for the backend, and the batch that is under way.
#include <array>
#include <cstddef>
#include <cstdint>

namespace esphome::plant_node {

struct Reading {
  /// When it was measured, on a clock that wraps after 49 days.
  uint32_t at_ms;
  float value;
  uint8_t channel;
};

/// Keeps the newest CAPACITY readings, and one batch of at most BATCH besides them. A batch stays as it is until the
/// backend has said what became of it: a repeat under the same id must hold the same readings.
template<size_t CAPACITY, size_t BATCH> class ReadingRing {
 public:
  /// The backend takes nothing older; far below where the clock wraps.
  static constexpr uint32_t MAX_AGE_MS = 31UL * 24 * 60 * 60 * 1000 - 60 * 60 * 1000;

  void add(uint8_t channel, float value, uint32_t now_ms) {
    if (size_ == CAPACITY) {
      pop_();
      dropped_++;
    }
    ring_[(first_ + size_++) % CAPACITY] = Reading{now_ms, value, channel};
  }

  /// Drops what has grown too old to be taken. To be called at least once a day.
  void expire(uint32_t now_ms) {
    while (size_ != 0 && now_ms - ring_[first_].at_ms > MAX_AGE_MS) {
      pop_();
      dropped_++;
    }
    if (count() != 0 && now_ms - at(0).at_ms > MAX_AGE_MS) {
      dropped_ += static_cast<uint32_t>(count());
      done();
    }
  }

  /// Makes sure that a batch is open, if anything waits.
  bool open() {
    if (count() != 0)
      return true;
    begin_ = 0;
    while (total_ < BATCH && size_ != 0) {
      batch_[total_++] = ring_[first_];
      pop_();
    }
    end_ = total_;
    if (total_ != 0)
      number_++;
    return total_ != 0;
  }

  /// The batch is with the backend, or will never be taken. What was split off it comes next.
  void done() {
    begin_ = end_;
    end_ = total_;
    if (begin_ != end_)
      number_++;
    else
      begin_ = end_ = total_ = 0;
  }

  /// The batch was too large: its first half becomes a batch of its own. False where it is a single reading.
  bool split() {
    if (count() < 2)
      return false;
    end_ = begin_ + count() / 2;
    number_++;
    return true;
  }

  /// The open batch.
  size_t count() const { return end_ - begin_; }
  const Reading &at(size_t i) const { return batch_[begin_ + i]; }
  uint32_t number() const { return number_; }

  /// Everything that the backend has not taken.
  size_t waiting() const { return size_ + (total_ - begin_); }
  uint32_t dropped() const { return dropped_; }
  bool has_full_batch() const { return waiting() >= BATCH; }

 protected:
  void pop_() {
    first_ = (first_ + 1) % CAPACITY;
    size_--;
  }

  std::array<Reading, CAPACITY> ring_;
  std::array<Reading, BATCH> batch_;
  size_t first_{0}, size_{0};
  size_t begin_{0}, end_{0}, total_{0};
  uint32_t number_{0};
  uint32_t dropped_{0};
};

}  // namespace esphome::plant_node

#pragma once
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <cstdlib>
#include <mutex>

#include "esphome/core/gpio.h"
#include "wall_clock.h"

namespace esphome::trace_pin {

class TracePins {};

/// Appends a line for each change, in one write, so that a kill leaves whole lines.
class TracePin final : public GPIOPin {
 public:
  explicit TracePin(const char *name) : name_(name) {}
  void setup() override {}
  void pin_mode(gpio::Flags flags) override {}
  gpio::Flags get_flags() const override { return gpio::FLAG_OUTPUT; }
  bool digital_read() override { return is_on_; }

  void digital_write(bool is_on) override {
    // A guard's thread writes too.
    std::lock_guard<std::mutex> lock(mutex_);
    if (is_on == is_on_)
      return;
    is_on_ = is_on;
    struct timespec wall, mono;
    // The real one, whatever the program believes.
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_MONOTONIC, &mono);
    char line[160];
    const int size = snprintf(line, sizeof(line), "{\"pin\":\"%s\",\"on\":%s,\"at\":%lld.%09ld,\"mono\":%lld.%09ld}\n", name_,
                              is_on ? "true" : "false", static_cast<long long>(wall.tv_sec), wall.tv_nsec,
                              static_cast<long long>(mono.tv_sec), mono.tv_nsec);
    const int file = open(getenv("PLANT_TRACE"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (file < 0 || write(file, line, static_cast<size_t>(size)) != size)
      abort();
    close(file);
  }

 protected:
  const char *name_;
  bool is_on_{false};
  std::mutex mutex_;
};

}  // namespace esphome::trace_pin

#pragma once
// Ends a run by a timer that does not depend on the main loop: at its time, or when the loop stands still meanwhile.
#include <cstdint>

#include "esphome/core/defines.h"
#include "esphome/core/gpio.h"
#ifdef USE_ESP32
#include <esp_timer.h>
#endif
#ifdef USE_ESP8266
extern "C" {
#include "osapi.h"
#include "os_type.h"
}
#else
#include <atomic>
#endif

namespace esphome::plant_node {

#ifdef USE_ESP8266
// It has one thread, and no atomic instructions.
template<typename T> using Shared = volatile T;
#else
template<typename T> using Shared = std::atomic<T>;
#endif

#ifdef USE_HOST
// There is no interrupt on a computer, so any pin will do.
using GuardedPin = GPIOPin;
#else
using GuardedPin = InternalGPIOPin;
#endif

class RunGuard {
 public:
  /// False where there is no timer to be had: then nothing may run.
  bool setup(GuardedPin *pin);
  /// Writes the pin off in so many milliseconds, whatever the main loop does.
  bool arm(uint32_t after_ms);
  /// Moves the end of what is armed. Does nothing once it has fired.
  void extend(uint32_t after_ms);
  void disarm();
  bool has_fired() const { return has_fired_; }
  /// When it wrote the pin off.
  uint32_t fired_at_ms() const { return fired_at_ms_; }

 protected:
  static void fire_(void *guard);

  GuardedPin *pin_{nullptr};
  ISRInternalGPIOPin isr_pin_;
  Shared<bool> has_fired_{false};
  Shared<uint32_t> fired_at_ms_{0};
#if defined(USE_ESP32)
  esp_timer_handle_t timer_{nullptr};
#elif defined(USE_ESP8266)
  os_timer_t timer_{};
#elif defined(USE_HOST)
  struct Thread;
  Thread *thread_{nullptr};
#endif
};

}  // namespace esphome::plant_node

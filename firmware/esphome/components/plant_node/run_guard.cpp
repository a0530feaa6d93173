#include "run_guard.h"

#include "esphome/core/hal.h"
#ifdef USE_HOST
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#endif

namespace esphome::plant_node {

#ifndef USE_HOST
void RunGuard::fire_(void *guard) {
  auto *self = static_cast<RunGuard *>(guard);
  // Said before it is done: who switches on at this very moment looks afterwards.
  self->fired_at_ms_ = millis();
  self->has_fired_ = true;
  self->isr_pin_.digital_write(false);
}
#endif

#if defined(USE_ESP32)

bool RunGuard::setup(GuardedPin *pin) {
  pin_ = pin;
  isr_pin_ = pin->to_isr();
  esp_timer_create_args_t args{};
  args.callback = RunGuard::fire_;
  args.arg = this;
  args.dispatch_method = ESP_TIMER_TASK;
  args.name = "plant_node";
  return esp_timer_create(&args, &timer_) == ESP_OK;
}

bool RunGuard::arm(uint32_t after_ms) {
  disarm();
  has_fired_ = false;
  return esp_timer_start_once(timer_, static_cast<uint64_t>(after_ms) * 1000) == ESP_OK;
}

void RunGuard::extend(uint32_t after_ms) {
  disarm();
  // What no timer would end is over.
  if (!has_fired_ && esp_timer_start_once(timer_, static_cast<uint64_t>(after_ms) * 1000) != ESP_OK)
    fire_(this);
}

void RunGuard::disarm() { esp_timer_stop(timer_); }

#elif defined(USE_ESP8266)

bool RunGuard::setup(GuardedPin *pin) {
  pin_ = pin;
  isr_pin_ = pin->to_isr();
  os_timer_setfn(&timer_, RunGuard::fire_, this);
  return true;
}

bool RunGuard::arm(uint32_t after_ms) {
  disarm();
  has_fired_ = false;
  os_timer_arm(&timer_, after_ms, false);
  return true;
}

void RunGuard::extend(uint32_t after_ms) {
  disarm();
  if (!has_fired_)
    os_timer_arm(&timer_, after_ms, false);
}

void RunGuard::disarm() { os_timer_disarm(&timer_); }

#elif defined(USE_HOST)

struct RunGuard::Thread {
  std::mutex mutex;
  std::condition_variable changed;
  std::chrono::steady_clock::time_point deadline;
  bool is_armed{false};
};

bool RunGuard::setup(GuardedPin *pin) {
  pin_ = pin;
  thread_ = new Thread;  // NOLINT(cppcoreguidelines-owning-memory)
  std::thread(RunGuard::fire_, this).detach();
  return true;
}

void RunGuard::fire_(void *guard) {
  auto *self = static_cast<RunGuard *>(guard);
  Thread &thread = *self->thread_;
  std::unique_lock<std::mutex> lock(thread.mutex);
  while (true) {
    if (!thread.is_armed) {
      thread.changed.wait(lock);
    } else if (std::chrono::steady_clock::now() < thread.deadline) {
      thread.changed.wait_until(lock, thread.deadline);
    } else {
      thread.is_armed = false;
      self->fired_at_ms_ = millis();
      self->has_fired_ = true;
      self->pin_->digital_write(false);
    }
  }
}

bool RunGuard::arm(uint32_t after_ms) {
  std::lock_guard<std::mutex> lock(thread_->mutex);
  has_fired_ = false;
  thread_->deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(after_ms);
  thread_->is_armed = true;
  thread_->changed.notify_one();
  return true;
}

void RunGuard::extend(uint32_t after_ms) {
  std::lock_guard<std::mutex> lock(thread_->mutex);
  if (!thread_->is_armed)
    return;
  thread_->deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(after_ms);
  thread_->changed.notify_one();
}

void RunGuard::disarm() {
  std::lock_guard<std::mutex> lock(thread_->mutex);
  thread_->is_armed = false;
}

#endif

}  // namespace esphome::plant_node

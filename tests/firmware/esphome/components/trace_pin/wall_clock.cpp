#include "wall_clock.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace esphome::trace_pin {

std::atomic<int64_t> wall_step_s{0};

}  // namespace esphome::trace_pin

// Instead of the C library's, for all of this program.
extern "C" {

int clock_gettime(clockid_t clock, struct timespec *out) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, out);
  if (result == 0 && clock == CLOCK_REALTIME)
    out->tv_sec += esphome::trace_pin::wall_step_s;
  return static_cast<int>(result);
}

int gettimeofday(struct timeval *out, void *) noexcept {
  struct timespec now;
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return result;
}

time_t time(time_t *out) noexcept {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr)
    *out = now.tv_sec;
  return now.tv_sec;
}
}

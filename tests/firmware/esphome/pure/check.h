#pragma once
// What the tests of the pure headers are made of: a check that says where it failed, and a reproducible chance.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#define CHECK(what) \
  do { \
    if (!(what)) { \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
      exit(1); \
    } \
  } while (false)

inline std::mt19937 &chance() {
  static std::mt19937 generator(20261125);
  return generator;
}
inline uint32_t pick(uint32_t below) { return chance()() % below; }

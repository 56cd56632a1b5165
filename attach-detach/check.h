// SPDX-License-Identifier: Apache-2.0
#pragma once
// CHECK: for what only a bug of ours can cause. It stays on in every build; what the outside can cause is an Error.
#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

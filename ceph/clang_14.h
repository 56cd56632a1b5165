// SPDX-License-Identifier: Apache-2.0
#pragma once
// Included before everything else where clang before 16 compiles Ceph's public headers (ceph/CMakeLists.txt): rados/buffer.h
// compares two kinds of iterator, and until P2468 the reversed `==` of C++20 makes that ambiguous. GCC 12 takes it as it is.
#if defined(__clang__) && __clang_major__ < 16 && defined(__cplusplus)
#include <iterator>
#include <type_traits>

namespace ceph::buffer {
template <class Left, class Right>
requires(!std::is_same_v<Left, Right> &&
         std::is_same_v<std::remove_const_t<typename Left::value_type>, std::remove_const_t<typename Right::value_type>> &&
         std::is_same_v<typename Left::iterator_category, std::forward_iterator_tag>) bool
operator==(const Left& left, const Right& right) {
  return &*left == &*right;
}
}  // namespace ceph::buffer
#endif

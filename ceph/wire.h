// SPDX-License-Identifier: Apache-2.0
#pragma once
// The part of Ceph's encoding that the object class `rbd` uses (src/include/encoding.h): little-endian numbers, and text with a
// 32-bit length prefix.
#include <cstdint>
#include <string>
#include <string_view>

namespace blockplug::rbd {

class Encoder {
 public:
  template <typename Number>
  Encoder& number(Number value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      bytes_ += static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 0xFF);
    return *this;
  }
  Encoder& text(std::string_view text) {
    number(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads zeros and empty text beyond the end of the input; the final check reports that.
class Decoder {
 public:
  explicit Decoder(std::string bytes) : bytes_(std::move(bytes)) {}
  template <typename Number>
  Number number() {
    std::uint64_t value = 0;
    const auto part = take(sizeof(Number));
    for (std::size_t i = 0; i < part.size(); ++i) value |= std::uint64_t{static_cast<unsigned char>(part[i])} << (8 * i);
    return static_cast<Number>(value);
  }
  std::string text() { return take(number<std::uint32_t>()); }
  bool is_whole() const { return is_whole_; }

 private:
  std::string take(std::size_t count) {
    if (count > bytes_.size() - at_) {
      is_whole_ = false;
      return {};
    }
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  std::string bytes_;
  std::size_t at_{};
  bool is_whole_{true};
};

}  // namespace blockplug::rbd

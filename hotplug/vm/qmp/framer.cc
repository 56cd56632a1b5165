// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/qmp/framer.h"

#include <array>
#include <cstdio>

namespace blockplug::qmp {
namespace {
constexpr std::size_t kKeptBufferBytes = 256U << 10U;

Error unexpected(char byte, const char* where) {
  std::array<char, 8> hex{};
  std::snprintf(hex.data(), hex.size(), "0x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  return no_effect(Code::InvalidArgument, std::string("byte ") + hex.data() + " " + where);
}
}  // namespace

void Framer::feed(std::string_view bytes) {
  if (broken_) return;
  // Moving the rest only when it is the smaller half keeps the total cost linear.
  if (begin_ > 0 && begin_ >= buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
    if (buffer_.capacity() > kKeptBufferBytes) buffer_.shrink_to_fit();
  }
  buffer_.append(bytes);
}

Result<std::optional<std::string_view>> Framer::next() {
  if (broken_) return *broken_;
  while (scanned_ < buffer_.size()) {
    const auto stepped = step(buffer_[scanned_++]);
    if (!stepped.ok()) return *(broken_ = stepped.error());
    switch (*stepped) {
      case Step::Between: begin_ = scanned_; break;
      case Step::Inside:
        if (scanned_ - begin_ >= limit_bytes_)
          return *(broken_ =
                       no_effect(Code::ResourceExhausted, "a message of more than " + std::to_string(limit_bytes_) + " bytes"));
        break;
      case Step::Complete: {
        const std::string_view text = std::string_view(buffer_).substr(begin_, scanned_ - begin_);
        begin_ = scanned_;
        return std::optional(text);
      }
    }
  }
  return std::optional<std::string_view>{};
}

Result<Framer::Step> Framer::step(char byte) {
  switch (text_) {
    case Text::Outside: return step_outside_string(byte);
    case Text::Escape: text_ = Text::String; return Step::Inside;
    case Text::String:
      // Never valid inside a string, and every QEMU message ends with a line feed: so an unclosed string is noticed at once.
      if (static_cast<unsigned char>(byte) < 0x20) return unexpected(byte, "inside a string");
      if (byte == '"') text_ = Text::Outside;
      if (byte == '\\') text_ = Text::Escape;
      return Step::Inside;
  }
  CHECK(false);
}

Result<Framer::Step> Framer::step_outside_string(char byte) {
  if (depth_ == 0) {
    if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n') return Step::Between;
    if (byte != '{') return unexpected(byte, "where a message should begin");
  }
  switch (byte) {
    case '"': text_ = Text::String; break;
    case '{':
    case '[':
      if (++depth_ > kDepthLimit)
        return no_effect(Code::ResourceExhausted, "a message nested deeper than " + std::to_string(kDepthLimit));
      break;
    case '}':
    case ']':
      if (--depth_ == 0) return Step::Complete;
      break;
    default: break;
  }
  return Step::Inside;
}

}  // namespace blockplug::qmp

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rung Reserve: an attachment of the volume at Cinder that is ours, so that nobody else uses the volume; a tag in the volume's
// metadata says whose it is (tags.h).
//
//   nothing ── POST ──▶ attachment, id kept ── tag ──▶ Up ── DELETE, tag removed ──▶ nothing
//       └── the answer is lost: an attachment without our tag is never adopted. One without tag and instance that stays reserved
//       for
//           30 s is nobody's: it is deleted, and POST repeated
//
// An attachment that Cinder no longer has is Partial: its id is kept until its tag is gone too. Made by the composition root; calls
// come on any worker thread, one at a time per volume. It never sends an instance_uuid: with one, Cinder would ask Nova.
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "cinder/api.h"
#include "cinder/readings.h"
#include "cinder/tags.h"

namespace blockplug::cinder {

class Reserve final : public Rung {
 public:
  struct Parts {
    Api& api;
    Readings& readings;
    std::string backend, node, daemon;                                // daemon: see Owner
    std::chrono::milliseconds grace{std::chrono::seconds(30)};        // how long an attachment without a tag may be somebody's
    std::chrono::milliseconds on_the_wire{std::chrono::seconds(75)};  // how long a POST whose end is unknown may still take effect
  };
  explicit Reserve(Parts parts) : parts_(std::move(parts)) {}

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;  // attachments and tags of this daemon

 private:
  enum class Then : std::uint8_t { Ask, Leave };

  Attempt make(const Call& call);
  Attempt finish(const Call& call, const Attachment& attachment);
  Attempt refused(const Call& call, const Error& error);
  // Attachments that only a lost answer explains, deleted once they are old enough. Waiting: one is too young, or may still come.
  Attempt clear_strays(const Call& call, Then then);
  Attempt delete_stray(const Call& call, const std::string& attachment);
  Status check_project(const Call& call);
  Status untag(const Call& call, const std::string& attachment);
  Facts facts_of(const Call& call, const Attachment& attachment);
  void forget_surveyed(const AttachmentKey& key);
  Finding probe_tag(const Call& call, const Attachment& attachment);
  Owner owner(const Call& call) const { return {parts_.node, call.key.target, parts_.daemon}; }

  const Parts parts_;
  std::mutex mutex_;                    // guards the members below
  std::map<std::string, Time> strays_;  // first seen
  Survey surveyed_;                     // by the last survey that was answered
  Time surveyed_at_{}, lowered_at_{};   // what was lowered since a survey is not found any more
};

}  // namespace blockplug::cinder

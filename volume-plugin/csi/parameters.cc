// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/parameters.h"

#include <functional>
#include <map>

#include "attach-detach/number.h"
#include "attach-detach/printable.h"
#include "attach-detach/volume_limits.h"
#include "volume-plugin/csi/status.h"
#include "volume-plugin/size.h"

namespace blockplug::csi {
namespace {
constexpr int kMostTexts = 64;
constexpr std::size_t kLongestKey = 256, kLongestText = 4096;
// What external-provisioner and external-snapshotter add, and what they keep for themselves.
constexpr std::string_view kOfKubernetes = "csi.storage.k8s.io/";

using Read = std::function<Status(const std::string&)>;
using Readers = std::map<std::string, Read, std::less<>>;

Status read_all(const Texts& texts, const Readers& readers, const char* field) {
  TRY(check_texts(texts, field));
  for (const auto& [name, value] : texts) {
    if (name.starts_with(kOfKubernetes)) continue;
    const auto reader = readers.find(name);
    if (reader == readers.end()) {
      std::string known;
      for (const auto& [each, read] : readers) known += (known.empty() ? "" : ", ") + each;
      return invalid(std::string(field) + ": '" + printable(name) +
                     "' is not a parameter: " + (known.empty() ? "there are none" : "use " + known));
    }
    if (auto read = reader->second(value); !read.ok())
      return within(std::string(field) + ": " + name + ": '" + printable(value) + "'", std::move(read).error());
  }
  return Ok{};
}

Read text_into(std::string& into) {
  return [&into](const std::string& value) -> Status {
    if (value.empty()) return invalid("is empty: leave it out, or give a value");
    into = value;
    return Ok{};
  };
}

Readers limit_readers(VolumeLimitsWanted& limits) {
  return {{"iops",
           [&limits](const std::string& value) -> Status {
             const auto number = number_from<std::int64_t>(value);
             if (!number) return invalid("is not a number of operations per second, such as 500");
             TRY(check_limit(kIops, *number));
             limits.iops = *number;
             return Ok{};
           }},
          {"bytesPerSecond", [&limits](const std::string& value) -> Status {
             const auto number = TRY(parse_size(value));
             TRY(check_limit(kBytesPerSecond, number));
             limits.bytes_per_second = number;
             return Ok{};
           }}};
}

Read flag_into(bool& into) {
  return [&into](const std::string& value) -> Status {
    if (value != "true" && value != "false") return invalid("must be true or false");
    into = value == "true";
    return Ok{};
  };
}

}  // namespace

Result<AttachTo> attach_to(const std::string& value) {
  if (value == "host") return AttachTo::Host;
  if (value == "vm") return AttachTo::Vm;
  return invalid("must be host or vm");
}

bool is_of_vm(const Texts& volume_context) {
  const auto found = volume_context.find(kAttachTo);
  return found != volume_context.end() && found->second == "vm";
}

Status check_texts(const Texts& texts, const char* field) {
  if (texts.size() > kMostTexts) return invalid(std::string(field) + " has more than " + std::to_string(kMostTexts) + " entries");
  for (const auto& [name, value] : texts)
    if (name.empty() || name.size() > kLongestKey || value.size() > kLongestText)
      return invalid(std::string(field) + ": '" + printable(name) + "' is empty, or it or its value is too long");
  return Ok{};
}

Status check_no_secrets(const Texts& secrets) {
  if (secrets.empty()) return Ok{};
  return invalid(
      "secrets are not used: the keys of the storage are in the configuration of blockplugd. Remove the secrets from the "
      "StorageClass or the PersistentVolume");
}

Result<VolumeLimitsWanted> limits_of(const Texts& mutable_parameters) {
  VolumeLimitsWanted limits;
  TRY(read_all(mutable_parameters, limit_readers(limits), "mutable_parameters"));
  return limits;
}

Result<StorageClass> storage_class_of(const Texts& parameters, const Texts& mutable_parameters) {
  StorageClass wanted;
  auto readers = limit_readers(wanted.limits);
  readers["backend"] = text_into(wanted.backend);
  readers["type"] = text_into(wanted.type);
  readers["zone"] = text_into(wanted.zone);
  readers["flatten"] = flag_into(wanted.is_flattened);
  readers[kAttachTo] = [&wanted](const std::string& value) -> Status {
    wanted.attach_to = TRY(attach_to(value));
    return Ok{};
  };
  TRY(read_all(parameters, readers, "parameters"));
  TRY(read_all(mutable_parameters, limit_readers(wanted.limits), "mutable_parameters"));
  return wanted;
}

Status check_snapshot_parameters(const Texts& parameters) { return read_all(parameters, {}, "parameters"); }

}  // namespace blockplug::csi

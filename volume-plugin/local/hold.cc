// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/hold.h"

#include <fcntl.h>

#include "attach-detach/roles.h"
#include "hotplug/host/process/process.h"
#include "volume-plugin/local/lock.h"
#include "volume-plugin/local/never_written.h"

namespace blockplug::local {
namespace {
// Through a second descriptor: the lock belongs to another one, so closing this one does not release it.
bool may_open_direct(const VolumeDirectory& directory, const std::string& name) {
  return FileDescriptor{
      ::openat(directory.fd(), VolumeDirectory::file_of(name).c_str(), O_RDONLY | O_DIRECT | O_NOFOLLOW | O_CLOEXEC)}
      .is_open();
}

Error refused(const std::string& name, const std::string& why) {
  return no_effect(Code::FailedPrecondition, "volume '" + name + "': " + why);
}

constexpr const char* kUnseen = "; this may be the volume's own VM, which has not answered yet";
constexpr const char* kGone = "the file was replaced or deleted";
}  // namespace

LocalHold::LocalHold(const VolumeDirectory& directory, Adoption adoption)
    : directory_(directory), adoption_(std::move(adoption)), boot_(this_boot()) {}

Attempt LocalHold::raise(const Call& call) {
  auto facts = take(call);
  if (!facts.ok()) return std::move(facts).error();
  return Done{std::move(facts).value()};
}

Attempt LocalHold::lower(const Call& call) {
  release(call.key);
  return Done{};
}

Result<Facts> LocalHold::take(const Call& call) {
  const auto name = name_of(call.key.volume);
  auto opened = directory_.open_volume(name, call.spec.access);
  if (!opened.ok() && opened.error().code == Code::NotFound && !fact(call.before, roles::kImageId).empty()) {
    return refused(
        name, std::string{kGone} + ": " + directory_.path_of(name) + " no longer exists; detach the volume, or restore the file");
  }
  auto file = TRY(std::move(opened));
  const auto id = id_of(file.status);
  if (const auto why = was_replaced(call, id)) return refused(name, *why);
  const auto held = held_for(call.key);
  if (held && held->file == id && held->access == call.spec.access)
    return facts_of(file, name, TRY(never_written(call, file, held.get())));
  // Another access, or another file than the held one: the old lock is released first, since it would conflict with the new one.
  release(call.key);
  auto taken = take_free_lock(file, call);
  if (taken.ok()) taken = check_still_named(file, name);
  if (!taken.ok()) {
    if (held) taken.error().effect = Effect::Unknown;
    return std::move(taken).error();
  }
  auto was_never_written = never_written(call, file, held.get());
  if (!was_never_written.ok()) {
    release_daemon_lock(file.fd.get());
    if (held) was_never_written.error().effect = Effect::Unknown;
    return std::move(was_never_written).error();
  }
  auto facts = facts_of(file, name, *was_never_written);
  const std::lock_guard guard{mutex_};
  held_[call.key] = std::make_shared<const Held>(Held{std::move(file.fd), id, call.spec.access, *was_never_written});
  return facts;
}

// Take our lock first, then check for others: of two daemons that come at once, each sees the other.
Status LocalHold::take_free_lock(const VolumeFile& file, const Call& call) const {
  const auto name = name_of(call.key.volume);
  const auto id = id_of(file.status);
  if (!TRY(take_daemon_lock(file.fd.get(), call.spec.access))) return refused(name, who_has_the_lock(id));
  auto user = find_foreign_user(file.fd.get(), id, call.spec.access, ours(call.key));
  if (user.ok() && !*user) return Ok{};
  release_daemon_lock(file.fd.get());
  if (!user.ok()) return within("volume '" + name + "'", std::move(user).error());
  auto error = refused(name, (*user)->text);
  if (!is_unseen(call.key, **user)) return error;
  return no_effect(Code::Unavailable, error.message + kUnseen);
}

bool LocalHold::is_unseen(const AttachmentKey& key, const ForeignUser& user) const {
  return user.is_qemu && adoption_.is_unseen && adoption_.is_unseen(key.target);
}

// Call with the lock held. A recorded value stays; a record without this value means that it is not known.
Result<std::string> LocalHold::never_written(const Call& call, const VolumeFile& file, const Held* held) const {
  if (const auto before = fact(call.before, roles::kImageNeverWritten); !before.empty()) return before;
  if (!fact(call.before, roles::kImageId).empty()) return std::string{"false"};
  if (held != nullptr) return held->never_written;
  const bool is_proven =
      local::is_never_written(file.fd.get(), file.status.st_size) && !TRY(is_in_use(file.fd.get(), id_of(file.status)));
  return std::string{is_proven ? "true" : "false"};
}

// Between open and lock the file may have been deleted; and below a mount the path may name another file.
Status LocalHold::check_still_named(const VolumeFile& file, const std::string& name) const {
  const auto now = directory_.id_by_path(name);
  if (now.ok() && *now == id_of(file.status)) return Ok{};
  release_daemon_lock(file.fd.get());
  if (!now.ok()) return now.error();
  return refused(
      name, std::string{kGone} + " while it was being attached: " + directory_.path_of(name) + " is not the file that was opened");
}

// Device numbers change at every boot, so only an image recorded in this boot can be compared.
std::optional<std::string> LocalHold::was_replaced(const Call& call, const FileId& now) const {
  const auto image = fact(call.before, roles::kImageId);
  if (image.empty() || fact(call.before, roles::kImageBoot) != boot_ || image == image_of(now).str()) return std::nullopt;
  return std::string{kGone} + ": " + directory_.path_of(name_of(call.key.volume)) + " is " + image_of(now).str() + " now, it was " +
         image + "; detach the volume, or restore the file";
}

std::string LocalHold::who_has_the_lock(const FileId& file) const {
  {
    const std::lock_guard guard{mutex_};
    for (const auto& [key, held] : held_) {
      if (held->file != file) continue;
      return "it is attached " + std::string{to_text(held->access)} + " to " + key.target.str() + ": detach it there first";
    }
  }
  return explain_daemon_lock(file);
}

OurOwn LocalHold::ours(const AttachmentKey& key) const {
  OurOwn own;
  if (adoption_.vm_process) own.vm_process = [this, key] { return adoption_.vm_process(key.target); };
  if (adoption_.is_our_loop)
    own.is_our_loop = [this, key](const std::string& device) { return adoption_.is_our_loop(key, device); };
  return own;
}

Facts LocalHold::facts_of(const VolumeFile& file, const std::string& name, const std::string& never_written) const {
  return {{roles::kImageId, image_of(id_of(file.status)).str()},
          {roles::kImagePath, directory_.path_of(name)},
          {roles::kImageSizeBytes, std::to_string(file.status.st_size)},
          {roles::kImageBoot, boot_},
          {roles::kImageDirect, may_open_direct(directory_, name) ? "true" : "false"},
          {roles::kImageNeverWritten, never_written}};
}

Finding LocalHold::probe(const Call& call) {
  const auto name = name_of(call.key.volume);
  const auto now = directory_.id_by_path(name);
  if (!now.ok()) return {Standing::Unknown, {}, now.error().message};
  if (held_for(call.key)) return probe_held(call, *now);
  const bool is_recorded = !fact(call.before, roles::kImageId).empty();
  if (!*now) return {is_recorded ? Standing::Stale : Standing::Down, {}, is_recorded ? kGone : "the volume does not exist"};
  if (const auto why = was_replaced(call, **now)) return {Standing::Stale, call.before, *why};
  return probe_free(call, **now);
}

Finding LocalHold::probe_held(const Call& call, const std::optional<FileId>& now) const {
  const auto held = held_for(call.key);
  const auto name = name_of(call.key.volume);
  struct stat status {};
  if (::fstat(held->fd.get(), &status) != 0) return {Standing::Unknown, {}, "cannot stat " + directory_.path_of(name)};
  VolumeFile file{.fd = {}, .status = status};
  const auto recorded = fact(call.before, roles::kImageNeverWritten);
  auto facts = facts_of(file, name, recorded.empty() ? held->never_written : recorded);
  if (now != held->file)
    return {Standing::Stale, std::move(facts), std::string{kGone} + " while it was held: " + directory_.path_of(name)};
  if (held->access == call.spec.access) return {Standing::Up, std::move(facts), {}};
  return {Standing::Stale, std::move(facts),
          std::string{"it is held "} + to_text(held->access) + ", not " + to_text(call.spec.access)};
}

Finding LocalHold::probe_free(const Call& call, const FileId& now) const {
  const auto name = name_of(call.key.volume);
  const auto foreign = [&]() -> Result<std::optional<ForeignUser>> {
    const auto file = TRY(directory_.open_volume(name, Access::ReadOnly));
    if (!TRY(may_take_daemon_lock(file.fd.get(), call.spec.access)))
      return std::optional{ForeignUser{who_has_the_lock(now), false}};
    return find_foreign_user(file.fd.get(), now, call.spec.access, ours(call.key));
  }();
  if (!foreign.ok()) return {Standing::Unknown, {}, foreign.error().message};
  if (*foreign && is_unseen(call.key, **foreign)) return {Standing::Unknown, {}, (*foreign)->text + kUnseen};
  if (*foreign) return {Standing::Foreign, {}, (*foreign)->text};
  if (fact(call.before, roles::kImageId).empty()) return {Standing::Down, {}, {}};
  return {Standing::Stale, call.before, "the lock ended with the daemon that held it; it will be taken again"};
}

std::shared_ptr<const LocalHold::Held> LocalHold::held_for(const AttachmentKey& key) const {
  const std::lock_guard guard{mutex_};
  const auto found = held_.find(key);
  return found == held_.end() ? nullptr : found->second;
}

void LocalHold::release(const AttachmentKey& key) {
  std::shared_ptr<const Held> held;
  {
    const std::lock_guard guard{mutex_};
    const auto found = held_.find(key);
    if (found == held_.end()) return;
    held = found->second;
    held_.erase(found);
  }
  release_daemon_lock(held->fd.get());
}

}  // namespace blockplug::local

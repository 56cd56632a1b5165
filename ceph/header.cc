// SPDX-License-Identifier: Apache-2.0
#include "ceph/header.h"

#include <algorithm>
#include <cerrno>

#include "ceph/connection.h"
#include "ceph/wire.h"

namespace blockplug::rbd {
namespace {
constexpr const char* kHoldAttribute = "blockplug.hold";
constexpr const char* kLockAttribute = "lock.rbd_lock";   // of the object class `lock`
constexpr std::uint64_t kNoSnapshot = ~std::uint64_t{1};  // CEPH_NOSNAP

std::string header_of(const std::string& id) { return "rbd_header." + id; }
std::string metadata_key(const std::string& key) { return "metadata_" + key; }

librados::bufferlist bytes(const std::string& text) {
  librados::bufferlist list;
  list.append(text);
  return list;
}

std::string named(const Pool& pool, const std::string& what) {
  return what + " in pool '" + pool.name + (pool.name_space.empty() ? "'" : "', namespace '" + pool.name_space + "'");
}

Error gone(const Pool& pool, const std::string& id) {
  return no_effect(Code::NotFound, named(pool, "there is no image with id " + id));
}

// The results of one read operation.
struct Answers {
  librados::bufferlist size, features, created, data_pool, hold, lock;
  std::map<std::string, librados::bufferlist> metadata;
  std::list<obj_watch_t> watchers;
};

void ask(librados::ObjectReadOperation& operation, Answers& answers) {
  auto snapshot = bytes(Encoder{}.number(kNoSnapshot).bytes());
  auto snapshot_read_only = bytes(Encoder{}.number(kNoSnapshot).number(std::uint8_t{0}).bytes());
  librados::bufferlist nothing;
  operation.assert_exists();
  operation.exec("rbd", "get_size", snapshot, &answers.size, nullptr);
  operation.exec("rbd", "get_features", snapshot_read_only, &answers.features, nullptr);
  operation.exec("rbd", "get_create_timestamp", nothing, &answers.created, nullptr);
  operation.exec("rbd", "get_data_pool", nothing, &answers.data_pool, nullptr);
  operation.omap_get_vals_by_keys({metadata_key(kImageMark), metadata_key(kSourceMark), metadata_key(kFormatMark),
                                   metadata_key(kLimitsMark), metadata_key(kNameMark)},
                                  &answers.metadata, nullptr);
  operation.list_watchers(&answers.watchers, nullptr);
  for (const auto& [attribute, answer] : {std::pair{kHoldAttribute, &answers.hold}, std::pair{kLockAttribute, &answers.lock}}) {
    operation.getxattr(attribute, answer, nullptr);
    operation.set_op_flags2(librados::OP_FAILOK);  // may be missing
  }
}

std::vector<std::string> addresses_of(const std::list<obj_watch_t>& watchers) {
  std::vector<std::string> addresses;
  for (const auto& watcher : watchers) addresses.push_back(plain_address(watcher.addr));
  std::ranges::sort(addresses);
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

// Of one operation on one object: refused for want of space, it did nothing.
Effect effect_of(int answer) { return answer == -ENOSPC || answer == -EDQUOT ? Effect::None : Effect::Unknown; }

std::string own_name(const std::string& id, const std::string& mark) {
  return mark.starts_with(id + " ") ? mark.substr(id.size() + 1) : std::string{};
}
}  // namespace

Result<std::string> find_image(Pool& pool, const std::string& name) {
  librados::bufferlist read;
  const int answer = pool.io.read("rbd_id." + name, read, 0, 0);
  if (answer == -ENOENT) return no_effect(Code::NotFound, named(pool, "there is no image '" + name + "'"));
  if (answer < 0) return pool.connection->error(answer, named(pool, "look for image '" + name + "'"), Effect::None);
  Decoder decoder{read.to_str()};
  auto id = decoder.text();
  if (id.empty()) return no_effect(Code::DataLoss, named(pool, "the object rbd_id." + name + " has no image id"));
  return id;
}

namespace {
Result<Header> header_in(Answers& answers, int answer, Pool& pool, const std::string& id) {
  if (answer == -ENOENT) return gone(pool, id);
  if (answer < 0 && answer != -ENODATA) return pool.connection->error(answer, "read the header of image " + id, Effect::None);
  Decoder size{answers.size.to_str()}, features{answers.features.to_str()}, created{answers.created.to_str()},
      data_pool{answers.data_pool.to_str()};
  size.number<std::uint8_t>();  // skips the object size
  Header header{.id = id,
                .size_bytes = size.number<std::int64_t>(),
                .features = features.number<std::uint64_t>(),
                .created = WallClock::time_point{std::chrono::seconds{created.number<std::uint32_t>()}},
                .mark = answers.metadata[metadata_key(kImageMark)].to_str(),
                .source = answers.metadata[metadata_key(kSourceMark)].to_str(),
                .format = answers.metadata[metadata_key(kFormatMark)].to_str(),
                .limits = answers.metadata[metadata_key(kLimitsMark)].to_str(),
                .name = own_name(id, answers.metadata[metadata_key(kNameMark)].to_str()),
                .hold = answers.hold.to_str(),
                .watchers = addresses_of(answers.watchers),
                .was_locked = answers.lock.length() > 0,
                .data_pool = data_pool.number<std::int64_t>()};
  if (!size.is_whole() || !features.is_whole() || !data_pool.is_whole())
    return no_effect(Code::DataLoss, "the header of image " + id + " cannot be parsed");
  return header;
}
}  // namespace

Result<Header> read_header(Pool& pool, const std::string& id) {
  librados::ObjectReadOperation operation;
  Answers answers;
  ask(operation, answers);
  const int answer = pool.io.operate(header_of(id), &operation, nullptr);
  return header_in(answers, answer, pool, id);
}

struct HeaderReading::State {
  Pool pool;
  std::string id;
  std::function<void()> on_done;
  librados::ObjectReadOperation operation{};
  Answers answers{};
  librados::AioCompletion* completion{};
  int begun{};
  static void done(librados::completion_t, void* state) { static_cast<State*>(state)->on_done(); }
};

HeaderReading::HeaderReading(const Pool& pool, std::string id, std::function<void()> on_done)
    : state_(new State{.pool = pool, .id = std::move(id), .on_done = std::move(on_done)}) {
  ask(state_->operation, state_->answers);
  state_->completion = librados::Rados::aio_create_completion(state_.get(), &State::done);
  state_->begun = state_->pool.io.aio_operate(header_of(state_->id), state_->completion, &state_->operation, nullptr);
}

HeaderReading::~HeaderReading() {
  if (state_->begun == 0) {
    if (!state_->completion->is_complete()) state_->pool.io.aio_cancel(state_->completion);
    state_->completion->wait_for_complete_and_cb();
  }
  state_->completion->release();
}

bool HeaderReading::is_done() const { return state_->begun < 0 || state_->completion->is_complete(); }

Result<Header> HeaderReading::result() {
  const int answer = state_->begun < 0 ? state_->begun : state_->completion->get_return_value();
  return header_in(state_->answers, answer, state_->pool, state_->id);
}

Pool& HeaderReading::pool() { return state_->pool; }

Result<Header> read_header_of(Pool& pool, const std::string& name) { return read_header(pool, TRY(find_image(pool, name))); }

Status set_metadata(Pool& pool, const std::string& id, const std::string& key, const std::string& value) {
  librados::ObjectWriteOperation operation;
  auto pairs = bytes(Encoder{}.number(std::uint32_t{1}).text(key).text(value).bytes());
  operation.assert_exists();
  operation.exec("rbd", "metadata_set", pairs);
  const int answer = pool.io.operate(header_of(id), &operation);
  if (answer == -ENOENT) return gone(pool, id);
  if (answer < 0) return pool.connection->error(answer, "write " + key + " to image " + id, effect_of(answer));
  return Ok{};
}

Status change_hold(Pool& pool, const std::string& id, const std::string& from, const std::string& to) {
  librados::ObjectWriteOperation operation;
  operation.assert_exists();
  operation.cmpxattr(kHoldAttribute, LIBRADOS_CMPXATTR_OP_EQ, bytes(from));  // a missing attribute compares as empty
  if (to.empty())
    operation.rmxattr(kHoldAttribute);
  else
    operation.setxattr(kHoldAttribute, bytes(to));
  const int answer = pool.io.operate(header_of(id), &operation);
  if (answer == -ECANCELED) return no_effect(Code::Aborted, "the hold of image " + id + " was changed by another client");
  if (answer == -ENOENT) return gone(pool, id);
  if (answer < 0) return pool.connection->error(answer, "write the hold of image " + id, effect_of(answer));
  return Ok{};
}

}  // namespace blockplug::rbd

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Polls the holds that this daemon relies on. A fence by another node sends no event: a guest that writes gets an error, but for an
// idle guest, or an image mapped on the host, the fence would only be noticed at the next resync. One small read per hold (about 1
// ms) in each round: a changed attribute causes no notification, and a watch on the header would be one more client of the image.
// They are read side by side, and none waits for one whose placement group is dead.
//
// Made by the composition root, one per backend; thread-safe. Its own thread blocks only while the cluster is connected, so
// stopping it may take as long as that.
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "attach-detach/events.h"
#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"
#include "ceph/cluster.h"
#include "ceph/image_ref.h"

namespace blockplug::rbd {

struct Header;
struct Pool;

// Whether the limits in an image's metadata are the volume's: where another service sets them, they are not.
enum class LimitsOfImage : std::uint8_t { Count, DoNotCount };

class HoldWatch {
 public:
  struct Parts {
    std::shared_ptr<Cluster> cluster;
    std::string node;
    EventSink& events;
    std::chrono::milliseconds interval{std::chrono::seconds(15)};
    LimitsOfImage limits{LimitsOfImage::Count};
  };
  explicit HoldWatch(Parts parts);
  ~HoldWatch();
  HoldWatch(const HoldWatch&) = delete;
  HoldWatch& operator=(const HoldWatch&) = delete;

  // The attachment's hold on this image (its id is known) is up. From now on its volume is doubted where the cluster answers
  // that the hold is gone, or being fenced, and again where it answers another such thing; that it does not answer says nothing.
  // And, of one held for writing, where the cluster takes no writes to it any more, and where it does so again.
  // Size and limits are told in each round, so that what is attached follows what another node's order changed.
  struct Hold {
    ImageRef image;
    Access access{};
    bool takes_no_writes{};  // it was found so (writable.h), and that was told
  };
  void keep(const AttachmentKey& key, const Hold& hold);
  void forget(const AttachmentKey& key);

 private:
  void run(const std::stop_token& stop);
  struct Reading;
  struct Round;
  void begin_round(Round& round);
  void read_more(Round& round, const std::stop_token& stop);
  void take_answers(Round& round);
  Result<Pool> open(const ImageRef& image) const;
  std::optional<ImageRef> kept_image(const AttachmentKey& key);
  std::optional<std::string> what_is_wrong(const Pool& pool, const AttachmentKey& key, const Result<Header>& header) const;
  void tell_spec(const AttachmentKey& key, const Header& header, Time read_at) const;
  bool is_other_writability(const AttachmentKey& key, const std::string& id, bool takes_no_writes);
  bool is_news(const AttachmentKey& key, const std::string& id, const std::string& wrong);

  const Parts parts_;
  std::mutex mutex_;  // guards the members below
  std::condition_variable_any changed_;
  struct Kept {
    Hold hold;
    std::string wrong{};  // the reason of the last doubt
  };
  std::map<AttachmentKey, Kept> kept_;
  bool has_answer_{};
  std::jthread thread_;  // last member: it uses all others
};

}  // namespace blockplug::rbd

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Looks again and again at the holds that this daemon counts on. A fence by another node tells us nothing by itself: a guest that
// writes gets an error, but one that is idle, and what the host has mapped, would not be known to be fenced before everything is
// looked at again. One small read for each hold (about 1 ms) in each round: a changed attribute sends no event, and a watch of ours
// on the header would be one more client at the image.
//
// Made by the composition root, one for each backend; thread-safe. Its own thread blocks on the cluster, so its end may take as long
// as one operation of the cluster may.
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
#include "ceph/cluster.h"
#include "ceph/place.h"

namespace blockplug::rbd {

struct Pool;

class HoldWatch {
 public:
  struct Parts {
    std::shared_ptr<Cluster> cluster;
    Place place;
    std::string node;
    EventSink& events;
    std::chrono::milliseconds interval{std::chrono::seconds(15)};
  };
  explicit HoldWatch(Parts parts);
  ~HoldWatch();
  HoldWatch(const HoldWatch&) = delete;
  HoldWatch& operator=(const HoldWatch&) = delete;

  // The attachment's hold on the image with this id (Ceph's) is up. From now on its volume is doubted where the cluster answers that
  // the hold is gone, or being fenced, and again where it answers another such thing; that it does not answer says nothing.
  void keep(const AttachmentKey& key, const std::string& id);
  void forget(const AttachmentKey& key);

 private:
  void run(const std::stop_token& stop);
  void look(const std::stop_token& stop);
  std::optional<std::string> what_is_wrong(Pool& pool, const AttachmentKey& key, const std::string& id) const;
  bool is_news(const AttachmentKey& key, const std::string& id, const std::string& wrong);

  const Parts parts_;
  std::mutex mutex_;  // guards kept_
  std::condition_variable_any stopping_;
  struct Kept {
    std::string id;
    std::string wrong{};  // what it was doubted for
  };
  std::map<AttachmentKey, Kept> kept_;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace blockplug::rbd

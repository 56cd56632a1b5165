// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/follow.h"

#include "volume-plugin/cli/attachment_text.h"

namespace blockplug::cli {

Follow::Follow(const Session& session, const std::string& volume) {
  if (session.console.progress == Progress::Silent) return;
  watcher_ = std::jthread([&client = session.client, &err = session.console.err, volume](const std::stop_token& over) {
    std::string last;
    const auto tell = [&](const v1::WatchEvent& event) {
      if (event.attachment().volume() != volume || over.stop_requested()) return;
      auto line = event_text(event);
      if (line != last) err << line << std::endl;
      last = std::move(line);
    };
    static_cast<void>(client.watch(tell, over));
  });
}

}  // namespace blockplug::cli

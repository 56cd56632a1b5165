// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pages of a listing that is sorted by id: the token of a page is the last id of the page before it, so that what is created or
// deleted meanwhile neither repeats nor hides another entry. Pure functions.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug::csi {

template <typename Entry>
struct Page {
  std::vector<Entry> entries;
  std::string next_token;  // empty: it was the last
};

// `id_of`: of an entry. InvalidArgument: a negative number of entries; Aborted: a token that no page has ended with.
template <typename Entry, typename IdOf>
Result<Page<Entry>> page_of(std::vector<Entry> all, std::int32_t most, const std::string& token, const IdOf& id_of) {
  if (most < 0) return no_effect(Code::InvalidArgument, "max_entries is negative");
  if (!token.empty() && token.find('/') == std::string::npos)
    return no_effect(Code::Aborted, "starting_token is not one of ours: list from the beginning");
  std::ranges::sort(all, {}, id_of);
  std::erase_if(all, [&](const Entry& entry) { return !token.empty() && id_of(entry) <= token; });
  Page<Entry> page{std::move(all), {}};
  constexpr std::size_t kMostEntries = 2000;  // Go's gRPC takes messages of 4 MiB
  const auto entries = most == 0 ? kMostEntries : std::min(kMostEntries, static_cast<std::size_t>(most));
  if (page.entries.size() <= entries) return page;
  page.entries.resize(entries);
  page.next_token = id_of(page.entries.back());
  return page;
}

}  // namespace blockplug::csi

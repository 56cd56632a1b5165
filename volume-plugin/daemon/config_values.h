// SPDX-License-Identifier: Apache-2.0
#pragma once
// Parsers of single configuration values. Pure functions; their messages continue the text "KEY: is 'TEXT'; ".
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug {

Result<std::string> parse_path(const std::string& text);  // absolute, not "/"; returned without "." and doubled slashes
Result<std::chrono::milliseconds> parse_duration(std::string_view text);  // "5m", "30s", "500ms", "1h"; 100 ms to 24 h
std::string format_duration(std::chrono::milliseconds duration);          // parse_duration reads it back
Status check_node_name(const std::string& text);
Status check_backend_name(const std::string& text);
Status check_driver_name(const std::string& text);  // CSI: GetPluginInfoResponse.name
Status check_vm_pattern(const std::string& text);   // "{pod.uid}"
Status check_api_server(const std::string& text);   // "off", "pod", or "https://10.96.0.1:443"
Status check_ceph_word(const std::string& text);    // of a user, a pool, a namespace
Status check_monitor(const std::string& text);      // an IP address with an optional port
Status check_listen_address(const std::string& text);
bool is_on_loopback(const std::string& listen);  // of one that was checked; names other than localhost are not resolved

// The closest known word as "did you mean 'x'?", or all of them where none is close.
std::string suggestion_for(const std::string& word, const std::vector<std::string>& known);

}  // namespace blockplug

// SPDX-License-Identifier: Apache-2.0
#pragma once
// A blockplug-helper that stays, where what a helper starts must not end with blockplugd: processes of a container end with it, so
// storage daemons are started in another one. Requests and answers are those of program.h.
//
//   blockplugd ──▶ blockplug-helper VERB ──socket──▶ launcher ──▶ blockplug-helper VERB
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug {

// Listens at `socket` (mode 0600, only for root), and starts `program` `verb` with each connection as its stdin and stdout. Until
// SIGTERM or SIGINT: then Ok; what it started stays. FailedPrecondition: another launcher listens there.
Status serve_launcher(const std::string& socket, const std::string& program, const std::string& verb);

// In a helper: the launcher's answer. Unavailable with effect None: none listens there.
Result<Facts> run_at_launcher(const std::string& socket, const std::string& verb, const Facts& arguments);

}  // namespace blockplug

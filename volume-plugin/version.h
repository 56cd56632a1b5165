// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which Blockplug this is: "0.1.0 (abc1234)", with the git commit it was built from ("abc1234-dirty": and changes on top of it);
// "0.1.0" where it was built from files without git.
namespace blockplug {
const char* version();
}  // namespace blockplug

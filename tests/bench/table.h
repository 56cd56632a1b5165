// SPDX-License-Identifier: Apache-2.0
#pragma once
// Prints the figures as one table, with their targets.
#include <cstdio>

#include "tests/bench/ceph.h"
#include "tests/bench/mounting.h"
#include "tests/bench/plugging.h"
#include "tests/bench/scale.h"

namespace blockplug::bench {

void print(const PluggingFigures& figures, std::FILE* to);
void print(const MountingFigures& figures, std::FILE* to);
void print(const ScaleFigures& figures, std::FILE* to);
void print(const CephFigures& figures, std::FILE* to);
void print(const KrbdFigures& figures, std::FILE* to);

}  // namespace blockplug::bench

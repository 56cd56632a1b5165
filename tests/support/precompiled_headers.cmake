# SPDX-License-Identifier: Apache-2.0
# The standard library's headers, and GoogleTest's for tests, are parsed once and not again for each source. No source gets to rely on it:
# a release is built without. Targets that share a parsed header have the same options; GCC refuses one that was made with others.
set(standard_headers <algorithm> <chrono> <condition_variable> <cstdint> <functional> <map> <memory> <mutex> <optional> <set> <stop_token>
  <string> <string_view> <thread> <variant> <vector>)

# precompiled(FIRST TARGET... HEADERS HEADER...): they are parsed for the first, and all use that.
function(precompiled first)
  cmake_parse_arguments(of "" "" "HEADERS" ${ARGN})
  target_precompile_headers(${first} PRIVATE ${of_HEADERS})
  foreach(target ${of_UNPARSED_ARGUMENTS})
    target_precompile_headers(${target} REUSE_FROM ${first})
  endforeach()
endfunction()

precompiled(attach-detach HEADERS ${standard_headers}) # optimized: see there
if(BLOCKPLUG_CORE_ONLY)
  precompiled(qmp HEADERS ${standard_headers})
else()
  precompiled(hotplug qmp mount-verbs ceph cinder door doctor local cli csi admin HEADERS ${standard_headers})
endif()
get_property(test_programs GLOBAL PROPERTY test_programs)
precompiled(${test_programs} HEADERS ${standard_headers} <gtest/gtest.h>)

# SPDX-License-Identifier: Apache-2.0
# Run at every build: writes OUTPUT, the only file that names the commit, and only when what it says has changed.
# cmake -D VERSION=0.1.0 -D SOURCE=DIRECTORY -D OUTPUT=FILE -P version.cmake
set(text ${VERSION})
if(EXISTS ${SOURCE}/.git) # else a tarball, whose parents' git is none of ours
  execute_process(COMMAND git --no-optional-locks -c safe.directory=${SOURCE} describe --always --dirty --abbrev=7 --exclude=*
    WORKING_DIRECTORY ${SOURCE}
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed ERROR_QUIET)
  if(failed STREQUAL 0 AND commit)
    string(APPEND text " (${commit})")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[
#include "volume-plugin/version.h"
const char* blockplug::version() { return "@text@"; }
]] @ONLY)

# SPDX-License-Identifier: Apache-2.0
# The daemon runs as root and parses what guests, clusters and people send: what the compiler and the linker can do about mistakes in that.
# Not together with sanitizers, which find the same mistakes and more. tests/release-programs checks that it is in the programs.
if(BLOCKPLUG_SANITIZE)
  return()
endif()
add_compile_options(-fPIE -fstack-protector-strong -fstack-clash-protection)
add_link_options(-pie -Wl,-z,relro,-z,now)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-fcf-protection)
endif()
# FORTIFY needs an optimizing build; a distribution's own flags may have set it already.
add_compile_options($<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE>
  $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-D_FORTIFY_SOURCE=2>)

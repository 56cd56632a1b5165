# SPDX-License-Identifier: Apache-2.0
# every_source_is_listed(FOLDER FILE...): ends the configuration if a .cc file of the folder itself is not among the files: a test that
# nobody builds passes for ever. A new file is noticed at the next build.
function(every_source_is_listed folder)
  set_property(GLOBAL APPEND PROPERTY folders_with_listed_sources ${folder})
  file(GLOB there RELATIVE ${folder} CONFIGURE_DEPENDS ${folder}/*.cc)
  list(REMOVE_ITEM there ${ARGN})
  if(there)
    file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR} ${folder})
    list(JOIN there ", " files)
    message(FATAL_ERROR "${name}: not listed in any CMakeLists.txt: ${files}. Add it to the SOURCES of its folder's program "
      "(see blockplug_tests in tests/CMakeLists.txt), or remove the file.")
  endif()
endfunction()

# every_folder_is_listed(FOLDER): ends the configuration if there are tests in a folder below it that no program is made of.
function(every_folder_is_listed folder)
  get_property(listed GLOBAL PROPERTY folders_with_listed_sources)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${folder}/*_test.cc)
  foreach(test ${tests})
    cmake_path(GET test PARENT_PATH where)
    if(NOT where IN_LIST listed)
      message(FATAL_ERROR "${test}: no program is made of the tests in this folder. Add one (blockplug_tests in tests/CMakeLists.txt).")
    endif()
  endforeach()
endfunction()

# SPDX-License-Identifier: Apache-2.0
# The Debian package: `cmake --build build/release --target manual && cpack --config build/release/CPackConfig.cmake` makes
# build/release/blockplug_<version>_<architecture>.deb. One package: both programs are linked with all storage libraries. What is only in
# it, and not in `cmake --install`, is the component "package": it names directories below / that are not of the prefix.
set(package ${CMAKE_CURRENT_LIST_DIR})
add_custom_target(manual
  COMMAND ${package}/manual ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${CMAKE_BINARY_DIR}/manual
  COMMAND sh -c "gzip -9nc '${CMAKE_SOURCE_DIR}/CHANGELOG.md' >'${CMAKE_BINARY_DIR}/manual/changelog.gz'"
  DEPENDS blockplug blockplugd)
set(of_the_package COMPONENT package EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_BINARY_DIR}/manual/blockplug.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 ${of_the_package})
install(FILES ${CMAKE_BINARY_DIR}/manual/blockplugd.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 ${of_the_package})
install(FILES ${package}/blockplug.bash DESTINATION share/bash-completion/completions RENAME blockplug ${of_the_package})
install(FILES ${package}/_blockplug DESTINATION share/zsh/vendor-completions ${of_the_package})
install(FILES ${package}/blockplugd.yaml DESTINATION /etc/blockplug ${of_the_package})
install(FILES ${package}/blockplugd.service DESTINATION /lib/systemd/system ${of_the_package})
install(FILES ${package}/copyright ${CMAKE_BINARY_DIR}/manual/changelog.gz DESTINATION share/doc/blockplug ${of_the_package})
file(GLOB documents CONFIGURE_DEPENDS ${package}/../*.md)
install(FILES ${documents} DESTINATION share/doc/blockplug/deploy ${of_the_package})
install(DIRECTORY ${package}/../prometheus DESTINATION share/doc/blockplug/deploy ${of_the_package})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME blockplug)
set(CPACK_PACKAGE_VENDOR "The Blockplug maintainers")
set(CPACK_PACKAGE_CONTACT "The Blockplug maintainers <maintainers@blockplug.dev>")
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};blockplug;ALL;/;${CMAKE_BINARY_DIR};blockplug;package;/")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "attaches block volumes to VMs and host paths")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "From files, Ceph RBD and OpenStack Cinder (without Nova),
by QEMU hot-plug or on a path of the host. The daemon compares
desired and actual state and closes the difference; it is a CSI
driver for Kubernetes too.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "e2fsprogs, mount, udev")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "xfsprogs, qemu-system-common, qemu-block-extra")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${package}/conffiles ${package}/postinst ${package}/prerm ${package}/postrm)
include(CPack)

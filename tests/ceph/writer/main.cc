// SPDX-License-Identifier: Apache-2.0
// rbd-writer CONF POOL NAMESPACE IMAGE: opens the image, prints its client's address, and writes each input line to the start of
// the image, printing 0 or the errno. It stands for a QEMU: a separate client that can be killed or frozen.
#include <iostream>
#include <rados/librados.hpp>
#include <rbd/librbd.hpp>
#include <string>

int main(int count, char** arguments) {
  if (count != 5) return 1;
  librados::Rados rados;
  librados::IoCtx io;
  librbd::Image image;
  if (rados.init2("client.blockplug", "ceph", 0) < 0 || rados.conf_read_file(arguments[1]) < 0 || rados.connect() < 0) return 2;
  if (rados.ioctx_create(arguments[2], io) < 0) return 3;
  io.set_namespace(arguments[3]);
  if (librbd::RBD{}.open(io, image, arguments[4]) < 0) return 4;
  auto address = rados.get_addrs();
  for (const char* protocol : {"v1:", "v2:", "any:"})
    if (address.starts_with(protocol)) address.erase(0, address.find(':') + 1);
  std::cout << address << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    librados::bufferlist list;
    list.append(line);
    const auto written = image.write(0, line.size(), list);
    std::cout << (written < 0 ? -written : 0) << std::endl;
  }
  return 0;
}

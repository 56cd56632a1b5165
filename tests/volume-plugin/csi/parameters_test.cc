// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/parameters.h"

#include <gtest/gtest.h>

namespace blockplug::csi {
namespace {
Texts texts(std::initializer_list<std::pair<std::string, std::string>> given) {
  Texts made;
  for (const auto& [name, value] : given) made[name] = value;
  return made;
}

TEST(CsiParameters, ReadsAStorageClass) {
  const auto read = storage_class_of(texts({{"backend", "ceph"},
                                            {"type", "fast"},
                                            {"zone", "az1"},
                                            {"iops", "500"},
                                            {"bytesPerSecond", "10MiB"},
                                            {"flatten", "true"},
                                            {"attachTo", "host"},
                                            {"csi.storage.k8s.io/pv/name", "pvc-1"}}),
                                     texts({{"iops", "700"}}));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->backend, "ceph");
  EXPECT_EQ(read->type, "fast");
  EXPECT_EQ(read->zone, "az1");
  EXPECT_EQ(read->limits.iops, 700);  // a VolumeAttributesClass counts more than the StorageClass
  EXPECT_EQ(read->limits.bytes_per_second, 10 << 20);
  EXPECT_TRUE(read->is_flattened);
}

TEST(CsiParameters, EachFaultNamesTheParameter) {
  const std::pair<const char*, const char*> rows[] = {
      {"backnd", "x"},    {"backend", ""},      {"iops", "many"}, {"iops", "-1"}, {"bytesPerSecond", "1 furlong"},
      {"flatten", "yes"}, {"attachTo", "moon"}, {"attachTo", ""}};
  for (const auto& [name, value] : rows) {
    const auto read = storage_class_of(texts({{name, value}}), {});
    ASSERT_FALSE(read.ok()) << name << "=" << value;
    EXPECT_NE(read.error().message.find(name), std::string::npos) << read.error().message;
    EXPECT_TRUE(read.error().code == Code::InvalidArgument || read.error().code == Code::OutOfRange) << read.error().message;
  }
  EXPECT_NE(storage_class_of(texts({{"backnd", "x"}}), {}).error().message.find("use attachTo, backend"), std::string::npos);
  EXPECT_FALSE(limits_of(texts({{"backend", "ceph"}})).ok());
  EXPECT_FALSE(check_snapshot_parameters(texts({{"a", "b"}})).ok());
}

TEST(CsiParameters, AreBounded) {
  Texts many;
  for (int at = 0; at < 65; ++at) many["csi.storage.k8s.io/" + std::to_string(at)] = "x";
  EXPECT_FALSE(storage_class_of(many, {}).ok());
  EXPECT_FALSE(storage_class_of(texts({{"csi.storage.k8s.io/x", std::string(5000, 'x')}}), {}).ok());
}

TEST(CsiParameters, SecretsAreRefusedAndNotRepeated) {
  const auto refused = check_no_secrets(texts({{"userKey", "AQB-very-secret"}}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message.find("very-secret"), std::string::npos);
}
}  // namespace
}  // namespace blockplug::csi

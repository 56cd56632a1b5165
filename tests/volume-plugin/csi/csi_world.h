// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CSI services as kubelet and the sidecars meet them: over a channel inside this process, on a Volume Manager with fake rungs
// and a backend of values.
#include "tests/volume-plugin/door/door_fixture.h"
#include "tests/volume-plugin/grpc/posted_runner.h"
#include "volume-plugin/csi/controller.h"
#include "volume-plugin/csi/node.h"

namespace blockplug::test {

namespace v1 = ::csi::v1;
using Mode = v1::VolumeCapability::AccessMode;

inline v1::VolumeCapability mounted(Mode::Mode mode = Mode::SINGLE_NODE_MULTI_WRITER) {
  v1::VolumeCapability made;
  made.mutable_access_mode()->set_mode(mode);
  made.mutable_mount()->set_fs_type("ext4");
  return made;
}

class CsiTest : public ManagerTest {
 protected:
  CsiTest() {
    const VolumeId id("ceph/v");
    shelf.volumes[id] = VolumeInfo{.id = id, .size_bytes = 1 << 20, .image = ImageId("image:v"), .created = {}, .details = {}};
    grpc::ServerBuilder builder;
    builder.RegisterService(&node);
    builder.RegisterService(&controller);
    server = builder.BuildAndStart();
    node_stub = v1::Node::NewStub(server->InProcessChannel({}));
    controller_stub = v1::Controller::NewStub(server->InProcessChannel({}));
    kubelet.emplace(posted, *node_stub);
    sidecar.emplace(posted, *controller_stub);
  }
  ~CsiTest() override { server->Shutdown(std::chrono::system_clock::now()); }

  std::string path(const std::string& name) const { return paths.path() + "/" + name; }
  v1::NodeStageVolumeRequest stage(const std::string& volume = "ceph/v") const {
    v1::NodeStageVolumeRequest made;
    made.set_volume_id(volume);
    made.set_staging_target_path(path("globalmount"));
    *made.mutable_volume_capability() = mounted();
    return made;
  }
  v1::NodeUnstageVolumeRequest unstage(const std::string& volume = "ceph/v") const {
    v1::NodeUnstageVolumeRequest made;
    made.set_volume_id(volume);
    made.set_staging_target_path(path("globalmount"));
    return made;
  }
  v1::NodePublishVolumeRequest publish(const std::string& target) const {
    v1::NodePublishVolumeRequest made;
    made.set_volume_id("ceph/v");
    made.set_staging_target_path(path("globalmount"));
    made.set_target_path(path(target));
    *made.mutable_volume_capability() = mounted();
    return made;
  }
  v1::NodeUnpublishVolumeRequest unpublish(const std::string& target, const std::string& volume = "ceph/v") const {
    v1::NodeUnpublishVolumeRequest made;
    made.set_volume_id(volume);
    made.set_target_path(path(target));
    return made;
  }
  // Until the fake rungs were asked this.
  void wait_for(const std::string& rung_call) {
    while (std::ranges::find(world.calls, rung_call) == world.calls.end()) ASSERT_TRUE(posted.run_when_posted());
  }
  void pass(std::chrono::seconds duration) {
    posted.run();
    runner.pass(duration);
    posted.run();
  }
  bool is_up(const RungKind& kind, const std::string& leaf = {}) const {
    return world.up.contains({key("ceph/v", "host"), {kind, leaf}});
  }

  bool is_up_in_vm(const RungKind& kind, const std::string& leaf = {}) const {
    return world.up.contains({key("ceph/v", "vm:pod"), {kind, leaf}});
  }
  template <typename Request>
  static Request for_vm(Request made) {
    (*made.mutable_volume_context())["attachTo"] = "vm";
    (*made.mutable_volume_context())["csi.storage.k8s.io/pod.uid"] = "pod";
    return made;
  }

  TempDirectory paths;
  PostedRunner posted{runner};
  Shelf shelf;
  SomeTargets targets;
  blockplug::Door door{{*manager, posted, world, {{"ceph", &shelf}}, targets}};
  csi::Settings settings{.driver = "d.test",
                         .version = "1",
                         .node = "n1",
                         .kubelet_dir = paths.path(),
                         .vm_id = "{pod.uid}",
                         .has_controller = true,
                         .has_node = true};
  csi::Parts parts{door, *manager, posted, settings, {}};
  csi::NodeService node{parts};
  csi::ControllerService controller{parts};
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<v1::Node::Stub> node_stub;
  std::unique_ptr<v1::Controller::Stub> controller_stub;
  std::optional<Caller<v1::Node::Stub>> kubelet;
  std::optional<Caller<v1::Controller::Stub>> sidecar;
};

}  // namespace blockplug::test

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one question that Blockplug asks Kubernetes: has somebody said that a node is out of service? As the account of the pod that
// it runs in, which needs `get` on `nodes` for it.
//
// Thread-safe; blocks until the answer or the deadline. The token is read for each question, because the kubelet renews its file.
#include <memory>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::cinder {
class Http;
}

namespace blockplug::kubernetes {

// A person or a controller puts it on a node that is shut down and does not come back by itself; Kubernetes then detaches its
// volumes at once. https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/
inline constexpr const char* kOutOfServiceTaint = "node.kubernetes.io/out-of-service";

struct Access {
  std::string url;  // "https://10.96.0.1:443"
  std::string token_file, ca_file;
};

// Where a pod finds the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which the kubelet sets in every container.
// FailedPrecondition: this is not one.
Result<std::string> url_of_pod();

class ApiServer {
 public:
  explicit ApiServer(Access access);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // Has the node that taint, with whatever effect? NotFound: Kubernetes has no such node. PermissionDenied: the account may not
  // ask.
  Result<bool> is_out_of_service(const std::string& node, Time deadline);

 private:
  const Access access_;
  const std::unique_ptr<cinder::Http> http_;
};

}  // namespace blockplug::kubernetes

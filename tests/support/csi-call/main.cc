// SPDX-License-Identifier: Apache-2.0
// csi-call: one call of a CSI service, for scenes written in bash.
//
//   csi-call SOCKET METHOD JSON [MILLISECONDS]     csi-call run/csi.sock Node/NodeStageVolume '{"volume_id": "local/v", …}' 5000
//
// The request is JSON with the names of the fields; so is the answer, on stdout. Exit status: 0 OK; 1 an error of the call, whose
// code and message are on stdout ("NOT_FOUND: …"); 2 wrong usage. MILLISECONDS: the call's deadline, 60,000 where it is not given.
//
//   csi-call SOCKET - JSON-LINES [MILLISECONDS]    reads lines "METHOD JSON" from that file, and makes each call again until it is
//   OK, as
//                                                  kubelet does; prints how many calls it made. A final code ends it
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/csi/csi.pb.h"
#include "volume-plugin/csi/pluginregistration.pb.h"

namespace {
namespace pb = google::protobuf;

struct Method {
  std::string path;  // "/csi.v1.Node/NodeStageVolume"
  std::unique_ptr<pb::Message> request, response;
};

std::unique_ptr<pb::Message> empty(const pb::Descriptor* type) {
  return std::unique_ptr<pb::Message>(pb::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

// "Node/NodeStageVolume", or "pluginregistration.Registration/GetInfo".
std::unique_ptr<Method> method_named(const std::string& name) {
  const auto slash = name.find('/');
  auto service = name.substr(0, slash);
  if (service.find('.') == std::string::npos) service = "csi.v1." + service;
  const auto* found = pb::DescriptorPool::generated_pool()->FindServiceByName(service);
  const auto* method = found == nullptr || slash == std::string::npos ? nullptr : found->FindMethodByName(name.substr(slash + 1));
  if (method == nullptr) return nullptr;
  return std::make_unique<Method>(
      Method{"/" + service + "/" + method->name(), empty(method->input_type()), empty(method->output_type())});
}

struct Answer {
  grpc::Status status;
  std::string json;
};

Answer call(grpc::GenericStub& stub, const Method& method, std::chrono::milliseconds patience) {
  grpc::ByteBuffer sent, received;
  bool is_owned{};
  (void)grpc::SerializationTraits<pb::Message>::Serialize(*method.request, &sent, &is_owned);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + patience);
  context.set_wait_for_ready(true);  // a daemon may be on its way
  grpc::CompletionQueue queue;
  const auto reading = stub.PrepareUnaryCall(&context, method.path, sent, &queue);
  reading->StartCall();
  Answer answer;
  reading->Finish(&received, &answer.status, nullptr);
  void* tag{};
  bool is_ok{};
  queue.Next(&tag, &is_ok);
  if (!answer.status.ok()) return answer;
  (void)grpc::SerializationTraits<pb::Message>::Deserialize(&received, method.response.get());
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  (void)pb::util::MessageToJsonString(*method.response, &answer.json, options);
  return answer;
}

std::string text_of(const grpc::Status& status) {
  return std::string(blockplug::to_text(static_cast<blockplug::Code>(status.error_code()))) + ": " + status.error_message();
}

// nullptr: said why.
std::unique_ptr<Method> read(const std::string& name, const std::string& json) {
  auto method = method_named(name);
  if (!method) return std::cerr << "csi-call: there is no method " << name << "\n", nullptr;
  const auto is_read = pb::util::JsonStringToMessage(json, method->request.get());
  if (!is_read.ok()) return std::cerr << "csi-call: " << is_read.ToString() << "\n", nullptr;
  return method;
}

int call_once(grpc::GenericStub& stub, const std::string& name, const std::string& json, std::chrono::milliseconds patience) {
  const auto method = read(name, json);
  if (!method) return 2;
  const auto answer = call(stub, *method, patience);
  std::cout << (answer.status.ok() ? answer.json : text_of(answer.status)) << std::endl;
  return answer.status.ok() ? 0 : 1;
}

bool may_succeed_later(const grpc::Status& status) {
  using enum grpc::StatusCode;
  const auto code = status.error_code();
  return code == DEADLINE_EXCEEDED || code == ABORTED || code == UNAVAILABLE || code == CANCELLED;
}

int call_all(grpc::GenericStub& stub, const char* file, std::chrono::milliseconds patience) {
  std::ifstream lines(file);
  int calls = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto space = line.find(' ');
    const auto method = read(line.substr(0, space), line.substr(space + 1));
    if (!method) return 2;
    for (auto answer = call(stub, *method, patience);; answer = call(stub, *method, patience)) {
      ++calls;
      if (answer.status.ok()) break;
      if (!may_succeed_later(answer.status)) return std::cout << line << ": " << text_of(answer.status) << std::endl, 1;
    }
  }
  return std::cout << calls << std::endl, 0;
}
}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return std::cerr << "usage: csi-call SOCKET METHOD JSON [MILLISECONDS]\n", 2;
  csi::v1::ProbeRequest::descriptor();  // links the descriptors
  pluginregistration::InfoRequest::descriptor();
  const std::chrono::milliseconds patience(count > 4 ? std::atoi(arguments[4]) : 60'000);
  grpc::GenericStub stub(grpc::CreateChannel(std::string("unix:") + arguments[1], grpc::InsecureChannelCredentials()));
  if (std::string(arguments[2]) == "-" && count > 3) return call_all(stub, arguments[3], patience);
  return call_once(stub, arguments[2], count > 3 ? arguments[3] : "{}", patience);
}

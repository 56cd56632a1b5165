// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/admin/service.h"

#include "volume-plugin/admin/answers.h"
#include "volume-plugin/admin/convert.h"
#include "volume-plugin/admin/requests.h"
#include "volume-plugin/admin/watch.h"

namespace blockplug::admin {
namespace {

// An answer that the core thread gives at once.
template <typename Response>
grpc::ServerUnaryReactor* from_core(grpc::CallbackServerContext* context, Runner& runner, Response* response,
                                    std::function<void(Response&)> fill) {
  auto* reactor = context->DefaultReactor();
  runner.post([reactor, response, fill = std::move(fill)] {
    fill(*response);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

}  // namespace

void Service::by_id(const std::shared_ptr<WaitingCall>& reactor, const std::string& text,
                    std::function<void(const std::string&)> next) {
  parts_.door.volumes().identify(text, [reactor, next = std::move(next)](const Result<std::string>& id) {
    if (!id.ok()) return reactor->finish(to_status(id.error()));
    next(*id);
  });
}

Service::Reactor* Service::GetVersion(Context* context, const v1::GetVersionRequest*, v1::GetVersionResponse* response) {
  auto* reactor = context->DefaultReactor();
  response->set_version(parts_.version);
  response->set_node(parts_.node);
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

Service::Reactor* Service::Attach(Context* context, const v1::AttachRequest* request, v1::Attachment* response) {
  auto reactor = WaitingCall::make(parts_.door);
  const auto wanted = wanted_attachment(*request, next_operation());
  if (!wanted.ok()) {
    reactor->finish(to_status(wanted.error()));
    return reactor.get();
  }
  const auto fill = [response](const AttachmentReport& report) { *response = to_message(report); };
  by_id(reactor, wanted->volume,
        [this, reactor, fill, wanted = *wanted, deadline = deadline_of(*context)](const std::string& id) mutable {
          wanted.volume = id;
          reactor->waits_for(parts_.door.attachments().attach(wanted, deadline, answer_with<AttachmentReport>(reactor, fill)));
        });
  return reactor.get();
}

Service::Reactor* Service::Detach(Context* context, const v1::DetachRequest* request, v1::DetachResponse*) {
  auto reactor = WaitingCall::make(parts_.door);
  const auto wanted = wanted_detachment(*request, next_operation());
  if (!wanted.ok()) {
    reactor->finish(to_status(wanted.error()));
    return reactor.get();
  }
  const auto detach = [this, reactor, deadline = deadline_of(*context)](const WantedDetachment& exactly) {
    reactor->waits_for(parts_.door.attachments().detach(exactly, deadline, status_answer(reactor)));
  };
  by_id(reactor, wanted->volume, [this, reactor, detach, wanted = *wanted](const std::string& id) mutable {
    wanted.volume = id;
    if (wanted.target.empty())
      detach_wherever_it_is(reactor, wanted, detach);
    else
      detach(wanted);
  });
  return reactor.get();
}

void Service::detach_wherever_it_is(const std::shared_ptr<WaitingCall>& reactor, const WantedDetachment& wanted,
                                    std::function<void(const WantedDetachment&)> detach) {
  parts_.runner.post([this, reactor, wanted = WantedDetachment(wanted), detach = std::move(detach)]() mutable {
    const auto target = only_target_of(parts_.manager, VolumeId(wanted.volume));
    if (!target.ok()) return reactor->finish(to_status(target.error()));
    if (!*target)  // a misspelt id is not "already so"
      return parts_.door.volumes().find(wanted.volume, [reactor](const Result<VolumeInfo>& info) {
        reactor->finish(info.ok() ? grpc::Status::OK : to_status(info.error()));
      });
    wanted.target = **target;
    detach(wanted);
  });
}

Service::Reactor* Service::Repair(Context* context, const v1::RepairRequest* request, v1::RepairResponse* response) {
  auto reactor = WaitingCall::make(parts_.door);
  if (request->volume().empty() == !request->all()) {
    reactor->finish({grpc::StatusCode::INVALID_ARGUMENT, "give either a volume or all"});
    return reactor.get();
  }
  const auto answer = [reactor, response](const Result<std::vector<OrphanDoor::Orphan>>& orphans) {
    if (!orphans.ok()) return reactor->finish(to_status(orphans.error()));
    reactor->finish([&] {
      for (const auto& orphan : *orphans) *response->add_orphans() = to_message(orphan);
    });
  };
  by_id(reactor, request->volume(),
        [this, reactor, answer, is_dry_run = request->dry_run(), deadline = deadline_of(*context)](const std::string& id) {
          reactor->waits_for(parts_.door.orphans().repair({id, is_dry_run, next_operation()}, deadline, answer));
        });
  return reactor.get();
}

// In its own lane: a check may hang on a dead disk.
Service::Reactor* Service::Doctor(Context*, const v1::DoctorRequest*, v1::DoctorResponse* response) {
  auto reactor = WaitingCall::make(parts_.door);
  parts_.runner.post([this, reactor, response] {
    auto checks = std::make_shared<std::vector<doctor::Check>>();
    const auto work = [this, checks]() -> Job::Answer {
      *checks = parts_.doctor();
      return Attempt{Done{}};
    };
    parts_.runner.start({"doctor", Turn::Up, work, [reactor, response, checks](const Job::Answer&) {
                           reactor->finish([&] {
                             for (const auto& check : *checks) *response->add_checks() = to_message(check);
                           });
                         }});
  });
  return reactor.get();
}

Service::Reactor* Service::ListAttachments(Context* context, const v1::ListAttachmentsRequest* request,
                                           v1::ListAttachmentsResponse* response) {
  return from_core<v1::ListAttachmentsResponse>(context, parts_.runner, response, [this, volume = request->volume()](auto& filled) {
    for (const auto& report : volume.empty() ? parts_.manager.list() : parts_.manager.of_volume(VolumeId(volume)))
      *filled.add_attachments() = to_message(report);
  });
}

Service::Reactor* Service::Explain(Context*, const v1::ExplainRequest* request, v1::ExplainResponse* response) {
  auto reactor = WaitingCall::make(parts_.door);
  // An attachment is explained even where its backend is gone; a volume without attachments must at least exist.
  by_id(reactor, request->volume(), [this, reactor, response](const std::string& id) { explain(reactor, response, id); });
  return reactor.get();
}

void Service::explain(const std::shared_ptr<WaitingCall>& reactor, v1::ExplainResponse* response, const std::string& id) {
  parts_.runner.post([this, reactor, response, volume = id] {
    const auto reports = parts_.manager.of_volume(VolumeId(volume));
    if (reports.empty()) {
      return parts_.door.volumes().find(volume, [reactor](const Result<VolumeInfo>& info) {
        reactor->finish(info.ok() ? grpc::Status::OK : to_status(info.error()));
      });
    }
    reactor->finish([&] {
      for (const auto& report : reports) *response->add_explanations() = to_explanation(report);
    });
  });
}

Service::Reactor* Service::Plan(Context* context, const v1::PlanRequest*, v1::PlanResponse* response) {
  return from_core<v1::PlanResponse>(context, parts_.runner, response, [this](auto& filled) {
    for (const auto& entry : parts_.manager.plan_all()) *filled.add_items() = to_message(entry);
  });
}

Service::Reactor* Service::Queue(Context* context, const v1::QueueRequest*, v1::QueueResponse* response) {
  return from_core<v1::QueueResponse>(context, parts_.runner, response, [this](auto& filled) {
    for (const auto& entry : parts_.manager.queue()) *filled.add_items() = to_message(entry);
  });
}

Service::Reactor* Service::ListVms(Context* context, const v1::ListVmsRequest*, v1::ListVmsResponse* response) {
  auto* reactor = context->DefaultReactor();
  for (const auto& vm : parts_.vms()) *response->add_vms() = to_message(vm);
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<v1::WatchEvent>* Service::Watch(Context*, const v1::WatchRequest*) {
  auto watcher = WatchReactor::make();
  parts_.runner.post([this, watcher] {
    std::erase_if(watchers_, [](const auto& each) { return each->is_over(); });
    watchers_.insert(watcher);
    for (const auto& report : parts_.manager.list()) watcher->tell(report);
  });
  return watcher.get();
}

void Service::changed(const VolumeId& volume) {
  if (watchers_.empty()) return;
  std::erase_if(watchers_, [](const auto& each) { return each->is_over(); });
  const auto reports = watchers_.empty() ? std::vector<AttachmentReport>{} : parts_.manager.of_volume(volume);
  for (const auto& watcher : watchers_) watcher->tell_volume(volume, reports);
}

}  // namespace blockplug::admin

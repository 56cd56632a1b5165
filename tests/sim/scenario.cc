// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/scenario.h"

#include <cstdio>
#include <filesystem>
#include <optional>

#include "attach-detach/volume_manager.h"
#include "tests/attach-detach/rungs.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/sim_world.h"

namespace blockplug::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What the last word on an attachment was, as far as its caller was told.
struct LastWord {
  bool is_attach{};
  std::uint64_t call{};
  std::optional<RungId> leaf;
  bool is_told{};              // "it is so" was heard: a crash must not lose it
  bool is_refused{};           // withdrawn with a final error, or overtaken
  bool has_lost_its_caller{};  // a final error may have withdrawn it since, and nobody was there to hear (it came after a crash)
};

class Scenario {
 public:
  Scenario(std::uint64_t seed, std::string directory, bool is_verbose)
      : random_(seed), directory_(std::move(directory)), is_verbose_(is_verbose), runner_(random_), world_(runner_, random_) {
    std::filesystem::remove_all(directory_);
    draw_faults();
    world_.are_images_late = random_.chance(0.3);
    if (is_verbose_) world_.say = [this](const std::string& text) { say(text); };
    for (int index = 0; index < 3; ++index) {
      const auto name = "v" + std::to_string(index);
      for (const auto* backend : {"local", "cinder"}) world_.image_sizes[VolumeId(std::string(backend) + "/" + name)] = kSize;
    }
  }

  Score run() {
    if (!begin_life(false)) return score_;
    const auto calls = 40 + random_.below(80);
    for (std::size_t call = 0; call < calls && score_.failure.empty(); ++call) {
      act();
      run_for(milliseconds(random_.chance(0.3) ? random_.below(5) : random_.below(3000)));
    }
    calm_down();
    settle();
    expect_last_words();
    detach_everything();
    settle();
    expect_nothing_left();
    score_.jobs = world_.jobs;
    score_.struck = world_.struck + score_.crashes;
    score_.fences = world_.fences;
    return score_;
  }

 private:
  static constexpr std::int64_t kSize = 1 << 20;

  void draw_faults() {
    const auto maybe = [&](double most) {
      return random_.chance(0.8) ? most * static_cast<double>(random_.below(100)) / 100 : 0.0;
    };
    world_.faults = {maybe(0.4), maybe(0.3), maybe(0.3), maybe(0.3), maybe(0.4), maybe(0.3), maybe(0.1)};
    store_faults_ = {maybe(0.01), maybe(0.01), maybe(0.03)};
  }

  bool begin_life(bool is_reboot) {
    if (is_reboot) boot_ = "boot-" + std::to_string(++boots_);
    auto file = SqliteStore::open(directory_, {false});
    if (!file.ok()) return fail("the store does not open: " + file.error().message);
    store_ = std::make_unique<SimStore>(std::move(*file), runner_, random_, store_faults_);
    manager_ = std::make_unique<VolumeManager>(VolumeManager::Parts{*store_, runner_, world_.ladders(), {boot_, seconds(60)}});
    if (auto begun = manager_->start(); !begun.ok()) return fail("the manager does not start: " + begun.error().message);
    watch_images();
    world_.begin_life(store_->loaded(), [this](const auto& key, const auto& rung) { return store_->has_intent(key, rung); });
    // What no look had made durable it cannot know: neither that it had the hold, nor that a fence took it.
    world_.forget_fences([this](const AttachmentKey& key) {
      const auto* volume = manager_->world().find(key.volume);
      if (volume == nullptr || !volume->attachments.contains(key.target)) return true;
      const auto& facts = volume->attachments.at(key.target).rung({rungs::kHold, {}}).facts;
      return !facts.contains("size") && !facts.contains(kFencedFact);
    });
    // The number of one that was cancelled before the store had it may be given again.
    std::erase_if(world_.cancelled_orders, [this](std::int64_t order) { return order > store_->last_order(); });
    for (const auto& [id, volume] : manager_->world().volumes)
      for (const auto& [target, attachment] : volume.attachments)
        if (fenced_rung(attachment) != nullptr && !attachment.asked_again) world_.give_up(attachment.key);
    return true;
  }

  void crash(bool is_reboot) {
    ++score_.crashes;
    say(is_reboot ? "reboot" : "crash");
    runner_.drop_everything();
    world_.let_go_all();  // its time was among what was dropped
    world_.cloud_is_away = false;
    manager_.reset();
    store_.reset();
    if (is_reboot) world_.reboot();
    if (!begin_life(is_reboot)) return;
    // A desired state that nobody was told of may or may not have survived; one that was told must have.
    for (auto& [key, word] : words_) {
      if (word.is_told && !word.is_refused && is_desired(key) != word.is_attach && !(is_reboot && of_kubelet_.contains(key)))
        fail("a desired state that was told is lost: " + to_text(key));
      if (word.is_refused && !word.is_attach && is_desired(key)) fail("a refusal that was told is lost: " + to_text(key));
      word.is_attach = is_desired(key);
      word.is_refused = false;
      word.has_lost_its_caller = true;
    }
    // Of what was not durable the trunk may be one that was asked for before.
    for (const auto& [id, volume] : manager_->world().volumes)
      for (const auto& [target, attachment] : volume.attachments)
        if (attachment.desired.attached && attachment.desired.leaves.empty()) trunk_wanted_.insert(attachment.key);
  }

  AttachmentKey draw_key() {
    static const char* const kTargets[] = {"vm:a", "vm:b", "host"};
    const auto volume = std::string(random_.chance(0.5) ? "local" : "cinder") + "/v" + std::to_string(random_.below(3));
    return {VolumeId(volume), TargetId(kTargets[random_.below(3)])};
  }

  void act() {
    const auto dice = random_.below(100);
    const auto key = draw_key();
    if (dice < 45)
      attach(key);
    else if (dice < 67)
      detach(key, {});
    else if (dice < 75)
      detach(key,
             RungId{key.target.str() == "host" ? rungs::kPublish : rungs::kGuestMount, "/p" + std::to_string(random_.below(3))});
    else if (dice < 79)
      resize(key.volume);
    else if (dice < 82)
      modify(key.volume);
    else if (dice < 88)
      tamper(key);
    else if (dice < 90)
      fence(key);
    else if (dice < 91)
      send_cloud_away();
    else if (dice < 92)
      change_elsewhere(key.volume);
    else if (dice < 94)
      crash(false);
    else if (dice < 95)
      crash(true);
    else if (dice < 98)
      manager_->doubt_target(key.target);
    else if (dice < 99)
      cancel_orders(key.volume);
    else
      manager_->touch_volume(key.volume);
  }

  void attach(const AttachmentKey& key) {
    AttachRequest request;
    request.key = key;
    if (!world_.are_images_late) request.image = world_.image_of(key.volume);
    request.spec.size_bytes = world_.image_sizes[key.volume];
    request.spec.limits = limits_at_the_door(key);
    request.spec.access = random_.chance(0.2) ? Access::ReadOnly : Access::ReadWrite;
    if (random_.chance(0.4)) {
      const auto kind = key.target.str() == "host" ? rungs::kPublish : rungs::kGuestMount;
      request.leaf = {{kind, "/p" + std::to_string(random_.below(3))}, {}};
    }
    if (kind_of(key.target) == "vm") hand_over(request);
    if (random_.chance(0.3)) request.origin = Origin::KubeletNode;
    request.operation = "call-" + std::to_string(++calls_);
    const auto call = calls_;
    const bool was_desired = is_desired(key);
    const auto accepted = manager_->attach(request, [this, key, call](const Status& status) { told(key, call, status); });
    say("attach " + to_text(key) + (accepted.ok() ? "" : " refused: " + accepted.error().message));
    if (!accepted.ok()) return;
    world_.ask(key);
    const auto leaf = request.leaf ? std::optional(request.leaf->first) : std::nullopt;
    if (!request.leaf)
      trunk_wanted_.insert(key);
    else if (!was_desired)
      trunk_wanted_.erase(key);
    const auto* desired = &manager_->world().find(key.volume)->attachments.at(key.target);
    if (desired->desired.origin == Origin::KubeletNode)
      of_kubelet_.insert(key);
    else
      of_kubelet_.erase(key);
    words_[key] = {true, call, leaf, false, false, false};
  }

  // As the door does: where none is asked for, the one that is there already stays. Its caller may be content with that.
  void hand_over(AttachRequest& request) {
    const auto existing = manager_->explain(request.key);
    if (random_.chance(0.3)) {
      request.spec.staging_path = random_.chance(0.8) ? "/hand-over" : "/another";
      // Of a late image the first rung that knows it may withdraw what was told already.
      if (!world_.are_images_late && random_.chance(0.7)) request.enough = rungs::kHandOver;
    } else if (existing && existing->is_desired) {
      request.spec.staging_path = existing->spec.staging_path;
    }
  }

  // All of it, or one leaf of it.
  void detach(const AttachmentKey& key, const std::optional<RungId>& leaf) {
    DetachRequest request;
    request.key = key;
    request.leaf = leaf;
    if (leaf && random_.chance(0.3)) request.trunk = Trunk::Stays;
    request.operation = "call-" + std::to_string(++calls_);
    const auto call = calls_;
    say("detach " + to_text(key) + (leaf ? " " + leaf->leaf : "") + (request.trunk == Trunk::Stays ? ", the trunk stays" : ""));
    const auto accepted = manager_->detach(request, [this, key, call](const Status& status) { told(key, call, status); });
    if (!accepted.ok()) return;
    if (leaf && is_desired(key)) {
      if (request.trunk == Trunk::Stays) trunk_wanted_.insert(key);
      return;
    }
    words_[key] = {false, call, {}, false, false, false};
  }

  void told(const AttachmentKey& key, std::uint64_t call, const Status& status) {
    auto& word = words_[key];
    say("told " + to_text(key) + (status.ok() ? ": ok" : ": " + status.error().message));
    if (word.call != call) return;
    word.is_told = status.ok();
    if (!status.ok() && word.is_attach) {
      word.is_refused = true;
      word.is_attach = word.has_lost_its_caller = is_desired(key);  // its path was taken away; the rest was asked for by others
    }
  }

  bool is_desired(const AttachmentKey& key) const {
    const auto* volume = manager_->world().find(key.volume);
    return volume != nullptr && volume->attachments.contains(key.target) && volume->attachments.at(key.target).desired.attached;
  }

  // S7: whatever path was the last to go, the trunk goes with it unless somebody wanted the trunk itself.
  void check_trunks() {
    for (const auto& [id, volume] : manager_->world().volumes)
      for (const auto& [target, attachment] : volume.attachments)
        if (attachment.desired.attached && attachment.desired.leaves.empty() && !trunk_wanted_.contains(attachment.key))
          fail("S7: the last path has gone, and nobody wanted the trunk without one: " + to_text(attachment.key));
  }

  void resize(const VolumeId& volume) {
    const auto size = world_.image_sizes[volume] + kSize;
    say("resize " + volume.str());
    (void)manager_->order({volume, OrderKind::Resize, {{"size_bytes", std::to_string(size)}}, "resize"},
                          [](const Result<Facts>&) {});
  }

  void modify(const VolumeId& volume) {
    say("modify " + volume.str());
    (void)manager_->order({volume, OrderKind::Modify, {{"iops", std::to_string(random_.below(4))}}, "modify"},
                          [](const Result<Facts>&) {});
  }

  void cancel_orders(const VolumeId& volume) {
    say("cancel the orders of " + volume.str());
    manager_->cancel_orders(volume, [this, volume](const CancelledOrders& orders) {
      say("told: " + std::to_string(orders.cancelled.size()) + " orders of " + volume.str() + " are cancelled");
      for (const auto& order : orders.cancelled) world_.cancelled_orders.insert(order.id);
    });
  }

  // As the door does: the image's, or what the attachment has already.
  decltype(Spec::limits) limits_at_the_door(const AttachmentKey& key) {
    const auto existing = manager_->explain(key);
    return existing && existing->is_desired ? existing->spec.limits : world_.image_limits[key.volume];
  }

  // Somebody takes a thing away; mostly an event tells, sometimes twice, sometimes only the resync.
  void tamper(const AttachmentKey& key) {
    const auto* ladder = world_.ladders().find(key);
    const auto& plan = ladder->trunk[random_.below(ladder->trunk.size())];
    if (!world_.thing(key, {plan.kind, {}}).is_up) return;
    say("tamper: " + std::string(to_text(plan.kind)) + " of " + to_text(key));
    world_.take_away(key, {plan.kind, {}});
    for (auto events = random_.below(3); events > 0; --events)
      runner_.at(runner_.now() + milliseconds(random_.below(2000)), [this, key] { manager_->doubt_target(key.target); });
  }

  // Another node shuts us out and has the image for a while; mostly that is noticed, and not only by the resync.
  void fence(AttachmentKey key) {
    for (int draws = 0; !world_.fence(key); key = draw_key())
      if (++draws > 20) return;  // nothing much is held
    say("fence: " + to_text(key));
    runner_.at(runner_.now() + seconds(random_.below(120)), [this, image = world_.image_of(key.volume)] { world_.let_go(image); });
    if (random_.chance(0.8))
      runner_.at(runner_.now() + milliseconds(random_.below(15000)), [this, key] { manager_->doubt_volume(key.volume); });
  }

  // For seconds, or for hours: beyond all that happens before the faults end.
  void send_cloud_away() {
    if (std::exchange(world_.cloud_is_away, true)) return;
    say("cloud: away");
    if (random_.chance(0.3)) return;
    runner_.at(runner_.now() + seconds(random_.below(120)), [this] {
      world_.cloud_is_away = false;
      say("cloud: back");
    });
  }

  // Another node's order: the image is larger, or has other limits.
  void change_elsewhere(const VolumeId& volume) {
    say("another node changes " + volume.str());
    if (random_.chance(0.5))
      world_.image_sizes[volume] += kSize;
    else
      world_.image_limits[volume] = {{"iops", 100 + static_cast<std::int64_t>(random_.below(4))}};
  }

  // As a watch of what is held does: reads now and then, and tells whatever it read a little later.
  void watch_images() {
    for (const auto& [volume, size] : world_.image_sizes) {
      SpecChange seen{size, world_.image_limits[volume]};
      runner_.at(runner_.now() + milliseconds(random_.below(2000)),
                 [this, volume = volume, seen, read_at = runner_.now()] { manager_->respec_volume(volume, seen, read_at); });
    }
    runner_.at(runner_.now() + seconds(15), [this] { watch_images(); });
  }

  void run_for(milliseconds duration) {
    bool is_over = false;
    runner_.at(runner_.now() + duration, [&] { is_over = true; });
    while (!is_over && score_.failure.empty())
      if (!step()) return;
  }

  bool step() {
    if (!runner_.step()) return false;
    ++score_.events;
    if (!world_.violation.empty()) return fail(world_.violation + "\n" + what_is_believed());
    if (!runner_.violation.empty()) return fail(runner_.violation);
    check_trunks();
    if (store_->has_crashed) {
      crash(random_.chance(0.1));
      return false;  // whoever ran us for a while has lost its timer
    }
    return true;
  }

  std::string what_is_believed() const {
    std::string state;
    for (const auto& report : manager_->list()) {
      state += "  " + to_text(report.key) + (report.is_desired ? " (desired): " : " (not desired): ") + summary(report) + "\n   ";
      for (const auto& rung : report.rungs) state += " " + to_text(rung.rung) + "=" + rung.state;
      state += "\n";
    }
    for (const auto& entry : manager_->queue()) state += "  " + entry.what + ": " + entry.state + " " + entry.note + "\n";
    for (const auto& entry : manager_->plan_all()) {
      state += "  plan of " + entry.volume.str() + ": " + entry.step;
      for (const auto& reason : entry.reasons) state += "; " + reason.subject + ": " + reason.text;
      state += "\n";
    }
    return state;
  }

  void calm_down() {
    world_.let_go_all();
    world_.cloud_is_away = false;
    world_.faults = {};
    store_faults_ = {};
  }

  bool is_settled() const {
    for (const auto& report : manager_->list())
      if ((report.state != State::Attached && !is_rightly_broken(report) && !is_rightly_fenced(report)) ||
          (report.running && !report.running->step.starts_with("probe")))
        return false;
    for (const auto& entry : manager_->queue())
      if (entry.what.starts_with("order")) return false;
    return true;
  }

  // A hole below something in use stays until it is undesired.
  bool is_rightly_broken(const AttachmentReport& report) const {
    return report.state == State::Broken && world_.is_tampered(report.key);
  }

  // It stays so until somebody asks.
  bool is_rightly_fenced(const AttachmentReport& report) const {
    return report.state == State::Fenced && world_.is_fenced(report.key);
  }

  // S6: bounded steps to the goal once faults stop.
  void settle() {
    const auto until = runner_.now() + std::chrono::minutes(15);
    for (int events = 0; score_.failure.empty(); ++events) {
      if (runner_.now() > until || events > 200'000) {
        fail("S6: it does not settle:\n" + what_is_believed() + world_.dump());
        return;
      }
      if (events % 64 == 0 && runner_.now() > until - std::chrono::minutes(11) && is_settled()) return;  // resyncs have been round
      step();
    }
  }

  void expect_last_words() {
    if (!score_.failure.empty()) return;
    for (const auto& [key, word] : words_) {
      const auto report = manager_->explain(key);
      const bool is_attached = report && report->state == State::Attached;
      if (word.is_attach && report && is_rightly_broken(*report)) continue;
      if (word.is_attach && report && is_rightly_fenced(*report)) {
        if (world_.stands_on_hold(key)) fail("fenced, but still there: " + to_text(key) + "\n" + world_.dump());
        continue;
      }
      if (word.call != 0 && !word.is_told && !word.is_refused && !word.has_lost_its_caller)
        fail("nobody was told: " + to_text(key));
      if (word.is_attach && !is_attached && word.has_lost_its_caller && !report) continue;
      if (word.is_attach != is_attached)
        fail("the last word was " + std::string(word.is_attach ? "attach " : "detach ") + to_text(key));
      if (!is_attached) continue;
      for (const auto& plan : world_.ladders().find(key)->trunk) {
        if (plan.needs_staging_path && report->spec.staging_path.empty()) continue;
        const auto& thing = world_.thing(key, {plan.kind, {}});
        if (!thing.is_up) fail("attached, but not there: " + std::string(to_text(plan.kind)) + " of " + to_text(key));
        if (thing.size_bytes < world_.image_sizes[key.volume]) fail("a rung shows an old size: " + to_text(key));
        if (thing.limits != world_.image_limits[key.volume]) fail("a rung has old limits: " + to_text(key));
      }
    }
  }

  void detach_everything() {
    if (!score_.failure.empty()) return;
    for (const auto& report : manager_->list()) {
      (void)manager_->detach({report.key, {}, Trunk::GoesWithLastLeaf, "end"}, [](const Status&) {});
      words_[report.key] = {};
    }
  }

  void expect_nothing_left() {
    if (!score_.failure.empty()) return;
    if (world_.is_anything_up()) fail("S7: something is left behind:\n" + world_.dump());
    run_for(seconds(5));  // the last commits
    runner_.drop_everything();
    manager_.reset();
    const auto saved = store_->load();
    if (!saved.ok()) fail("S7: the store cannot be read");
    for (const auto& volume : saved->volumes)
      fail("S7: the store remembers " + volume.id.str() + " with " + std::to_string(volume.attachments.size()) +
           " attachments and " + std::to_string(volume.orders.size()) + " orders");
  }

  bool fail(const std::string& what) {
    if (score_.failure.empty()) score_.failure = what;
    return false;
  }

  void say(const std::string& text) const {
    if (is_verbose_)
      std::printf("%10lld ms  %s\n",
                  static_cast<long long>(std::chrono::duration_cast<milliseconds>(runner_.now().time_since_epoch()).count()),
                  text.c_str());
  }

  Random random_;
  std::string directory_;
  bool is_verbose_;
  SimRunner runner_;
  SimWorld world_;
  StoreFaults store_faults_;
  std::unique_ptr<SimStore> store_;
  std::unique_ptr<VolumeManager> manager_;
  std::map<AttachmentKey, LastWord> words_;
  std::set<AttachmentKey> of_kubelet_;
  std::set<AttachmentKey> trunk_wanted_;  // without a path, by a call
  std::string boot_{"boot-0"};
  int boots_{};
  std::uint64_t calls_{};
  Score score_;
};

}  // namespace

Score run_scenario(std::uint64_t seed, const std::string& directory, bool is_verbose) {
  auto score = Scenario(seed, directory, is_verbose).run();
  std::filesystem::remove_all(directory);
  return score;
}

}  // namespace blockplug::sim

// SPDX-License-Identifier: Apache-2.0
#include "cinder/session.h"

#include <algorithm>

#include "cinder/keystone.h"
#include "cinder/refusal.h"

namespace blockplug::cinder {
namespace {
using std::chrono::seconds;
// Cinder waits up to 60 s for its own parts, and checks the token at the door.
constexpr seconds kLongestCall{90};
// Tokens of a Keystone that lets them live for less are not renewed for every call.
constexpr seconds kLeastLife{5};
constexpr int kNotLetIn = 401;
// Many volumes do not ask one after the other what has just been refused: Keystone may lock an account for that.
constexpr seconds kFailedFor{1}, kRefusedFor{15};

Error in_time(const std::string& what) {
  return no_effect(Code::DeadlineExceeded, what + ": another call is still logging in at the cloud");
}
}  // namespace

bool Session::is_usable() const {
  if (!login_ || files_.have_changed()) return false;
  const auto left = login_->token.expires - WallClock::now();
  return left > kLongestCall || (left > seconds(0) && Clock::now() - logged_in_ < kLeastLife);
}

// Without the lock: the others wait for is_renewing_.
Result<std::shared_ptr<const Login>> Session::renew(const Patience& patience) {
  const auto credentials = TRY(files_.read());
  return log_in(credentials, patience);
}

void Session::take(const Result<std::shared_ptr<const Login>>& login) {
  login_.reset();
  failure_.reset();
  if (login.ok()) {
    login_ = *login;
    logged_in_ = Clock::now();
    return;
  }
  const auto code = login.error().code;
  if (code == Code::Cancelled || code == Code::DeadlineExceeded) return;
  failure_ = login.error();
  failure_until_ = Clock::now() + (code == Code::Unauthenticated ? kRefusedFor : kFailedFor);
}

Result<std::shared_ptr<const Login>> Session::login(const Patience& patience) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, patience.stop, patience.deadline, [&] { return !is_renewing_; })) return in_time("log in");
  if (is_usable()) return login_;
  if (failure_ && Clock::now() < failure_until_ && !files_.have_changed()) return *failure_;
  is_renewing_ = true;
  lock.unlock();
  auto login = renew(patience);
  if (!login.ok()) {
    auto& error = login.error();
    error.effect = Effect::None;                                              // a token changes nothing
    if (error.code == Code::NotFound) error.code = Code::FailedPrecondition;  // a cloud or a service, and not what was asked for
  }
  lock.lock();
  is_renewing_ = false;
  take(login);
  changed_.notify_all();
  return login;
}

void Session::forget(const std::shared_ptr<const Login>& login) {
  const std::lock_guard lock(mutex_);
  if (login_ == login) login_.reset();
}

Status Session::check_patience() const {
  const std::lock_guard lock(rest_mutex_);
  const auto left = std::chrono::ceil<seconds>(rests_until_ - Clock::now());
  if (left <= seconds(0)) return Ok{};
  return no_effect(Code::Unavailable, rest_reason_ + "; not asked again for " + std::to_string(left.count()) + " s");
}

void Session::take_a_rest(const HttpAnswer& answer) {
  const auto rest = rest_in(answer, WallClock::now());
  if (!rest) return;
  const std::lock_guard lock(rest_mutex_);
  rests_until_ = std::max(rests_until_, Clock::now() + *rest);
  rest_reason_ = "the cloud asked to be called again later (status " + std::to_string(answer.status) + ")";
}

Result<HttpAnswer> Session::send(const Login& login, const CinderCall& call, const Patience& patience) const {
  HttpRequest request{.method = call.method,
                      .url = login.endpoint + call.path,
                      .headers = {{"Accept", "application/json"},
                                  {"X-Auth-Token", login.token.id.reveal()},
                                  {"OpenStack-API-Version", "volume " + to_text(login.version)}},
                      .body = call.body,
                      .deadline = std::min(patience.deadline, Clock::now() + kLongestCall),
                      .stop = patience.stop,
                      .is_sent_once = call.sends == Sends::Once};
  auto answer = login.http->send(request);
  if (!answer.ok() && call.sends == Sends::Nothing) answer.error().effect = Effect::None;
  return answer;
}

Result<std::string> Session::ask(const CinderCall& call, const Patience& patience) {
  for (const bool is_last : {false, true}) {
    if (const auto may = check_patience(); !may.ok()) return within(call.what, may.error());
    const auto login = this->login(patience);
    if (!login.ok()) return within(call.what, login.error());
    const auto answer = send(**login, call, patience);
    if (!answer.ok()) return within(call.what, answer.error());
    take_a_rest(*answer);
    if (answer->status / 100 == 2) return answer->body;
    const bool may_be_the_token = answer->status == kNotLetIn && (*login)->credentials.kind != AuthKind::None;
    if (may_be_the_token) forget(*login);
    if (!may_be_the_token || is_last) return refusal(*answer, call.what, call.sends);
  }
  return no_effect(Code::Internal, call.what);
}

}  // namespace blockplug::cinder

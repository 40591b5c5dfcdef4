//! Polling: the interval in force is enforced and logged, and a poll can meet any answer.

use std::thread;
use std::time::Duration;

use pi_auth_tests::loopback::Error;
use pi_auth_tests::robot;
use pi_auth_tests::sandbox::{Endpoint, Fault, Kind, Poll, Sandbox};
use serde_json::{Value, json};

use crate::client::{kinds, sandbox};
use crate::device_client::{Device, prompt};

fn approve(device: &Device<'_>) {
    robot::approve_device(device.text("verification_uri"), device.text("user_code")).unwrap();
}

/// The interval in force at each poll, and whether it came too early.
fn intervals(sandbox: &Sandbox) -> Vec<(u64, bool)> {
    sandbox.polls().iter().map(|poll| (poll.interval_s, poll.too_early)).collect()
}

#[test]
fn a_poll_before_the_interval_is_over_makes_it_longer_for_good() {
    let sandbox = sandbox();
    let device = Device::new(&sandbox);
    assert_eq!(device.told["interval"], 5);
    approve(&device);
    for interval_s in [10, 15] {
        let reply = device.poll();
        let (error, interval) = (&reply.json()["error"], &reply.json()["interval"]);
        assert_eq!((reply.status, error, interval), (200, &json!("slow_down"), &json!(interval_s)));
    }
    sandbox.change(|settings| settings.github.slow_down_sends_interval = false);
    let reply = device.poll().json();
    assert_eq!((&reply["error"], &reply["interval"]), (&json!("slow_down"), &Value::Null));
    assert_eq!(intervals(&sandbox), [(5, true), (10, true), (15, true)]);
}

#[test]
fn a_poll_in_good_time_is_answered_and_measured() {
    let sandbox = prompt();
    sandbox.change(|settings| settings.github.interval_s = 1);
    let device = Device::new(&sandbox);
    approve(&device);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(device.poll_error(), "");
    let [Poll { waited_ms: 1000.., interval_s: 1, too_early: false }] = sandbox.polls()[..] else {
        panic!("{:?}", sandbox.polls())
    };
    let log = sandbox.log();
    let polled = log.iter().find(|entry| matches!(entry.kind, Kind::Polled(_))).unwrap();
    let granted = log.iter().find(|entry| entry.kind == Kind::DeviceGranted).unwrap();
    assert_eq!(polled.request, granted.request);
}

#[test]
fn the_interval_is_enforced_even_when_nobody_was_told() {
    let sandbox = sandbox();
    sandbox.change(|settings| settings.github.send_interval = false);
    let device = Device::new(&sandbox);
    assert_eq!(device.poll_error(), "slow_down");
    assert_eq!(intervals(&sandbox), [(5, true)]);
}

#[test]
fn each_device_has_an_interval_of_its_own() {
    let sandbox = prompt();
    let (hasty, patient) = (Device::new(&sandbox), Device::new(&sandbox));
    sandbox.fail_next_at(Endpoint::DevicePoll, [Fault::slow_down(Some(30))]);
    assert_eq!(hasty.poll().json()["interval"], 30);
    assert_eq!(patient.poll_error(), "authorization_pending");
    assert_eq!(hasty.poll_error(), "slow_down");
    assert_eq!(intervals(&sandbox), [(0, false), (0, false), (30, true)]);
}

#[test]
fn an_approved_device_may_be_kept_waiting() {
    let sandbox = prompt();
    sandbox.change(|settings| settings.github.pending_after_approval = 2);
    let device = Device::new(&sandbox);
    approve(&device);
    let heard: Vec<String> = (0..3).map(|_| device.poll_error()).collect();
    assert_eq!(heard, ["authorization_pending", "authorization_pending", ""]);
}

#[test]
fn a_scripted_slow_down_is_in_force_from_then_on() {
    let sandbox = prompt();
    let device = Device::new(&sandbox);
    let script = [Fault::slow_down(None), Fault::slow_down(Some(0)), Fault::slow_down(Some(12))];
    sandbox.fail_next_at(Endpoint::DevicePoll, script);
    let told: Vec<Value> = (0..3).map(|_| device.poll().json()["interval"].clone()).collect();
    assert_eq!(told, [Value::Null, json!(0), json!(12)]);
    device.poll();
    assert_eq!(intervals(&sandbox), [(0, false), (5, true), (0, false), (12, true)]);
}

#[test]
fn a_script_of_answers_is_met_in_order_and_costs_nothing() {
    let sandbox = prompt();
    let device = Device::new(&sandbox);
    approve(&device);
    let errors = ["authorization_pending", "expired_token", "access_denied", "odd_error"];
    let mut script: Vec<Fault> = errors.map(Fault::github_error).into();
    script.extend([Fault::status(502), Fault::Html200, Fault::rate_limited(9)]);
    sandbox.fail_next_at(Endpoint::DevicePoll, script.clone());
    assert_eq!(sandbox.pending_faults_at(Endpoint::DevicePoll), script);
    assert_eq!(sandbox.pending_faults(), []);
    for error in errors {
        assert_eq!(device.poll_error(), error);
    }
    assert_eq!(device.poll().status, 502);
    assert!(device.poll().body.starts_with("<!doctype html>"));
    let limited = device.poll();
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("9")));
    assert_eq!(device.poll_error(), "");
    assert_eq!(sandbox.polls().len(), 8);
}

#[test]
fn a_poll_that_gets_no_answer_is_measured_and_the_code_stays_good() {
    let sandbox = prompt();
    let device = Device::new(&sandbox);
    approve(&device);
    sandbox.fail_next_at(Endpoint::DevicePoll, [Fault::Close, Fault::Hang]);
    let lost = device.poll_request().send().unwrap_err();
    assert!(matches!(lost, Error::Failed(_)), "{lost}");
    let hanging = device.poll_request().timeout(Duration::from_secs(2));
    assert_eq!(hanging.send().unwrap_err(), Error::TimedOut);
    assert_eq!(device.poll_error(), "");
    assert_eq!(sandbox.polls().len(), 3);
}

#[test]
fn a_grant_whose_answer_is_lost_is_spent() {
    let sandbox = prompt();
    let device = Device::new(&sandbox);
    approve(&device);
    sandbox.fail_next_at(Endpoint::DevicePoll, [Fault::DropAfterGrant]);
    assert!(matches!(device.poll_request().send().unwrap_err(), Error::Failed(_)));
    assert!(kinds(&sandbox).contains(&Kind::DeviceGranted));
    assert_eq!(device.poll_error(), "incorrect_device_code");
}

#[test]
fn a_device_code_that_is_unknown_is_no_poll() {
    let sandbox = prompt();
    let mut device = Device::new(&sandbox);
    device.told["device_code"] = json!("other");
    assert_eq!(device.poll_error(), "incorrect_device_code");
    assert_eq!(sandbox.polls(), []);
}

//! The device grant: what a device is told, what a person does, what the device gets.

use std::process::Command;

use pi_auth_tests::loopback::Request;
use pi_auth_tests::robot::{self, Error};
use pi_auth_tests::sandbox::{Endpoint, Fault, GITHUB_CLIENT_ID, Kind, PendingUserCode};
use serde_json::{Value, json};

use crate::client::{kinds, sandbox};
use crate::device_client::{
    DOMAIN, Device, ENTERPRISE, GRANT_TYPE, SCOPE, authorize, form, last_error, prompt,
};

const CLIENT: (&str, &str) = ("client_id", GITHUB_CLIENT_ID);

#[test]
fn a_device_is_told_what_to_show_and_gets_a_token_once_it_is_approved() {
    let sandbox = prompt();
    let device = Device::new(&sandbox);
    let site = format!("{}/github.com/login/device", sandbox.base_url());
    assert_eq!(device.told["verification_uri"], site);
    assert_eq!(device.told["verification_uri_complete"], Value::Null);
    assert_eq!((&device.told["expires_in"], &device.told["interval"]), (&json!(900), &json!(0)));
    let user_code = device.text("user_code").to_owned();
    let (left, right) = user_code.split_once('-').unwrap();
    assert_eq!((left.len(), right.len()), (4, 4), "{user_code}");
    assert!(!device.told["device_code"].as_str().unwrap().contains(&user_code));

    assert_eq!(device.poll_error(), "authorization_pending");
    robot::approve_device(&site, &user_code).unwrap();
    let granted = device.poll();
    let token = granted.json()["access_token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("ghu_") && token.len() == 40, "{token}");
    let expected = json!({ "access_token": token, "token_type": "bearer", "scope": "read:user" });
    assert_eq!(granted.json(), expected);
    assert_eq!(granted.header("cache-control"), Some("no-store"));
    assert!(sandbox.is_valid_github(DOMAIN, &token));

    let told: Vec<Kind> =
        kinds(&sandbox).into_iter().filter(|kind| !matches!(kind, Kind::Polled(_))).collect();
    assert!(matches!(&told[1], Kind::Refused { error, .. } if error == "authorization_pending"));
    assert_eq!(told[0], Kind::DeviceAuthorized { user_code: user_code.clone() });
    assert_eq!(
        told[2..],
        [Kind::DevicePage, Kind::DevicePage, Kind::Approved, Kind::DeviceGranted]
    );
    let log = sandbox.log();
    let approved = log.iter().find(|entry| entry.kind == Kind::Approved).unwrap();
    assert_eq!(approved.field("user_code"), Some(user_code.as_str()));
}

#[test]
fn a_device_code_is_granted_once() {
    let sandbox = prompt();
    let device = Device::new(&sandbox);
    robot::approve_device(device.text("verification_uri"), device.text("user_code")).unwrap();
    assert_eq!(device.poll_error(), "");
    assert_eq!(device.poll_error(), "incorrect_device_code");
}

#[test]
fn a_device_that_was_denied_hears_so() {
    let sandbox = prompt();
    let device = Device::new(&sandbox);
    robot::deny_device(device.text("verification_uri"), device.text("user_code")).unwrap();
    assert_eq!(device.poll_error(), "access_denied");
    assert!(kinds(&sandbox).contains(&Kind::Denied));
}

#[test]
fn a_code_expires_for_the_device_and_for_the_person() {
    let sandbox = prompt();
    sandbox.change(|settings| settings.github.code_lifetime_s = 0);
    let device = Device::new(&sandbox);
    assert_eq!(device.told["expires_in"], 0);
    assert_eq!(device.poll_error(), "expired_token");
    let refused = robot::approve_device(device.text("verification_uri"), device.text("user_code"));
    assert!(matches!(refused, Err(Error::Refused { status: 400, .. })), "{refused:?}");
    assert_eq!(sandbox.pending_user_codes(), []);
}

#[test]
fn what_a_device_is_told_follows_the_settings() {
    let sandbox = prompt();
    sandbox.change(|settings| {
        settings.github.interval_s = 7;
        settings.github.send_verification_uri_complete = true;
    });
    let device = Device::new(&sandbox);
    assert_eq!(device.told["interval"], 7);
    let complete = device.text("verification_uri_complete");
    let (uri, user_code) = (device.text("verification_uri"), device.text("user_code"));
    assert_eq!(complete, format!("{uri}?user_code={user_code}"));
    let page = Request::get(complete).send().unwrap().body;
    assert!(page.contains(&format!("value=\"{user_code}\"")), "{page}");
    assert_eq!(robot::pending_user_code(complete).unwrap(), user_code);

    sandbox.change(|settings| settings.github.send_interval = false);
    assert_eq!(Device::new(&sandbox).told["interval"], Value::Null);
}

#[test]
fn a_client_that_does_not_ask_for_json_gets_a_form() {
    let sandbox = prompt();
    let url = format!("{}/github.com/login/device/code", sandbox.base_url());
    for accept in ["*/*", "text/html, application/xml"] {
        let request = Request::post_form(&url, &[CLIENT, SCOPE]).header("Accept", accept);
        let reply = request.send().unwrap();
        let media_type = reply.header("content-type").unwrap();
        assert!(media_type.starts_with("application/x-www-form-urlencoded"), "{media_type}");
        let fields: Vec<(String, String)> =
            url::form_urlencoded::parse(reply.body.as_bytes()).into_owned().collect();
        assert!(fields.contains(&("interval".to_owned(), "0".to_owned())), "{}", reply.body);
    }
    let request = Request::post_form(&url, &[CLIENT, SCOPE]);
    let reply = request.header("Accept", "text/html, Application/JSON;q=0.9").send().unwrap();
    assert!(reply.json()["device_code"].is_string(), "{}", reply.body);
}

#[test]
fn a_bad_device_authorization_request_is_refused_with_a_200() {
    let sandbox = prompt();
    let wrong: [(&[(&str, &str)], &str); 5] = [
        (&[SCOPE], "incorrect_client_credentials"),
        (&[("client_id", "other"), SCOPE], "incorrect_client_credentials"),
        (&[CLIENT], "invalid_scope"),
        (&[CLIENT, ("scope", "repo")], "invalid_scope"),
        (&[CLIENT, SCOPE, SCOPE], "invalid_request"),
    ];
    for (fields, error) in wrong {
        let reply = authorize(&sandbox, DOMAIN, fields);
        assert_eq!((reply.status, &reply.json()["error"]), (200, &json!(error)));
        assert!(reply.json()["error_description"].is_string());
        assert_eq!(last_error(&sandbox), error);
    }
    let url = format!("{}/github.com/login/device/code", sandbox.base_url());
    let body = json!({ "client_id": GITHUB_CLIENT_ID, "scope": "read:user" });
    let json = Request::post_json(url, &body).header("Accept", "application/json");
    assert_eq!(json.send().unwrap().json()["error"], "invalid_request");
    sandbox.change(|settings| settings.github.device_flow = false);
    let refused = authorize(&sandbox, DOMAIN, &[CLIENT, SCOPE]);
    assert_eq!(refused.json()["error"], "device_flow_disabled");
    assert_eq!(sandbox.pending_user_codes(), []);
}

#[test]
fn a_bad_poll_is_refused_with_a_200() {
    let sandbox = prompt();
    let device = Device::new(&sandbox);
    let code = ("device_code", device.text("device_code"));
    let grant_type = ("grant_type", GRANT_TYPE);
    let wrong: [(&[(&str, &str)], &str); 6] = [
        (&[code, grant_type], "incorrect_client_credentials"),
        (&[("client_id", "other"), code, grant_type], "incorrect_client_credentials"),
        (&[CLIENT, code], "unsupported_grant_type"),
        (&[CLIENT, code, ("grant_type", "device_code")], "unsupported_grant_type"),
        (&[CLIENT, grant_type], "incorrect_device_code"),
        (&[CLIENT, ("device_code", "other"), grant_type], "incorrect_device_code"),
    ];
    for (fields, error) in wrong {
        let reply = form(&sandbox, DOMAIN, "login/oauth/access_token", fields).send().unwrap();
        assert_eq!((reply.status, &reply.json()["error"]), (200, &json!(error)));
        assert_eq!(last_error(&sandbox), error);
    }
}

#[test]
fn codes_belong_to_the_domain_that_issued_them() {
    let sandbox = prompt();
    let device = Device::at(&sandbox, ENTERPRISE);
    let elsewhere = Device { sandbox: &sandbox, domain: DOMAIN, told: device.told.clone() };
    assert_eq!(elsewhere.poll_error(), "incorrect_device_code");
    let (uri, user_code) = (device.text("verification_uri"), device.text("user_code"));
    assert!(uri.ends_with("/ghe.example.com/login/device"), "{uri}");
    let wrong_site = uri.replace(ENTERPRISE, DOMAIN);
    assert!(robot::approve_device(&wrong_site, user_code).is_err());
    robot::approve_device(uri, user_code).unwrap();
    assert_eq!(elsewhere.poll_error(), "incorrect_device_code");
    let token = device.poll().json()["access_token"].as_str().unwrap().to_owned();
    assert!(sandbox.is_valid_github(ENTERPRISE, &token));
    assert!(!sandbox.is_valid_github(DOMAIN, &token));
}

#[test]
fn a_path_without_a_domain_leads_nowhere() {
    let sandbox = prompt();
    for domain in ["%7Bdomain%7D", "{domain}", "localhost", "Github.com", "a..b", "git_hub.com"] {
        let reply = authorize(&sandbox, domain, &[CLIENT, SCOPE]);
        assert_eq!(reply.status, 404, "{domain}");
        assert_eq!(last_error(&sandbox), "not_found");
    }
}

#[test]
fn a_person_types_the_code_as_people_type_and_decides_once() {
    let sandbox = prompt();
    let device = Device::new(&sandbox);
    let url = device.text("verification_uri");
    let typed = format!(" {} ", device.text("user_code").to_lowercase().replace('-', " "));
    let press = |fields: &[(&str, &str)]| Request::post_form(url, fields).send().unwrap();
    let page = press(&[("user_code", &typed), ("decision", "continue")]);
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains(device.text("user_code")));
    let (_, rest) = page.body.split_once("name=\"request_id\" value=\"").unwrap();
    let id = rest.split('"').next().unwrap();
    assert_eq!(device.poll_error(), "authorization_pending");
    assert_eq!(press(&[("request_id", id), ("decision", "perhaps")]).status, 400);
    assert_eq!(press(&[("request_id", id), ("decision", "deny")]).status, 200);
    assert_eq!(press(&[("request_id", id), ("decision", "authorize")]).status, 400);
    assert_eq!(device.poll_error(), "access_denied");
}

#[test]
fn a_wrong_code_is_refused_and_nothing_typed_reaches_the_page_as_html() {
    let sandbox = sandbox();
    let hostile = "\"><script>alert(1)</script>";
    let url = format!("{}/github.com/login/device", sandbox.base_url());
    let wrong = robot::approve_device(&url, hostile).unwrap_err();
    let reason = "no device shows this code, or not now".to_owned();
    assert_eq!(wrong, Error::Refused { status: 400, reason });
    let with_code = url::Url::parse_with_params(&url, [("user_code", hostile)]).unwrap();
    for reply in [
        Request::post_form(&url, &[("user_code", hostile), ("decision", "continue")]),
        Request::get(with_code.as_str()),
    ] {
        let page = reply.send().unwrap().body;
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{page}");
    }
}

#[test]
fn the_newest_code_that_waits_at_a_domain_is_found_without_the_device() {
    let sandbox = prompt();
    let (first, second) = (Device::new(&sandbox), Device::new(&sandbox));
    let elsewhere = Device::at(&sandbox, ENTERPRISE);
    let pending = |device: &Device<'_>| PendingUserCode {
        domain: device.domain.to_owned(),
        user_code: device.text("user_code").to_owned(),
    };
    let all = [pending(&first), pending(&second), pending(&elsewhere)];
    assert_eq!(sandbox.pending_user_codes(), all);
    let url = first.text("verification_uri");
    for newest in [&second, &first] {
        let code = robot::pending_user_code(url).unwrap();
        assert_eq!(code, newest.text("user_code"));
        robot::deny_device(url, &code).unwrap();
    }
    assert!(robot::pending_user_code(url).is_err());
    assert_eq!(sandbox.pending_user_codes(), [pending(&elsewhere)]);
}

#[test]
fn the_command_presses_for_the_device_that_waits() {
    let sandbox = prompt();
    for (verb, heard) in [("approve", ""), ("deny", "access_denied")] {
        let device = Device::new(&sandbox);
        let robot = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pi-auth-sandbox"));
            command.args([verb, device.text("verification_uri")]).output().unwrap()
        };
        let pressed = robot();
        assert!(pressed.status.success() && pressed.stdout.is_empty(), "{pressed:?}");
        assert_eq!(device.poll_error(), heard);
        let nobody = robot();
        let stderr = String::from_utf8_lossy(&nobody.stderr).into_owned();
        assert!(!nobody.status.success() && stderr.contains("no device waits"), "{stderr}");
    }
}

#[test]
fn the_device_authorization_endpoint_has_faults_of_its_own() {
    let sandbox = prompt();
    sandbox.fail_next_at(Endpoint::DeviceAuthorization, [Fault::status(503), Fault::WrongTypes]);
    assert_eq!(authorize(&sandbox, DOMAIN, &[CLIENT, SCOPE]).status, 503);
    let wrong = authorize(&sandbox, DOMAIN, &[CLIENT, SCOPE]).json();
    assert!(wrong["device_code"].is_number() && wrong["verification_uri"].is_boolean());
    assert_eq!(sandbox.pending_user_codes(), []);
    Device::new(&sandbox);
}

//! Copilot: the exchange, the models, the policies.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use pi_auth_tests::loopback::{Reply, Request};
use pi_auth_tests::sandbox::{CopilotAccess, Endpoint, Fault, Kind, Model, Policy, Sandbox};
use serde_json::{Value, json};

use crate::chat::chat;
use crate::client::{kinds, sandbox};
use crate::device_client::{DOMAIN, EDITOR, ENTERPRISE, dressed, exchange, get, last_error};

const API_VERSION: (&str, &str) = ("X-GitHub-Api-Version", "2026-06-01");

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The value of one `name=value;` in a Copilot token.
fn part<'a>(token: &'a str, name: &str) -> Option<&'a str> {
    token.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

#[test]
fn a_github_token_is_exchanged_for_a_copilot_token() {
    let sandbox = sandbox();
    let github = sandbox.issue_github(DOMAIN);
    let begun = now_s();
    let reply = exchange(&sandbox, DOMAIN, &github);
    assert_eq!(reply.status, 200, "{}", reply.body);
    let document = reply.json();
    let token = document["token"].as_str().unwrap();
    let expires_at = document["expires_at"].as_u64().unwrap();
    assert!((begun + 1800..=now_s() + 1800).contains(&expires_at), "{expires_at}");
    assert_eq!(document["refresh_in"], 1500);
    assert_eq!(part(token, "exp"), Some(expires_at.to_string().as_str()));
    assert_eq!(part(token, "proxy-ep"), Some("proxy.individual.githubcopilot.com"));
    assert!(part(token, "tid").is_some() && part(token, "sku").is_some(), "{token}");
    assert!(sandbox.is_valid_copilot(DOMAIN, token));
    assert!(!sandbox.is_valid_copilot(ENTERPRISE, token));
    assert_ne!(exchange(&sandbox, DOMAIN, &github).json()["token"], *token);
    assert_eq!(sandbox.exchanges(), 2);
    assert_eq!(kinds(&sandbox), [Kind::CopilotExchanged, Kind::CopilotExchanged]);
}

#[test]
fn what_a_copilot_token_says_follows_the_settings() {
    let sandbox = sandbox();
    sandbox.change(|settings| {
        settings.github.copilot_lifetime_s = 0;
        settings.github.expires_at_skew_s = -3600;
        settings.github.proxy_ep = None;
        settings.github.enterprise_proxy_ep = Some("proxy.ghe.example.com".to_owned());
    });
    let document = exchange(&sandbox, DOMAIN, &sandbox.issue_github(DOMAIN)).json();
    let token = document["token"].as_str().unwrap();
    assert_eq!(part(token, "proxy-ep"), None);
    assert!(document["expires_at"].as_u64().unwrap() <= now_s() - 3600);
    assert_eq!(document["refresh_in"], 0);
    assert!(!sandbox.is_valid_copilot(DOMAIN, token));
    let enterprise = exchange(&sandbox, ENTERPRISE, &sandbox.issue_github(ENTERPRISE)).json();
    let token = enterprise["token"].as_str().unwrap();
    assert_eq!(part(token, "proxy-ep"), Some("proxy.ghe.example.com"));
}

#[test]
fn an_exchange_needs_a_good_github_token_of_the_same_domain() {
    let sandbox = sandbox();
    let (github, revoked) = (sandbox.issue_github(DOMAIN), sandbox.issue_github(DOMAIN));
    assert!(sandbox.revoke(&revoked) && !sandbox.is_valid_github(DOMAIN, &revoked));
    assert!(!sandbox.revoke("ghu_other"));
    for (domain, token) in
        [(DOMAIN, ""), (DOMAIN, "ghu_other"), (DOMAIN, &*revoked), (ENTERPRISE, &*github)]
    {
        let reply = exchange(&sandbox, domain, token);
        let message = &reply.json()["message"];
        assert_eq!((reply.status, message), (401, &json!("Bad credentials")), "{token}");
        assert_eq!(last_error(&sandbox), "unauthorized");
    }
    assert_eq!(exchange(&sandbox, DOMAIN, &github).status, 200);
    assert_eq!(sandbox.exchanges(), 1);
}

#[test]
fn an_exchange_can_be_refused_for_good() {
    let sandbox = sandbox();
    let github = sandbox.issue_github(DOMAIN);
    let refused = |access: CopilotAccess| {
        sandbox.change(|settings| settings.github.copilot_access = access);
        exchange(&sandbox, DOMAIN, &github)
    };
    assert_eq!(refused(CopilotAccess::Unauthorized).status, 401);
    assert_eq!(refused(CopilotAccess::NotFound).status, 404);
    let forbidden = refused(CopilotAccess::NoSubscription);
    let details = &forbidden.json()["error_details"];
    assert_eq!(forbidden.status, 403);
    assert!(["message", "title", "url"].iter().all(|name| details[*name].is_string()));
    assert_eq!(exchange(&sandbox, DOMAIN, "ghu_other").status, 401);
    assert_eq!(refused(CopilotAccess::Granted).status, 200);
}

/// A request without headers, its token, and the headers that it needs beside the editor's.
type Case<'a> = (Request, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn every_endpoint_of_copilot_names_the_header_that_is_missing() {
    let sandbox = sandbox();
    let login = sandbox.issue_copilot(DOMAIN);
    let base = format!("{}/{DOMAIN}", sandbox.base_url());
    let chat = json!({ "model": "gpt-4.1", "messages": [{ "role": "user", "content": "Hi" }] });
    let intent = ("Openai-Intent", "chat-policy");
    let interaction = ("X-Interaction-Type", "chat-policy");
    let cases: [Case<'_>; 4] = [
        (Request::get(format!("{base}/copilot_internal/v2/token")), &login.refresh, &[]),
        (Request::get(format!("{base}/copilot/models")), &login.access, &[API_VERSION]),
        (
            Request::post_json(
                format!("{base}/copilot/models/claude-sonnet-4.5/policy"),
                &json!({ "state": "enabled" }),
            ),
            &login.access,
            &[intent, interaction],
        ),
        (
            Request::post_json(format!("{base}/copilot/chat/completions"), &chat),
            &login.access,
            &[("Openai-Intent", "conversation-edits"), ("X-Initiator", "user")],
        ),
    ];
    for (request, token, more) in cases {
        let needed: Vec<(&str, &str)> = EDITOR.iter().chain(more).copied().collect();
        let send = |headers: &[(&str, &str)]| {
            let request = request.clone().header("Authorization", &format!("Bearer {token}"));
            let add = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
            headers.iter().fold(request, add).send().unwrap()
        };
        assert_eq!(send(&needed).status, 200, "{}", send(&needed).body);
        for (index, (name, _)) in needed.iter().enumerate() {
            let mut without = needed.clone();
            without.remove(index);
            for wrong in [None, Some((*name, "other"))] {
                let reply = send(&without.iter().copied().chain(wrong).collect::<Vec<_>>());
                assert_eq!(reply.status, 400, "{name}");
                let message = reply.json()["message"].as_str().unwrap().to_owned();
                assert!(message.contains(name), "{message}");
            }
        }
    }
}

fn models(sandbox: &Sandbox, domain: &str, token: &str) -> Reply {
    let request = get(sandbox, domain, "copilot/models", token);
    request.header(API_VERSION.0, API_VERSION.1).send().unwrap()
}

fn policy_request(sandbox: &Sandbox, token: &str, model: &str, body: &Value) -> Request {
    let url = format!("{}/{DOMAIN}/copilot/models/{model}/policy", sandbox.base_url());
    dressed(Request::post_json(url, body), token)
        .header("openai-intent", "chat-policy")
        .header("x-interaction-type", "chat-policy")
}

fn enable(sandbox: &Sandbox, token: &str, model: &str) -> Reply {
    policy_request(sandbox, token, model, &json!({ "state": "enabled" })).send().unwrap()
}

#[test]
fn the_models_are_listed_with_what_a_login_looks_at() {
    let sandbox = sandbox();
    let login = sandbox.issue_copilot(DOMAIN);
    let document = models(&sandbox, DOMAIN, &login.access).json();
    let data = document["data"].as_array().unwrap();
    let policies: Vec<&Value> = data.iter().map(|model| &model["policy"]["state"]).collect();
    let states = [None, Some("enabled"), Some("unconfigured"), Some("unconfigured")];
    assert_eq!(policies[..4], states.map(|state| json!(state)).each_ref()[..]);
    assert_eq!(policies[4..], [&json!("disabled"), &Value::Null]);
    assert_eq!(data[0]["id"], "gpt-4.1");
    assert!(data[0].get("policy").is_none() && data[0]["name"].is_string());
    assert_eq!(data[0]["capabilities"]["supports"]["tool_calls"], true);
    assert_eq!(data[0]["model_picker_enabled"], true);
    assert_eq!(data[5]["capabilities"]["supports"]["tool_calls"], false);
    assert_eq!(data[5]["model_picker_enabled"], false);

    sandbox.change(|settings| {
        settings.github.models = vec![Model {
            id: "one".to_owned(),
            name: "One".to_owned(),
            model_picker_enabled: true,
            policy: Some(Policy::Disabled),
            tool_calls: true,
        }];
    });
    let document = models(&sandbox, DOMAIN, &login.access).json();
    assert_eq!(document["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(kinds(&sandbox), [Kind::ModelsListed, Kind::ModelsListed]);
}

#[test]
fn the_api_needs_a_good_copilot_token_of_the_same_domain() {
    let sandbox = sandbox();
    let (login, revoked) = (sandbox.issue_copilot(DOMAIN), sandbox.issue_copilot(DOMAIN));
    assert!(sandbox.revoke(&revoked.access));
    assert_eq!(models(&sandbox, DOMAIN, &login.access).status, 200);
    assert_eq!(models(&sandbox, ENTERPRISE, &login.access).status, 401);
    assert_eq!(models(&sandbox, DOMAIN, &login.refresh).status, 401);
    assert_eq!(models(&sandbox, DOMAIN, &revoked.access).status, 401);
    assert_eq!(enable(&sandbox, &revoked.access, "gpt-5").status, 401);
    assert_eq!(chat(&sandbox, &revoked.access, json!({}), &[]).status, 401);
    sandbox.revoke(&login.refresh);
    assert_eq!(models(&sandbox, DOMAIN, &login.access).status, 200);
    sandbox.revoke_all();
    assert_eq!(models(&sandbox, DOMAIN, &login.access).status, 401);
}

#[test]
fn a_policy_that_nobody_decided_on_can_be_accepted_and_no_other() {
    let sandbox = sandbox();
    let token = sandbox.issue_copilot(DOMAIN).access;
    let accepted = enable(&sandbox, &token, "claude-sonnet-4.5");
    assert_eq!((accepted.status, &accepted.json()["state"]), (200, &json!("enabled")));
    let model = sandbox.settings().github.models[2].clone();
    assert_eq!((model.id.as_str(), model.policy), ("claude-sonnet-4.5", Some(Policy::Enabled)));
    let listed = models(&sandbox, DOMAIN, &token).json();
    assert_eq!(listed["data"][2]["policy"]["state"], "enabled");
    let accepted = Kind::PolicyEnabled { model: "claude-sonnet-4.5".to_owned() };
    assert_eq!(kinds(&sandbox), [accepted, Kind::ModelsListed]);

    for (model, status) in [("grok-code-fast-1", 403), ("gpt-4.1", 400), ("other", 404)] {
        assert_eq!(enable(&sandbox, &token, model).status, status, "{model}");
    }
    let wrong = policy_request(&sandbox, &token, "gemini-2.5-pro", &json!({ "state": "on" }));
    assert_eq!(wrong.send().unwrap().status, 400);
    assert_eq!(sandbox.settings().github.models[3].policy, Some(Policy::Unconfigured));
}

#[test]
fn policies_accepted_at_once_are_noticed_and_one_after_another_are_not() {
    let sandbox = sandbox();
    let token = sandbox.issue_copilot(DOMAIN).access;
    for model in ["claude-sonnet-4.5", "gemini-2.5-pro"] {
        enable(&sandbox, &token, model);
    }
    assert!(!kinds(&sandbox).contains(&Kind::PolicyOverlap));
    sandbox.change(|settings| {
        settings.delays_ms.insert(Endpoint::Policy, 200);
    });
    thread::scope(|scope| {
        for model in ["claude-sonnet-4.5", "gemini-2.5-pro"] {
            scope.spawn(|| enable(&sandbox, &token, model));
        }
    });
    assert!(kinds(&sandbox).contains(&Kind::PolicyOverlap));
}

#[test]
fn copilot_has_faults_at_every_endpoint() {
    let sandbox = sandbox();
    let login = sandbox.issue_copilot(DOMAIN);
    for endpoint in [Endpoint::CopilotToken, Endpoint::Models, Endpoint::Policy, Endpoint::Chat] {
        sandbox.fail_next_at(endpoint, [Fault::rate_limited(3)]);
    }
    assert_eq!(exchange(&sandbox, DOMAIN, &login.refresh).status, 429);
    assert_eq!(models(&sandbox, DOMAIN, &login.access).status, 429);
    assert_eq!(enable(&sandbox, &login.access, "gemini-2.5-pro").status, 429);
    assert_eq!(chat(&sandbox, &login.access, json!({}), &[]).status, 429);
    assert_eq!(sandbox.settings().github.models[3].policy, Some(Policy::Unconfigured));
    assert_eq!(sandbox.exchanges(), 0);

    sandbox.fail_next_at(Endpoint::CopilotToken, [Fault::DropAfterGrant, Fault::WrongTypes]);
    let request = get(&sandbox, DOMAIN, "copilot_internal/v2/token", &login.refresh);
    assert!(request.send().is_err());
    assert_eq!(sandbox.exchanges(), 1);
    let wrong = exchange(&sandbox, DOMAIN, &login.refresh).json();
    assert!(wrong["token"].is_number() && wrong["expires_at"].is_string());
    assert_eq!(exchange(&sandbox, DOMAIN, &login.refresh).status, 200);
}

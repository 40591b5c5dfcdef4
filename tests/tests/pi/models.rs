//! Copilot's models: those that nobody has decided on are enabled, and no login fails over them.

use pi_auth_tests::pi::{Age, Home, Signal, eventually};
use pi_auth_tests::sandbox::{Endpoint, Fault, Kind, Model, Policy, Sandbox};
use serde_json::json;

use crate::copilot::{COPILOT, GITHUB, MODELS, SUCCESS, approved, assert_logged_in, quick};
use crate::{kinds, login};

/// The models whose policy was accepted, in order.
fn enabled(sandbox: &Sandbox) -> Vec<String> {
    let model = |kind: Kind| match kind {
        Kind::PolicyEnabled { model } => Some(model),
        _ => None,
    };
    kinds(sandbox).into_iter().filter_map(model).collect()
}

fn model(id: &str, policy: Option<Policy>) -> Model {
    let (id, name) = (id.to_owned(), id.to_owned());
    Model { id, name, model_picker_enabled: true, policy, tool_calls: true }
}

#[test]
fn only_what_nobody_has_decided_on_is_enabled_one_after_another() {
    let sandbox = quick();
    let undecided: Vec<String> = (0..8).map(|number| format!("new/{number}?")).collect();
    sandbox.change(|settings| {
        let models = &mut settings.github.models;
        models.extend(undecided.iter().map(|id| model(id, Some(Policy::Unconfigured))));
        models.push(Model { tool_calls: false, ..model("mute", Some(Policy::Unconfigured)) });
        models.push(Model {
            model_picker_enabled: false,
            ..model("hidden", Some(Policy::Unconfigured))
        });
    });
    let home = Home::at(&sandbox);
    let ended = approved(&home, &[]).run();
    assert!(!ended.stderr.contains("note:"), "{ended}");
    let mut expected: Vec<String> = MODELS[2..].iter().map(|&id| id.to_owned()).collect();
    expected.extend(undecided);
    assert_eq!(enabled(&sandbox), expected);
    assert!(!kinds(&sandbox).contains(&Kind::PolicyOverlap), "one after another");
    let usable = [MODELS[..2].iter().map(|&id| id.to_owned()).collect(), expected].concat();
    assert_eq!(home.entry(COPILOT)["availableModelIds"], json!(usable));

    // They are decided on now, so the next login has nothing to enable.
    let before = enabled(&sandbox).len();
    approved(&home, &[]).run().exits(0);
    assert_eq!(enabled(&sandbox).len(), before);
    assert_eq!(home.entry(COPILOT)["availableModelIds"], json!(usable));
}

#[test]
fn a_limit_stops_it_and_any_other_refusal_only_skips_the_model() {
    let [always @ .., _, _] = MODELS;
    let rest = |ids: &[&'static str]| [&always[..], ids].concat();
    let cases = [
        (vec![Fault::rate_limited(60)], 1, rest(&[]), "Not every model could be enabled: it is"),
        (
            vec![Fault::status(403)],
            3,
            rest(&["gemini-2.5-pro", "third"]),
            "The model claude-sonnet-4.5 could not be enabled (HTTP 403)",
        ),
        (vec![Fault::Close], 1, rest(&[]), "Not every model could be enabled: the connection"),
        (vec![Fault::status(500), Fault::rate_limited(1)], 2, rest(&[]), "(HTTP 500)"),
    ];
    let logins = cases.map(|(faults, asked, usable, note)| {
        let sandbox = quick();
        sandbox.change(|settings| {
            settings.github.models.push(model("third", Some(Policy::Unconfigured)));
        });
        sandbox.fail_next_at(Endpoint::Policy, faults);
        let home = Home::at(&sandbox);
        let pi = approved(&home, &[]).start();
        (sandbox, home, pi, asked, usable, note)
    });
    for (sandbox, home, pi, asked, usable, note) in logins {
        let ended = pi.finish();
        ended.exits(0).prints(SUCCESS).says("note: ").says(note);
        let log = sandbox.log();
        let policies = log.iter().filter(|it| it.request.path.ends_with("/policy"));
        let mut ids: Vec<u64> = policies.map(|it| it.request.id).collect();
        ids.dedup();
        assert_eq!(ids.len(), asked, "{ended}");
        assert_eq!(home.entry(COPILOT)["availableModelIds"], json!(usable), "{ended}");
        assert_logged_in(&home, &sandbox, GITHUB);
    }
}

#[test]
fn a_list_that_cannot_be_had_is_a_note() {
    let faults = [
        Fault::status(500),
        Fault::status(404),
        Fault::status(401),
        Fault::rate_limited(60),
        Fault::Html200,
        Fault::CutJson,
        Fault::WrongTypes,
        Fault::Oversized,
        Fault::Close,
    ];
    let logins = faults.map(|fault| {
        let sandbox = quick();
        sandbox.fail_next_at(Endpoint::Models, [fault.clone()]);
        let home = Home::at(&sandbox);
        let pi = approved(&home, &[]).start();
        (sandbox, home, fault, pi)
    });
    for (sandbox, home, fault, pi) in logins {
        let ended = pi.finish();
        assert_eq!(ended.code(), Some(0), "{fault:?}: {ended}");
        ended.prints(SUCCESS).says("note: There is no list of your models: ");
        assert_logged_in(&home, &sandbox, GITHUB);
        assert!(home.entry(COPILOT)["availableModelIds"].is_null(), "{fault:?}");
        assert_eq!(enabled(&sandbox), [""; 0], "{fault:?}");
    }
}

#[test]
fn nobody_waits_for_a_login_that_enables_models_and_who_stops_it_is_logged_in() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    let anthropic = sandbox.issue();
    home.store(&anthropic, Age::Expired.expires());
    sandbox.fail_next_at(Endpoint::Policy, [Fault::Hang]);
    let mut pi = approved(&home, &[]).start();
    let hangs = Kind::Fault { name: "hang".to_owned() };
    eventually("a request that hangs", || kinds(&sandbox).contains(&hangs).then_some(()));

    home.pi(["token", "anthropic"]).run().exits(0);
    login::assert_logged_in(&home, &sandbox);
    home.pi(["logout", "anthropic", "--yes"]).run().exits(0);
    home.pi(["token", COPILOT]).run().exits(0);
    assert!(pi.runs(), "it still hangs: nobody has waited for it");
    assert_logged_in(&home, &sandbox, GITHUB);

    pi.signal(Signal::INT);
    pi.finish().exits(130).prints(SUCCESS).says("note: ").says("it was not waited for");
    assert_logged_in(&home, &sandbox, GITHUB);
    assert!(home.entry("anthropic").is_null(), "the logout stands");
    assert!(home.entry(COPILOT)["availableModelIds"].is_null(), "nothing more is begun");
}

#[test]
fn who_logs_out_while_models_are_enabled_stays_logged_out() {
    let sandbox = quick();
    let home = Home::at(&sandbox);
    sandbox.change(|settings| settings.delays_ms = [(Endpoint::Policy, 700)].into());
    let pi = approved(&home, &[]).start();
    eventually("a model", || (!enabled(&sandbox).is_empty()).then_some(()));
    home.pi(["logout", COPILOT, "--yes"]).run().exits(0);
    pi.finish().exits(0);
    assert!(home.entry(COPILOT).is_null(), "{}", home.contents());
}

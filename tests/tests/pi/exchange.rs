//! A GitHub token becomes a Copilot token: at the end of a login, and at every refresh.

use pi_auth_tests::pi::{Age, Home, Running, Signal, eventually};
use pi_auth_tests::sandbox::{CopilotAccess, Endpoint, Fault, Kind, Sandbox};
use serde_json::json;

use crate::copilot::{
    COPILOT, GITHUB, SUCCESS, approved, assert_logged_in, entry, logged_in, quick, stored,
};
use crate::{kinds, sandbox};

/// What each refusal of GitHub's is called, and what to do about it.
const REFUSALS: [(CopilotAccess, i32, &[&str]); 3] = [
    (CopilotAccess::Unauthorized, 4, &["HTTP 401", "pi login github-copilot"]),
    (
        CopilotAccess::NoSubscription,
        1,
        &[
            "this account may not use Copilot (HTTP 403: This account has no access to GitHub \
             Copilot)",
            "https://github.com/settings/copilot",
        ],
    ),
    (
        CopilotAccess::NotFound,
        1,
        &["there is no Copilot for this account", "HTTP 404", "--enterprise DOMAIN"],
    ),
];

#[test]
fn a_refusal_says_what_it_means_at_a_refresh_and_the_login_is_kept() {
    for (access, code, words) in REFUSALS {
        let sandbox = sandbox();
        sandbox.change(|settings| settings.github.copilot_access = access);
        let (home, _) = logged_in(&sandbox, Age::Expired);
        let before = home.contents();
        for command in ["token", "headers"] {
            let ended = home.pi([command, COPILOT]).run();
            ended.exits(code).prints("");
            for text in words {
                ended.says(text);
            }
        }
        assert_eq!(home.contents(), before, "{access:?}");
        // Whatever it was, it can be mended at GitHub, and then the login works again.
        sandbox.change(|settings| settings.github.copilot_access = CopilotAccess::Granted);
        if access != CopilotAccess::Unauthorized {
            home.pi(["token", COPILOT]).run().exits(0);
            assert_logged_in(&home, &sandbox, GITHUB);
        }
    }
}

#[test]
fn a_refusal_says_what_it_means_at_a_login_and_nothing_is_stored() {
    let logins = REFUSALS.map(|(access, _, words)| {
        let sandbox = quick();
        sandbox.change(|settings| settings.github.copilot_access = access);
        let (home, _) = logged_in(&sandbox, Age::Expired);
        let before = home.contents();
        let pi = approved(&home, &[]).start();
        (sandbox, home, before, words, pi)
    });
    for (sandbox, home, before, words, pi) in logins {
        let ended = pi.finish();
        ended.exits(1).prints("").says("The login to GitHub Copilot came to nothing");
        for text in words {
            ended.says(text);
        }
        assert_eq!(home.contents(), before, "an older login is kept: {ended}");
        let log = sandbox.log();
        let asked = |path: &str| log.iter().filter(|it| it.request.path.ends_with(path)).count();
        assert_eq!((asked("/copilot_internal/v2/token"), asked("/models")), (1, 0), "{log:?}");
    }
}

/// Logs in while the first exchanges meet these faults.
fn login_meeting(faults: &[Fault]) -> (Sandbox, Home, Running) {
    let sandbox = quick();
    sandbox.fail_next_at(Endpoint::CopilotToken, faults.to_vec());
    let home = Home::at(&sandbox);
    let pi = approved(&home, &[]).start();
    (sandbox, home, pi)
}

#[test]
fn a_server_in_trouble_is_asked_again_before_a_login_ends() {
    let lots: [&[Fault]; 6] = [
        &[Fault::status(502), Fault::status(502)],
        &[Fault::Close],
        &[Fault::Html200, Fault::CutJson],
        &[Fault::DropAfterGrant],
        &[Fault::rate_limited(1)],
        &[Fault::Redirect { location: "http://hotel.example/".to_owned() }],
    ];
    let logins = lots.map(|faults| (faults, login_meeting(faults)));
    for (faults, (sandbox, home, pi)) in logins {
        let ended = pi.finish();
        assert_eq!(ended.code(), Some(0), "{faults:?}: {ended}");
        ended.prints(SUCCESS);
        assert!(!ended.stderr.contains("note:"), "{faults:?}: {ended}");
        assert_eq!(sandbox.pending_faults_at(Endpoint::CopilotToken), [], "{faults:?}");
        assert_logged_in(&home, &sandbox, GITHUB);
        assert_eq!(home.entry(COPILOT)["availableModelIds"].as_array().map(Vec::len), Some(4));
    }
}

#[test]
fn a_server_that_stays_down_costs_nobody_the_login() {
    let down = vec![Fault::status(502); 3];
    let lots: [&[Fault]; 2] = [&down, &[Fault::rate_limited(60)]];
    let logins = lots.map(login_meeting);
    for (sandbox, home, pi) in logins {
        let ended = pi.finish();
        ended.exits(0).prints(SUCCESS);
        ended
            .says("note: There is no token of GitHub Copilot yet: ")
            .says("pi token github-copilot");
        assert_eq!(sandbox.pending_faults_at(Endpoint::CopilotToken), []);
        let refresh = stored(&home, "refresh");
        let kept = json!({ "type": "oauth", "refresh": refresh, "access": "", "expires": 0 });
        assert_eq!(home.entry(COPILOT), kept);
        assert!(sandbox.is_valid_github(GITHUB, &refresh));
        let status = home.pi(["status"]).run();
        let due = "logged in; the token is refreshed when it is next asked for";
        assert!(status.exits(0).stdout.contains(due), "{status}");

        let token = home.pi(["token", COPILOT]).run();
        token.exits(0).prints(&format!("{}\n", stored(&home, "access")));
        assert_logged_in(&home, &sandbox, GITHUB);
    }
}

#[test]
fn who_stops_it_has_authorized_already_and_is_logged_in() {
    let (sandbox, home, pi) = login_meeting(&[Fault::Hang]);
    let hangs = Kind::Fault { name: "hang".to_owned() };
    eventually("a request that hangs", || kinds(&sandbox).contains(&hangs).then_some(()));
    pi.signal(Signal::INT);
    pi.finish().exits(130).prints(SUCCESS).says("note: There is no token of GitHub Copilot yet");
    assert!(sandbox.is_valid_github(GITHUB, &stored(&home, "refresh")));
    home.pi(["token", COPILOT]).run().exits(0);
    assert_logged_in(&home, &sandbox, GITHUB);
}

#[test]
fn an_existing_login_of_another_provider_survives_whatever_happens() {
    let sandbox = quick();
    let anthropic = json!({ "type": "oauth", "refresh": "r", "access": "a", "expires": 1, "x": 2 });
    let both = json!({ "anthropic": anthropic, COPILOT: entry(&sandbox.issue_copilot(GITHUB), 1) });
    let home = Home::at(&sandbox);
    home.write("oauth.json", both.to_string());
    sandbox.fail_next_at(Endpoint::CopilotToken, [Fault::status(403)]);
    home.pi(["token", COPILOT]).run().exits(1);
    assert_eq!(home.entry("anthropic"), anthropic);
    approved(&home, &[]).run().exits(0);
    assert_eq!(home.entry("anthropic"), anthropic);
    assert_logged_in(&home, &sandbox, GITHUB);
}

#[test]
fn a_clock_that_is_ahead_does_not_make_every_token_an_expired_one() {
    let sandbox = sandbox();
    // GitHub's clock is an hour behind this machine's.
    sandbox.change(|settings| settings.github.expires_at_skew_s = -3600);
    let (home, _) = logged_in(&sandbox, Age::Expired);
    let first = home.pi(["token", COPILOT]).run().exits(0).stdout.clone();
    home.pi(["token", COPILOT]).run().exits(0).prints(&first);
    assert_eq!(kinds(&sandbox), [Kind::CopilotExchanged]);
}

#[test]
fn a_refresh_that_failed_is_remembered_so_that_others_do_not_storm_the_endpoint() {
    let sandbox = sandbox();
    sandbox.fail_next_at(Endpoint::CopilotToken, vec![Fault::rate_limited(600); 10]);
    let (home, _) = logged_in(&sandbox, Age::Expired);
    let all: Vec<Running> = (0..10).map(|_| home.pi(["token", COPILOT]).start()).collect();
    for pi in all {
        pi.finish().exits(1).prints("").says("Your login is kept.").says("Try again in");
    }
    assert_eq!(sandbox.log().len(), 1);
    assert_eq!(sandbox.pending_faults_at(Endpoint::CopilotToken).len(), 9);
}

//! Whose files are believed, where tokens go, and that both are said.

use std::fs;
use std::os::unix::fs::{chown, symlink};

use pi_auth_tests::machine::files::set_mode;
use pi_auth_tests::machine::plain_user::PlainUser;
use pi_auth_tests::pi::{Age, Ended, Home, Pi};
use serde_json::{Value, json};

use crate::doctor::{findings, healthy, offline};
use crate::{kinds, sandbox};

/// Another user of the same machine.
const OTHER: u32 = 54_321;

/// Commands that would act on overrides, with a token that has to be refreshed.
const COMMANDS: [&[&str]; 4] = [
    &["token", "anthropic"],
    &["headers", "anthropic"],
    &["status"],
    &["login", "anthropic", "--no-browser"],
];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A home whose overrides send everything elsewhere: to a sandbox that must hear nothing.
fn planted(make: impl Fn(&Home)) {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    home.write("auth-providers.json", sandbox.providers_json());
    make(&home);
    for command in COMMANDS {
        let ended = home.pi(command).env_remove("PI_AUTH_PROVIDERS").run();
        ended.exits(1).prints("").says("auth-providers.json decides where your tokens go");
    }
    let ended = offline(&home, &["--json"]).env_remove("PI_AUTH_PROVIDERS").run();
    let found = findings(ended.exits(1));
    let checks = ["providers problem", "permissions problem", "owner problem"];
    assert!(found.iter().any(|it| checks.contains(&it.as_str())), "{ended}");
    assert_eq!(kinds(&sandbox), [], "it was asked");
}

/// The command that an error advises, whose path ends so.
#[track_caller]
fn assert_advises(home: &Home, command: &str) {
    let ended = home.pi(["token", "anthropic"]).env_remove("PI_AUTH_PROVIDERS").run();
    ended.exits(1).says(command);
}

#[test]
fn overrides_that_others_can_write_are_refused_with_the_command_that_mends_it() {
    for mode in [0o666, 0o646, 0o602] {
        planted(|home| {
            set_mode(&home.agent_dir().join("auth-providers.json"), mode);
            assert_advises(home, "chmod go-w ~/.pi/agent/auth-providers.json");
        });
    }
}

#[test]
fn overrides_in_a_directory_that_others_can_write_are_refused_unless_it_is_sticky() {
    planted(|home| {
        set_mode(&home.agent_dir(), 0o777);
        assert_advises(home, "chmod go-w ~/.pi/agent");
    });
    // A link from one's own directory leads into one that all can write.
    planted(|home| {
        let (open, named) =
            (home.path().join("open"), home.agent_dir().join("auth-providers.json"));
        fs::create_dir(&open).unwrap();
        fs::rename(&named, open.join("real.json")).unwrap();
        symlink(open.join("real.json"), &named).unwrap();
        set_mode(&open, 0o777);
        assert_advises(home, "chmod go-w ~/open");
    });
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let shared = home.path().join("tmp");
    fs::create_dir(&shared).unwrap();
    set_mode(&shared, 0o1777);
    fs::write(shared.join("providers.json"), sandbox.providers_json()).unwrap();
    set_mode(&shared.join("providers.json"), 0o644);
    let named = shared.join("providers.json");
    home.pi(["token", "anthropic"]).env("PI_AUTH_PROVIDERS", named).run().exits(0);
}

#[test]
fn overrides_of_another_user_are_refused_wherever_they_stand() {
    if !is_root() {
        return crate::skipped("only root may give files away");
    }
    planted(|home| {
        chown(home.agent_dir().join("auth-providers.json"), Some(OTHER), Some(OTHER)).unwrap();
        assert_advises(home, "sudo chown 0 ~/.pi/agent/auth-providers.json");
    });
    planted(|home| {
        let (shared, named) =
            (home.path().join("tmp"), home.agent_dir().join("auth-providers.json"));
        fs::create_dir(&shared).unwrap();
        set_mode(&shared, 0o1777);
        fs::rename(&named, shared.join("real.json")).unwrap();
        chown(shared.join("real.json"), Some(OTHER), Some(OTHER)).unwrap();
        symlink(shared.join("real.json"), &named).unwrap();
    });
    planted(|home| {
        let (theirs, named) = (home.path().join("x"), home.agent_dir().join("auth-providers.json"));
        fs::create_dir(&theirs).unwrap();
        fs::rename(&named, theirs.join("real.json")).unwrap();
        symlink(theirs.join("real.json"), &named).unwrap();
        chown(&theirs, Some(OTHER), Some(OTHER)).unwrap();
    });
}

#[test]
fn a_private_group_may_write_and_root_works_for_the_owner_of_the_directory() {
    let user = or_skip!(PlainUser::find());
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    home.write("auth-providers.json", sandbox.providers_json());
    let login = |home: &Home| {
        let expires = Age::Expired.expires();
        home.store(&sandbox.issue(), expires);
    };
    login(&home);
    set_mode(&home.agent_dir().join("auth-providers.json"), 0o664);
    set_mode(&home.agent_dir(), 0o775);
    user.own(home.path());
    let of_the_directory = |pi: Pi<'_>| pi.env_remove("PI_AUTH_PROVIDERS").run();
    of_the_directory(home.pi_as(&user, &["token", "anthropic"])).exits(0);
    if is_root() {
        login(&home);
        user.own(home.path());
        of_the_directory(home.pi(["token", "anthropic"])).exits(0);
    }
}

#[test]
fn a_credential_file_that_others_can_write_is_never_used_in_silence() {
    let home = healthy();
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    set_mode(&home.file(), 0o666);
    let says = |ended: &Ended| {
        ended.exits(0).says("auth.json is in use, but other users can change it (mode 666)");
        ended.says("chmod go-w ~/.pi/agent/auth.json");
    };
    let ended = home.pi(["token", "anthropic"]).run();
    says(ended.prints("a\n"));
    says(&home.pi(["headers", "anthropic"]).run());
    says(&home.pi(["status"]).run());
    let status = home.pi(["status", "--json"]).run();
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert!(status["notes"][0].as_str().unwrap().contains("mode 666"), "{status}");
    let found = findings(offline(&home, &["--json"]).run().exits(1));
    assert!(found.contains(&"permissions problem".to_owned()), "{found:?}");
}

#[test]
fn a_credential_file_of_another_user_is_never_used_in_silence_nor_to_be_adopted() {
    if !is_root() {
        return crate::skipped("only root may give files away");
    }
    let home = healthy();
    // Closed to everybody else, too: root reads it all the same.
    for mode in [0o644, 0o600] {
        chown(home.file(), Some(OTHER), Some(OTHER)).unwrap();
        set_mode(&home.file(), mode);
        let status = home.pi(["status"]).run();
        status.exits(0).says("belongs to user 54321, who can change it").says("delete it");
        let token = home.pi(["token", "anthropic"]).run();
        token.exits(0).prints("a\n").says("belongs to user 54321");
        let doctor = offline(&home, &[]).run();
        doctor.exits(1);
        assert!(
            doctor.stdout.contains("delete it") && doctor.stdout.contains("ls -l "),
            "{doctor}"
        );
        assert!(!doctor.stdout.contains("chown"), "{doctor}");
    }
}

#[test]
fn each_host_that_an_override_sends_tokens_to_is_named() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let authority = sandbox.base_url().trim_start_matches("http://");
    let note = format!("providers.json sends logins and tokens of Anthropic to {authority}.");
    let status = home.pi(["status"]).run();
    status.exits(4).says(&note);
    let object = home.pi(["status", "--json"]).run();
    let object: Value = serde_json::from_str(&object.stdout).unwrap();
    assert_eq!(object["redirected"][0]["provider"]["id"], "anthropic");
    assert_eq!(object["redirected"][0]["hosts"], json!([authority]));
    assert!(offline(&home, &[]).run().stdout.contains(&note));

    // Before anybody authorizes, and once more with the result.
    let mut login = home.pi(["login", "anthropic", "--no-browser", "--json"]).start();
    let page = login.event("authorize");
    assert!(page["message"].as_str().unwrap().contains(&note), "{page}");
    login.write("no code at all\n");
    login.close_stdin();
    login.finish();

    let elsewhere = json!({ "anthropic": { "token_url": "https://t.example.net/" } });
    home.override_providers(&elsewhere.to_string());
    let status = home.pi(["status"]).run();
    status.says("sends logins and tokens of Anthropic to t.example.net.");
    status.says("The API of Anthropic is still api.anthropic.com");
    let found = findings(&offline(&home, &["--json"]).run());
    assert!(found.contains(&"providers note".to_owned()), "{found:?}");
}

#[test]
fn the_headers_name_the_origins_that_the_key_may_go_to() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let origins = |home: &Home| {
        let ended = home.pi(["headers", "anthropic", "--json"]).run();
        let object: Value = serde_json::from_str(&ended.exits(0).stdout).unwrap();
        (object["base_url"].clone(), object["origins"].clone())
    };
    let url = sandbox.base_url();
    assert_eq!(origins(&home), (json!(url), json!([url])), "the sandbox's overrides set it");
    home.override_providers("{}");
    let real = "https://api.anthropic.com";
    assert_eq!(origins(&home), (json!(real), json!([real])));
}

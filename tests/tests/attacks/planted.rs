//! Files of another user, or in a place where others can write: what decides where tokens go is
//! refused, what delays is ignored, and a login is used but never in silence.

use std::fs;
use std::os::unix::fs::{lchown, symlink};

use pi_auth_tests::machine::files::set_mode;
use pi_auth_tests::pi::{Age, Home};
use pi_auth_tests::sandbox::{Config, Fault, Sandbox};

use crate::{ATTACKER, two_users};

/// The file that decides where tokens go.
const OVERRIDES: &str = "auth-providers.json";

#[test]
fn overrides_that_another_user_could_have_written_are_refused_and_nothing_is_sent() {
    type Plant = fn(&Home);
    let plants: [(&str, bool, Plant); 5] = [
        ("their own", true, |_| ()),
        ("another user's", false, |home| {
            lchown(home.agent_dir().join(OVERRIDES), Some(ATTACKER), Some(ATTACKER)).unwrap();
        }),
        ("in a directory that all can write", false, |home| set_mode(&home.agent_dir(), 0o777)),
        ("in another user's directory", false, |home| {
            set_mode(&home.agent_dir(), 0o755);
            lchown(home.agent_dir(), Some(ATTACKER), Some(ATTACKER)).unwrap();
        }),
        ("a link to another user's in a sticky directory", false, |home| {
            let (shared, named) = (home.path().join("tmp"), home.agent_dir().join(OVERRIDES));
            fs::create_dir(&shared).unwrap();
            set_mode(&shared, 0o1777);
            fs::rename(&named, shared.join("real.json")).unwrap();
            lchown(shared.join("real.json"), Some(ATTACKER), Some(ATTACKER)).unwrap();
            symlink(shared.join("real.json"), &named).unwrap();
        }),
    ];
    let (user, _) = or_skip!(two_users());
    for (whose, is_believed, plant) in plants {
        let sandbox = Sandbox::start(Config::default()).unwrap();
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        set_mode(&home.write(OVERRIDES, sandbox.providers_json()), 0o644);
        user.own(home.path());
        plant(&home);
        let ended = home.pi_as(&user, &["token", "anthropic"]).env_remove("PI_AUTH_PROVIDERS");
        let ended = ended.run();
        if is_believed {
            ended.exits(0);
            continue;
        }
        assert_eq!(ended.code(), Some(1), "{whose}: {ended}");
        ended.prints("").says("auth-providers.json decides where your tokens go");
        assert_eq!(sandbox.log(), [], "{whose}");
    }
}

#[test]
fn a_planted_memory_of_failures_delays_no_refresh() {
    let (user, _) = or_skip!(two_users());
    // What it holds would keep a refresh back, if it were the user's own.
    for is_planted in [false, true] {
        let sandbox = Sandbox::start(Config::default()).unwrap();
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        user.own(home.path());
        sandbox.fail_next(Fault::status(503));
        home.pi_as(&user, &["token", "anthropic"]).run().exits(1);
        let memory = home.agent_dir().join("auth.json.backoff");
        set_mode(&memory, 0o644);
        if is_planted {
            lchown(&memory, Some(ATTACKER), Some(ATTACKER)).unwrap();
        }
        let ended = home.pi_as(&user, &["token", "anthropic"]).run();
        match is_planted {
            true => ended.exits(0),
            false => ended.exits(1).says("Try again in"),
        };
        assert_eq!(sandbox.log().len(), if is_planted { 2 } else { 1 }, "{ended}");
    }
}

#[test]
fn a_login_in_a_file_of_another_user_is_used_but_not_in_silence() {
    let (user, _) = or_skip!(two_users());
    for is_theirs in [false, true] {
        let sandbox = Sandbox::start(Config::default()).unwrap();
        let (home, credential) = Home::logged_in(&sandbox, Age::Fresh);
        user.own(home.path());
        if is_theirs {
            set_mode(&home.file(), 0o644);
            lchown(home.file(), Some(ATTACKER), Some(ATTACKER)).unwrap();
        }
        let ended = home.pi_as(&user, &["token", "anthropic"]).run();
        ended.exits(0).prints(&format!("{}\n", credential.access));
        let note = "belongs to user 54321, who can change it";
        assert_eq!(ended.stderr.contains(note), is_theirs, "{ended}");
    }
}

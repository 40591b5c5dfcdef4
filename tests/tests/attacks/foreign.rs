//! Files and directories of another user stand in the place of ours: they are named as theirs, with
//! advice that adopts nothing, and nothing is sent.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, lchown, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use pi_auth_tests::machine::files::set_mode;
use pi_auth_tests::machine::plain_user::PlainUser;
use pi_auth_tests::pi::{Age, Ended, Home};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Config, Sandbox};

use crate::attacker;

/// A user of whom the system knows nothing.
const SOMEBODY: u32 = 54_321;

fn touch(lock: &Path, at: SystemTime) {
    fs::File::open(lock).unwrap().set_modified(at).unwrap();
}

/// A refresh by a user in a directory of their own, in which something is not theirs.
fn refresh(user: &PlainUser, plant: impl FnOnce(&Home)) -> Ended {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    user.own(home.path());
    plant(&home);
    let ended = home.pi_as(user, &["token", "anthropic"]).run();
    assert_eq!(sandbox.log(), [], "{ended}");
    ended
}

#[track_caller]
fn assert_named(ended: &Ended, name: &str, owner: &str) {
    let path = format!("~/.pi/agent/{name}");
    ended.exits(1).prints("").says(&format!("belongs to {owner}"));
    ended.says(&format!("Look at it: ls -ld {path}. If no pi of {owner} uses it, delete it."));
    assert!(!ended.stderr.contains("chown"), "{ended}");
}

#[test]
fn a_lock_file_of_another_user_is_named_as_theirs() {
    let user = or_skip!(attacker());
    for (owner, shown) in [(0, "root"), (SOMEBODY, "user 54321")] {
        let ended = refresh(&user, |home| {
            let lock = home.write("auth.json.flock", "");
            lchown(lock, Some(owner), Some(owner)).unwrap();
        });
        assert_named(&ended, "auth.json.flock", shown);
    }
}

#[test]
fn a_dead_lock_of_another_user_that_cannot_be_moved_is_named_as_theirs() {
    let user = or_skip!(attacker());
    let ended = refresh(&user, |home| {
        let lock = home.agent_dir().join("auth.json.lock");
        fs::create_dir(&lock).unwrap();
        set_mode(&lock, 0o1700);
        touch(&lock, SystemTime::now() - Duration::from_secs(60));
        lchown(&lock, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        // In such a directory only its owner, and whoever made something, may rename it.
        lchown(home.agent_dir(), Some(0), Some(0)).unwrap();
        set_mode(&home.agent_dir(), 0o1777);
    });
    assert_named(&ended, "auth.json.lock", "user 54321");
}

#[test]
fn a_lock_that_another_user_keeps_alive_is_named_as_theirs() {
    let user = or_skip!(attacker());
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    let mut toucher = None;
    let ended = refresh(&user, |home| {
        let lock = home.agent_dir().join("auth.json.lock");
        fs::create_dir(&lock).unwrap();
        lchown(&lock, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        toucher = Some(std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                touch(&lock, SystemTime::now());
                std::thread::sleep(Duration::from_millis(200));
            }
        }));
    });
    over.store(true, Ordering::Relaxed);
    toucher.unwrap().join().unwrap_or_default();
    assert_named(&ended, "auth.json.lock", "user 54321");
}

#[test]
fn a_lock_that_is_planted_while_the_person_authorizes_costs_no_login() {
    let user = or_skip!(attacker());
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let home = Home::at(&sandbox);
    user.own(home.path());
    let mut login = home.pi_as(&user, &["login", "anthropic", "--no-browser"]).start();
    let Landing::Code(code) = robot::approve(&login.authorize_url()).unwrap() else {
        panic!("the page shows a code")
    };
    let lock = home.write("auth.json.flock", "");
    lchown(&lock, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    set_mode(&lock, 0o600);
    login.write(&format!("{code}\n"));
    login.finish().exits(0);
    assert_eq!(home.entry("anthropic")["type"], "oauth");
}

#[test]
fn root_follows_no_link_of_a_user_to_what_is_not_theirs() {
    let user = or_skip!(attacker());
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let trusted = tempfile::tempdir().unwrap();
    for name in [".pi", ".pi/agent", ".pi/agent/auth.json"] {
        for is_theirs in [false, true] {
            let (home, around) = (Home::at(&sandbox), tempfile::tempdir().unwrap());
            let (link, target) = (home.path().join(name), around.path().join("target"));
            let _ = fs::remove_dir_all(&link);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            if !name.ends_with("json") {
                fs::create_dir(&target).unwrap();
            }
            user.own(home.path());
            if is_theirs {
                user.own(around.path());
            }
            symlink(&target, &link).unwrap();
            let owner = fs::metadata(home.path()).unwrap().uid();
            lchown(&link, Some(owner), None).unwrap();
            // An administrator's, or else they would be refused first.
            let named = trusted.path().join("providers.json");
            fs::copy(home.providers_file(), &named).unwrap();
            let login = home.pi(["login", "anthropic", "--no-browser"]);
            let mut login = login.env("PI_AUTH_PROVIDERS", &named).start();
            if let Some(url) = login.authorize_url_or_end()
                && let Ok(Landing::Code(code)) = robot::approve(&url)
            {
                login.write(&format!("{code}\n"));
            }
            let ended = login.finish();
            if is_theirs {
                ended.exits(0);
                continue;
            }
            ended.exits(1).says("by a link of user").says("remove the link");
            let made = fs::read_dir(around.path()).unwrap().count();
            let inside = fs::read_dir(&target).map_or(0, Iterator::count);
            assert!(made <= 1 && inside == 0, "{name}: root wrote there");
        }
    }
}

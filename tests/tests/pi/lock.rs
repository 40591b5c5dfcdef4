//! The lock that the agent takes, too: a directory whose holder keeps touching it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use pi_auth_tests::pi::{Age, Home};

use crate::login::log_in_by_paste;
use crate::{kinds, sandbox};

/// It has one place, whichever file is used.
pub(crate) fn lock_of(home: &Home) -> PathBuf {
    home.agent_dir().join("auth.json.lock")
}

/// A lock as our programs make it: the sticky bit tells that its holder touches it every 2 s.
pub(crate) fn make_ours(lock: &Path) {
    fs::create_dir(lock).unwrap();
    fs::set_permissions(lock, Permissions::from_mode(0o1700)).unwrap();
}

/// Makes a lock look as if nobody had touched it for a minute.
pub(crate) fn age(lock: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    File::open(lock).unwrap().set_modified(long_ago).unwrap();
}

/// Another program that holds the lock, and touches it as it must.
pub(crate) struct Holder {
    lock: PathBuf,
    over: Arc<AtomicBool>,
    toucher: JoinHandle<()>,
}

impl Holder {
    pub(crate) fn of(lock: PathBuf) -> Self {
        fs::create_dir(&lock).unwrap();
        Self::beside(lock)
    }

    /// One that has it already.
    fn beside(lock: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (path, told) = (lock.clone(), Arc::clone(&over));
        let toucher = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                File::open(&path).unwrap().set_modified(SystemTime::now()).unwrap();
                thread::sleep(Duration::from_millis(50));
            }
        });
        Self { lock, over, toucher }
    }

    /// Lets go of it; somebody has robbed it if it is not there.
    pub(crate) fn release(self) {
        self.over.store(true, Ordering::Relaxed);
        self.toucher.join().unwrap();
        fs::remove_dir(self.lock).unwrap();
    }
}

#[test]
fn who_wants_to_write_waits_for_the_agents_lock_and_goes_on_once_it_is_gone() {
    let sandbox = sandbox();
    for arguments in [
        &["token", "anthropic"][..],
        &["logout", "anthropic"],
        &["login", "anthropic", "--no-browser"],
    ] {
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        let holder = Holder::of(lock_of(&home));
        let (contents, requests) = (home.contents(), sandbox.log().len());
        let mut pi = home.pi(arguments).start();
        pi.hear("what it waits for", |stderr| stderr.find("Waiting for another pi to let go"));
        assert!(pi.runs(), "{pi}");
        assert_eq!(home.contents(), contents);
        assert_eq!(sandbox.log().len(), requests, "it asked without the lock");
        holder.release();
        if arguments[0] == "login" {
            pi.authorize_url();
            pi.finish().exits(130);
        } else {
            pi.finish().exits(0);
            assert_ne!(home.contents(), contents);
        }
        assert!(!lock_of(&home).exists());
    }
}

#[test]
fn a_lock_of_ours_that_nobody_has_touched_for_long_is_taken_over_at_once() {
    let sandbox = sandbox();
    for arguments in [&["token", "anthropic"][..], &["logout", "anthropic"]] {
        let (home, _) = Home::logged_in(&sandbox, Age::Expired);
        make_ours(&lock_of(&home));
        age(&lock_of(&home));
        let pi = home.pi(arguments).start();
        let (beside, _) = Home::logged_in(&sandbox, Age::Expired);
        fs::create_dir(lock_of(&beside)).unwrap();
        age(&lock_of(&beside));
        let mut longer = beside.pi(["logout", "anthropic"]).start();
        pi.finish().exits(0);
        assert!(longer.runs(), "the agent's are watched for longer: {longer}");
        assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    }
}

#[test]
fn a_lock_of_the_agent_that_looks_dead_is_watched_until_its_holder_would_have_touched_it() {
    // A machine has slept: the lock looks old, and its holder touches it within 15 s.
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let lock = lock_of(&home);
    fs::create_dir(&lock).unwrap();
    age(&lock);
    let pi = home.pi(["token", "anthropic"]).start();
    thread::sleep(Duration::from_secs(8));
    assert_eq!(kinds(&sandbox), [], "it is not believed to be dead yet");
    let agent = Holder::beside(lock);
    thread::sleep(Duration::from_secs(10));
    assert_eq!(kinds(&sandbox), [], "and now it is alive");
    agent.release();
    pi.finish().exits(0);
}

#[test]
fn the_lock_is_held_during_a_refresh_and_touched_and_gone_after_every_command() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let lock = lock_of(&home);
    sandbox.keep_answers_back();
    let pi = home.pi(["token", "anthropic"]).start();
    crate::wait_for_grants(&sandbox, 1);
    let touched = || fs::metadata(&lock).unwrap().modified().unwrap();
    let first = touched();
    pi_auth_tests::pi::eventually("a touch", || (touched() != first).then_some(()));
    sandbox.let_answers_go();
    pi.finish().exits(0);
    assert!(!lock.exists());

    log_in_by_paste(&home).exits(0);
    assert!(!lock.exists());
    home.pi(["login", "anthropic", "--no-browser"]).run().exits(130);
    assert!(!lock.exists());
    sandbox.revoke_all();
    home.pi(["token", "anthropic", "--min-validity", "1day"]).run().exits(0);
    assert!(!lock.exists());
    home.pi(["logout", "anthropic"]).run().exits(0);
    assert!(!lock.exists());
    home.write("oauth.json", "{");
    home.pi(["token", "anthropic"]).run().exits(1);
    assert!(!lock.exists());
}

#[test]
fn while_a_person_authorizes_the_lock_is_free() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let mut login = home.pi(["login", "anthropic", "--no-browser"]).start();
    login.authorize_url();
    assert!(!lock_of(&home).exists());
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    login.finish().exits(130);
}

#[test]
fn a_lock_that_was_taken_away_during_a_refresh_does_not_lose_the_answer() {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.keep_answers_back();
    let pi = home.pi(["token", "anthropic"]).start();
    crate::wait_for_grants(&sandbox, 1);
    // Somebody believed it dead and stored an API key of another provider meanwhile.
    fs::remove_dir(lock_of(&home)).unwrap();
    let with_key = home.contents().replacen('{', "{\n  \"openai\": {\"type\":\"api_key\"},", 1);
    home.write("oauth.json", &with_key);
    sandbox.let_answers_go();
    pi.finish().exits(0);
    assert!(home.contents().starts_with("{\n  \"openai\": {\"type\":\"api_key\"},"), "it is kept");
    assert_ne!(home.refresh_token(), old.refresh);
    crate::login::assert_logged_in(&home, &sandbox);
}

#[test]
fn the_agents_move_to_auth_json_during_a_refresh_is_followed() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.keep_answers_back();
    let pi = home.pi(["token", "anthropic"]).start();
    crate::wait_for_grants(&sandbox, 1);
    let oauth = home.agent_dir().join("oauth.json");
    home.write("auth.json", fs::read(&oauth).unwrap());
    fs::rename(&oauth, home.agent_dir().join("oauth.json.migrated")).unwrap();
    sandbox.let_answers_go();
    pi.finish().exits(0);
    assert!(!oauth.exists());
    crate::login::assert_logged_in(&home, &sandbox);
}

#[test]
fn a_reader_of_a_fresh_token_waits_for_nobody() {
    let sandbox = sandbox();
    let (home, credential) = Home::logged_in(&sandbox, Age::Fresh);
    let holder = Holder::of(lock_of(&home));
    let printed = format!("{}\n", credential.access);
    home.pi(["token", "anthropic"]).run().exits(0).prints(&printed).is_quiet();
    let status = home.pi(["status"]).run();
    status.exits(0);
    let told: Vec<&str> = status.stderr.lines().filter(|line| !line.ends_with("...")).collect();
    let host = sandbox.base_url().trim_start_matches("http://");
    let notes = ["Anthropic", "GitHub Copilot"]
        .map(|name| format!("note: ~/providers.json sends logins and tokens of {name} to {host}."));
    assert_eq!(told, notes, "{status}");
    holder.release();
    assert_eq!(kinds(&sandbox), []);
}

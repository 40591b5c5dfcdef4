//! Each system call of a save may fail, or be the last: the file is the old one or the new one.
//!
//! Which calls there are is learnt from the program itself, so a call that is added later is tried
//! without a change here.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use pi_auth_tests::internet::Internet;
use pi_auth_tests::machine::strace::{self, Call, Harm};
use pi_auth_tests::pi::{Age, Ended, Home, binary};
use pi_auth_tests::sandbox::{Fault, Sandbox};

use crate::lock::age;
use crate::login::code_page;
use crate::sandbox;

/// What stands in front of the login in every file, and must survive.
const OTHERS: &str = "{\n  \"openai\": { \"type\": \"api_key\", \"key\": \"k\" },";

/// Harms at once: more than there are cores, for a lock whose holder was killed is watched for a
/// while before it is taken over.
const AT_ONCE: usize = 8;

/// Runs until a harm befalls the call that it is meant for.
const ATTEMPTS: usize = 100;

/// Words of a request that timed out: on a very busy machine even the provider's half a minute is
/// over before it could answer.
const TIMED_OUT: &str = "no answer in time";

/// A job that writes.
#[derive(Clone, Copy)]
struct Job {
    arguments: &'static [&'static str],
    /// The file in use; `None` where there is not even its directory yet.
    file: Option<&'static str>,
    age: Age,
    /// True if the provider fails, so that it is the memory of that which is written.
    provider_fails: bool,
    /// How many harms there are at least.
    floor: usize,
}

const REFRESH: Job = Job {
    arguments: &["token", "anthropic"],
    file: Some("auth.json"),
    age: Age::Expired,
    provider_fails: false,
    floor: 150,
};

#[test]
fn a_refresh_survives_the_failure_and_the_end_at_each_system_call() {
    harm_at_each_call(REFRESH);
}

#[test]
fn a_refresh_in_oauth_json_survives_the_failure_and_the_end_at_each_system_call() {
    harm_at_each_call(Job { file: Some("oauth.json"), ..REFRESH });
}

#[test]
fn a_refresh_that_fails_survives_the_failure_and_the_end_at_each_system_call() {
    harm_at_each_call(Job { provider_fails: true, ..REFRESH });
}

#[test]
fn a_login_survives_the_failure_and_the_end_at_each_system_call() {
    let arguments = &["login", "anthropic", "--no-browser"];
    harm_at_each_call(Job { arguments, floor: 250, ..REFRESH });
}

#[test]
fn a_first_login_survives_the_failure_and_the_end_at_each_system_call() {
    let arguments = &["login", "anthropic", "--no-browser"];
    harm_at_each_call(Job { arguments, file: None, floor: 250, ..REFRESH });
}

#[test]
fn a_logout_survives_the_failure_and_the_end_at_each_system_call() {
    harm_at_each_call(Job { arguments: &["logout", "anthropic"], age: Age::Fresh, ..REFRESH });
}

fn harm_at_each_call(job: Job) {
    let strace = or_skip!(strace::find());
    // One certificate instead of the system's hundreds, which are read at each start.
    let sandbox = sandbox();
    let internet = Internet::start(&sandbox).unwrap();
    let (strace, certificates) = (strace.as_path(), &internet.ca_pem_path());

    let harms = Scene { job, strace, certificates, sandbox: &sandbox }.harms();
    let count = harms.len();
    assert!(count >= job.floor, "only {count} harms: {harms:#?}");
    let (what, file) = (job.arguments.join(" "), job.file.unwrap_or("no directory"));
    crate::tell(&format!("pi {what}, {file}: {count} harms"));
    let left = Mutex::new(VecDeque::from(harms));
    let work = || {
        let sandbox = &crate::sandbox();
        let scene = Scene { job, strace, certificates, sandbox };
        // Not in the loop's head: the guard would live as long as its body.
        while let Some((call, harm)) = { left.lock().unwrap().pop_front() } {
            scene.survives(&call, harm);
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
}

/// A job at a provider of its own.
struct Scene<'a> {
    job: Job,
    strace: &'a Path,
    certificates: &'a Path,
    sandbox: &'a Sandbox,
}

impl Scene<'_> {
    /// The calls of this job on what is in the agent's directory, and what may befall each.
    fn harms(&self) -> Vec<(Call, Harm)> {
        let (home, trace) = self.prepare();
        self.play(&home, strace::watching(&trace)).exits(i32::from(self.job.provider_fails));
        let calls = strace::calls(&trace).into_iter().filter(|call| is_in(&home, call));
        calls.flat_map(|call| harms_of(&call).map(move |harm| (call.clone(), harm))).collect()
    }

    fn prepare(&self) -> (Home, PathBuf) {
        let home = Home::at(self.sandbox);
        if let Some(name) = self.job.file {
            home.store(&self.sandbox.issue(), self.job.age.expires());
            let contents = home.contents().replacen('{', OTHERS, 1);
            std::fs::remove_file(home.file()).unwrap();
            home.write(name, contents);
        }
        if self.job.provider_fails {
            self.sandbox.clear_faults();
            self.sandbox.fail_next(Fault::status(503));
        }
        let trace = home.path().join("trace");
        (home, trace)
    }

    /// Does the job, with these words in front.
    fn play(&self, home: &Home, words: Vec<OsString>) -> Ended {
        let words = words.into_iter().chain([binary().into()]);
        let words = words.chain(self.job.arguments.iter().map(OsString::from));
        let pi = home.program(self.strace, words).env("SSL_CERT_FILE", self.certificates);
        let mut pi = pi.start();
        if self.job.arguments[0] == "login"
            && let Some(url) = pi.authorize_url_or_end()
        {
            let (code, state) = code_page(&url);
            pi.write(&format!("{code}#{state}\n"));
        }
        pi.finish()
    }

    /// One harm at one call, and what must hold after it.
    ///
    /// Calls are counted, and a runtime's wakes are writes, too: now and then one more or less of
    /// them has the harm befall another call. That run shows nothing, and there is another.
    fn survives(&self, call: &Call, harm: Harm) {
        let happened = (0..ATTEMPTS).any(|_| self.survives_if_it_happens(call, harm));
        assert!(happened, "it did not happen in {ATTEMPTS} runs: {harm:?} at {}", call.line);
    }

    /// Returns whether the harm befell a call in the agent's directory; if it did, it was survived.
    fn survives_if_it_happens(&self, call: &Call, harm: Harm) -> bool {
        let (home, trace) = self.prepare();
        let before = self.job.file.map(|_| home.contents());
        let grants = self.sandbox.grants();
        let ended = self.play(&home, strace::harming(&trace, &call.name, call.nth, harm));
        let granted = self.sandbox.grants() - grants;
        let what = format!("{harm:?} at {}\n{ended}\n{:?}", call.line, home.names());

        let mut harmed = strace::calls(&trace).into_iter().filter(Call::was_harmed);
        if !harmed.any(|it| is_in(&home, &it)) || ended.stderr.contains(TIMED_OUT) {
            return false;
        }

        let after = home.file().exists().then(|| home.contents());
        let changed = after != before;
        if let Some(after) = &after {
            assert!(self.is_whole(&home, after), "the file is {after}: {what}");
        }
        match harm {
            Harm::Kill => assert_eq!(ended.signal(), Some(9), "{what}"),
            Harm::Error(_) => {
                self.assert_tells(&ended, changed, granted, &what);
                assert_eq!(left_over(&home, call), [""; 0], "{what}");
            }
        }
        let lost = harm == Harm::Kill && granted == 1 && !changed;
        self.assert_goes_on(&home, lost, &what);
        true
    }

    /// Returns whether the file is one that the next `pi` can use, with nothing of it lost.
    fn is_whole(&self, home: &Home, contents: &str) -> bool {
        let entry = home.entry("anthropic");
        let is_known = |token: &str| token.starts_with("sk-ant-");
        let is_login = entry["refresh"].as_str().is_some_and(is_known)
            && entry["access"].as_str().is_some_and(is_known)
            && entry["expires"].is_u64();
        let others = self.job.file.is_none() || contents.starts_with(OTHERS.trim_end_matches(','));
        others && (is_login || entry.is_null())
    }

    /// An error that was survived leaves the job done; else it says what to do, and nothing was
    /// asked of the provider that is now lost.
    #[track_caller]
    fn assert_tells(&self, ended: &Ended, changed: bool, granted: usize, what: &str) {
        match ended.code() {
            Some(0) if self.job.provider_fails => panic!("it cannot be done: {what}"),
            Some(0) if self.job.arguments[0] == "token" => {
                assert!(self.sandbox.is_valid_access(ended.stdout.trim_end()), "{what}");
                assert!(changed, "a token that was not stored: {what}");
            }
            Some(0) => assert!(changed, "{what}"),
            Some(1) => {
                assert!(!changed && granted == 0, "{what}");
                let error = ended.stderr.split_once("error: ").map_or("", |(_, error)| error);
                assert!(error.lines().nth(1).is_some_and(|advice| advice.len() > 10), "{what}");
            }
            code => panic!("it ended with {code:?}: {what}"),
        }
    }

    /// The next `pi` finds its way, whatever was left behind.
    #[track_caller]
    fn assert_goes_on(&self, home: &Home, lost: bool, what: &str) {
        self.sandbox.clear_faults();
        for name in home.names().iter().filter(|name| name.ends_with(".lock")) {
            // Nobody has half a minute to wait until it is seen to be dead.
            age(&home.agent_dir().join(name));
        }
        // Only a refresh whose answer was lost is due for a new login; a failure that was
        // remembered is forgotten here, as it is in a minute.
        let has_login = home.file().exists() && !home.entry("anthropic").is_null();
        let next = || {
            let _ = std::fs::remove_file(home.agent_dir().join("auth.json.backoff"));
            self.pi(home, &["token", "anthropic"])
        };
        let mut next = std::iter::repeat_with(next).take(ATTEMPTS);
        let next = next.find(|it| !it.stderr.contains(TIMED_OUT)).unwrap();
        assert_eq!(
            next.code(),
            Some(if lost || !has_login { 4 } else { 0 }),
            "{next}\nafter {what}"
        );
        if has_login && !lost {
            assert!(self.sandbox.is_valid_access(next.stdout.trim_end()), "{next}\nafter {what}");
        }
        // The key of another provider is something to use, too.
        let usable = has_login || self.job.file.is_some();
        let status = self.pi(home, &["status"]);
        assert_eq!(status.code(), Some(if usable { 0 } else { 4 }), "{status}\nafter {what}");
        // Whoever takes the lock next cleans up: a login does at once.
        self.pi(home, &["login", "anthropic", "--no-browser"]).exits(130);
        let mut left = home.names();
        left.retain(|name| name.ends_with(".lock") || name.ends_with(".tmp"));
        assert_eq!(left, [""; 0], "after {what}");
    }

    fn pi(&self, home: &Home, arguments: &[&str]) -> Ended {
        home.pi(arguments).env("SSL_CERT_FILE", self.certificates).run()
    }
}

/// What may befall a call.
fn harms_of(call: &Call) -> impl Iterator<Item = Harm> + use<> {
    let has_path = call.path().is_some_and(|path| !path.is_empty());
    let makes = call.line.contains("O_CREAT")
        || ["mkdir", "write", "ftruncate", "fallocate", "fsync", "rename"]
            .iter()
            .any(|it| call.name.starts_with(it));
    let errors = [
        // What a close says comes too late for anybody; only the file's sync counts.
        (call.name != "close", "EIO"),
        (has_path, "EACCES"),
        (makes, "ENOSPC"),
        (call.name.starts_with("rename"), "EXDEV"),
    ];
    let errors = errors.into_iter().filter(|(fits, _)| *fits).map(|(_, error)| Harm::Error(error));
    // What a debug build asks before each close.
    let is_of_debug = call.name == "fcntl";
    errors.chain([Harm::Kill]).filter(move |_| !is_of_debug)
}

/// Returns whether a call is about the agent's directory, or what is in it.
fn is_in(home: &Home, call: &Call) -> bool {
    let ours = home.path().join(".pi");
    let is_below = call.absolute_path().is_some_and(|path| path.starts_with(&ours));
    is_below || call.line.contains(&*ours.to_string_lossy())
}

/// What a process that has ended by itself has not cleaned up, but for what it was kept from.
fn left_over(home: &Home, call: &Call) -> Vec<String> {
    let is_removal = ["unlink", "unlinkat", "rmdir"].contains(&&*call.name);
    // Whose it is cannot be told: then it is left to die.
    let is_look_at_lock =
        call.name == "statx" && call.path().is_some_and(|it| it.ends_with(".lock"));
    let mut left = home.names();
    left.retain(|name| match name.ends_with(".lock") {
        true => !(is_removal || is_look_at_lock),
        false => name.ends_with(".tmp") && !is_removal,
    });
    left
}

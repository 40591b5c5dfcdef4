//! What root makes in a directory of another user is swapped for a link before root sets its mode
//! or its owner: nothing of root's may change.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pi_auth_tests::machine::files::set_mode;
use pi_auth_tests::machine::plain_user::PlainUser;
use pi_auth_tests::machine::strace;
use pi_auth_tests::pi::{Age, Home, Signal, binary};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Config, Credential, Sandbox};
use tempfile::TempDir;

use crate::{attacker, tell};

/// How often root takes the lock and lets go of it.
const LOCKS: usize = 1_000;
/// Rounds of the attack that a directory is opened as such against.
const FEWER_LOCKS: usize = 300;
/// How often root makes its directories, or writes.
const DIRECTORIES: usize = 100;
/// System calls that make a directory, and how long root is held after one, in microseconds.
const MKDIR: &str = "?mkdir,?mkdirat";
const PAUSE_US: u32 = 2_000;
/// How long the attacker leaves the link there, which is longer.
const HOLD_US: &str = "10000";
/// How long one command may take: locks that the attacker has moved away are waited for.
const LONGEST: Duration = Duration::from_secs(3);

/// The process of the attacker.
struct Attack {
    child: Child,
}

impl Attack {
    /// Has `user` swap what is at `path`; `how` are the options of the attacker.
    fn start(user: &PlainUser, home: &Home, how: &[&str], path: &Path, victim: &Path) -> Self {
        let mut words = user.words(env!("CARGO_BIN_EXE_pi-auth-attacker").as_ref(), &home.bin());
        words.extend(how.iter().map(OsString::from));
        words.extend([path.into(), victim.into()]);
        let program = words.remove(0);
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self { child: command.spawn().unwrap() }
    }

    /// Ends it, and returns how often it has swapped something.
    fn end(mut self) -> u32 {
        drop(self.child.stdin.take());
        let mut swaps = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut swaps).unwrap();
        assert!(self.child.wait().unwrap().success());
        swaps.trim().parse().unwrap()
    }
}

/// Something of root's, and what must not change of it.
struct Victim {
    _folder: TempDir,
    path: PathBuf,
    before: State,
}

/// Owner, group, mode, time, and the names in it.
type State = (u32, u32, u32, i64, i64, Vec<OsString>);

impl Victim {
    fn directory() -> Self {
        Self::of(|path| {
            fs::create_dir(path).unwrap();
            set_mode(path, 0o755);
        })
    }

    fn file() -> Self {
        Self::of(|path| {
            fs::write(path, "root's").unwrap();
            set_mode(path, 0o644);
        })
    }

    fn of(make: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("victim");
        make(&path);
        let before = state(&path);
        Self { _folder: folder, path, before }
    }

    #[track_caller]
    fn assert_unharmed(&self, when: &str) {
        assert_eq!(state(&self.path), self.before, "{when}");
    }
}

fn state(path: &Path) -> State {
    let metadata = fs::symlink_metadata(path).unwrap();
    let entries = fs::read_dir(path).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name()).collect();
    let (owner, group) = (metadata.uid(), metadata.gid());
    (owner, group, metadata.mode(), metadata.mtime(), metadata.mtime_nsec(), names)
}

/// A home of the attacker's with a login in it.
fn home_of(user: &PlainUser, sandbox: &Sandbox) -> (Home, Credential) {
    let (home, credential) = Home::logged_in(sandbox, Age::Fresh);
    user.own(home.path());
    (home, credential)
}

/// Has root log out, which takes the lock, writes the file and lets go of the lock. Returns whether
/// that ended by itself.
fn log_out(home: &Home, credential: &Credential) -> bool {
    home.store(credential, Age::Fresh.expires());
    finish_soon(home, &["logout", "anthropic"])
}

/// Runs a command to its end, whichever that is, or kills it. Returns whether it ended by itself.
fn finish_soon(home: &Home, arguments: &[&str]) -> bool {
    let mut pi = home.pi(arguments).start();
    let began = Instant::now();
    while pi.runs() {
        if began.elapsed() > LONGEST {
            pi.signal(Signal::KILL);
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    pi.finish().signal().is_none()
}

/// Asserts that at least half of the rounds ended by themselves: one that is killed proves little.
#[track_caller]
fn assert_most_ended(ended: usize, rounds: usize) {
    assert!(ended * 2 >= rounds, "only {ended} of {rounds} rounds ended by themselves");
}

/// Removes whatever was left in the place of the lock: nobody has half a minute to wait for it.
fn clear(lock: &Path) {
    let _ = fs::remove_dir(lock);
    let _ = fs::remove_file(lock);
}

fn attack_the_lock(victim: &Victim, locks: usize) {
    let user = or_skip!(attacker());
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let (home, credential) = home_of(&user, &sandbox);
    let lock = home.agent_dir().join("auth.json.lock");
    let attack = Attack::start(&user, &home, &["--then", "remove"], &lock, &victim.path);
    let mut ended = 0;
    for round in 0..locks {
        ended += usize::from(log_out(&home, &credential));
        clear(&lock);
        victim.assert_unharmed(&format!("lock {round}"));
    }
    let swaps = attack.end();
    tell(&format!(
        "{locks} locks of root under attack: {ended} ended by themselves, swapped {swaps} times, \
         no success"
    ));
    assert!(swaps > 0, "it was no attack");
    assert_most_ended(ended, locks);
}

#[test]
fn the_lock_is_swapped_for_a_link_to_a_directory_of_roots() {
    attack_the_lock(&Victim::directory(), LOCKS);
}

#[test]
fn the_lock_is_swapped_for_a_link_to_a_file_of_roots() {
    attack_the_lock(&Victim::file(), FEWER_LOCKS);
}

#[test]
fn the_directories_are_swapped_for_a_link_while_they_are_made() {
    let user = or_skip!(attacker());
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let (home, victim) = (Home::at(&sandbox), Victim::directory());
    user.own(home.path());
    let strace = or_skip!(strace::find());
    let made = home.path().join(".pi");
    let attack =
        Attack::start(&user, &home, &["--then", "remove", "--hold", HOLD_US], &made, &victim.path);
    for round in 0..DIRECTORIES {
        // It stands still when it has made a directory, so that the swap comes in between.
        let mut words = strace::delaying(&home.path().join("trace"), MKDIR, PAUSE_US);
        words.extend([binary().into(), "login".into(), "anthropic".into(), "--no-browser".into()]);
        let mut login = home.program(&strace, words).start();
        // One that could not make its directory has ended by then.
        if let Some(url) = login.authorize_url_or_end()
            && let Ok(Landing::Code(code)) = robot::approve(&url)
        {
            login.write(&format!("{code}\n"));
        }
        login.finish();
        let _ = fs::remove_dir_all(&made);
        let _ = fs::remove_file(&made);
        victim.assert_unharmed(&format!("directory {round}"));
    }
    let swaps = attack.end();
    assert!(swaps > 0, "it was no attack");
    tell(&format!("{DIRECTORIES} directories under attack: swapped {swaps} times, no success"));
}

#[test]
fn the_directory_around_is_swapped_for_a_link_while_files_are_made_in_it() {
    let user = or_skip!(attacker());
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let ((home, credential), victim) = (home_of(&user, &sandbox), Victim::directory());
    let attack =
        Attack::start(&user, &home, &["--then", "restore"], &home.agent_dir(), &victim.path);
    let mut ended = 0;
    for _ in 0..DIRECTORIES {
        // What the test itself writes may land in either place.
        let text = format!(
            "{{\"anthropic\":{{\"type\":\"oauth\",\"refresh\":\"{}\"}}}}",
            credential.refresh
        );
        let _ = fs::write(home.agent_dir().join("oauth.json"), text);
        ended += usize::from(finish_soon(&home, &["logout", "anthropic"]));
        for place in [&home.agent_dir(), &victim.path] {
            clear(&place.join("auth.json.lock"));
        }
        assert_roots(&victim.path);
    }
    let swaps = attack.end();
    tell(&format!(
        "{DIRECTORIES} writes under attack: {ended} ended by themselves, swapped {swaps} times, \
         no success"
    ));
    assert!(swaps > 0, "it was no attack");
    assert_most_ended(ended, DIRECTORIES);
}

/// Asserts that a directory and all that is in it belong to root.
#[track_caller]
fn assert_roots(directory: &Path) {
    let owner = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.uid());
    assert_eq!(owner(directory).unwrap(), 0);
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        // It may be gone by now, with the program that made it.
        assert_eq!(owner(&path).unwrap_or_default(), 0, "{}", path.display());
        if path.is_dir() {
            assert_roots(&path);
        }
    }
}

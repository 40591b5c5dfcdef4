//! Claims about the file on a real file system.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread::JoinHandle;
use std::time::SystemTime;

use super::*;

struct Home {
    directory: tempfile::TempDir,
    store: Store,
}

/// A store in a directory that does not exist yet.
fn home() -> Home {
    let directory = tempfile::tempdir().unwrap();
    let agent = directory.path().join("pi").join("agent");

    let store = Store::new(agent, None, Some(directory.path().to_path_buf()));
    Home { directory, store }
}

/// A store in a directory that exists, with these files in it.
fn home_with(files: &[(&str, &str)]) -> Home {
    let home = home();
    dir::create_all(&home.store.directory).unwrap();
    for (name, text) in files {
        fs::write(home.path(name), text).unwrap();
    }
    home
}

impl Home {
    fn path(&self, name: &str) -> PathBuf {
        self.store.directory.join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.store.directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The agent, in the middle of moving the file.
    fn agent_writes_soon(&self) -> JoinHandle<()> {
        let path = self.path("auth.json");
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            fs::write(path, "moved").unwrap();
        })
    }

    async fn hold(&self) -> Held {
        let mut held = None;
        match self.store.hold(&mut held, Moment::BeforeRequest).await {
            Ok(()) => held.unwrap(),
            Err(event) => panic!("{event:?}"),
        }
    }

    async fn probe(&self) -> Event {
        self.store.probe(&mut Spares::default()).await
    }

    async fn save(&self, text: &str) -> Event {
        let mut held = self.hold().await;
        self.store.write(Some(&mut held), &Secret::new(text), false)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn contents(event: Event) -> (String, Option<String>) {
    match event {
        Event::StoreRead { path, contents, .. } => (path, contents.map(|c| c.expose().to_owned())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn auth_json_if_there_is_one_else_oauth_json() {
    let home = home();
    assert_eq!(contents(home.store.read()), ("~/pi/agent/oauth.json".into(), None));
    let home = home_with(&[("oauth.json", "1")]);
    assert_eq!(contents(home.store.read()), ("~/pi/agent/oauth.json".into(), Some("1".into())));
    let home = home_with(&[("oauth.json", "1"), ("auth.json", "2")]);
    assert_eq!(contents(home.store.read()), ("~/pi/agent/auth.json".into(), Some("2".into())));
}

#[tokio::test]
async fn probing_makes_the_directory_for_this_user_alone_and_leaves_nothing_in_it() {
    let home = home();
    assert_eq!(contents(home.probe().await).1, None);
    assert_eq!(mode(&home.store.directory), 0o700);
    assert_eq!(mode(&home.directory.path().join("pi")), 0o700);
    assert_eq!(home.names(), ["auth.json.flock"]);
}

#[tokio::test]
async fn a_saved_file_is_whole_private_and_alone() {
    let home = home_with(&[("auth.json", "old and much longer than the new one")]);
    fs::set_permissions(home.path("auth.json"), Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(home.save("{}").await, Event::Written));
    assert_eq!(home.text("auth.json"), "{}");
    assert_eq!(mode(&home.path("auth.json")), 0o600);
    assert_eq!(home.names(), ["auth.json", "auth.json.flock"]);
}

#[tokio::test]
async fn room_is_taken_before_anything_is_sent_and_given_back_unused() {
    let home = home_with(&[("auth.json", "{}")]);
    let held = home.hold().await;
    let temporary = home.names().into_iter().find(|name| name.ends_with(".tmp")).unwrap();
    let metadata = fs::metadata(home.path(&temporary)).unwrap();
    assert!(metadata.len() > 16 * 1024);
    assert_eq!(metadata.mode() & 0o777, 0o600);
    assert!(home.names().contains(&"auth.json.lock".to_owned()));
    drop(held);
    assert_eq!(home.names(), ["auth.json", "auth.json.flock"]);
}

#[tokio::test]
async fn what_a_killed_process_left_is_swept() {
    let others = [(".auth.json.x.tmp", ""), (".auth.json.2-b.tmp", "young"), ("note.tmp", "")];
    let home =
        home_with(&[&[("auth.json", "{}"), (".auth.json.1-a.tmp", "half")], &others[..]].concat());
    // Beside the name that the file had before the agent moved it.
    fs::write(home.path(".oauth.json.1-a.tmp"), "half").unwrap();
    let hour = Duration::from_secs(3600);
    for name in [".auth.json.1-a.tmp", ".oauth.json.1-a.tmp", ".auth.json.x.tmp", "note.tmp"] {
        let file = OpenOptions::new().write(true).open(home.path(name)).unwrap();
        file.set_modified(SystemTime::now() - hour).unwrap();
    }
    home.save("{}").await;
    let kept =
        [".auth.json.2-b.tmp", ".auth.json.x.tmp", "auth.json", "auth.json.flock", "note.tmp"];
    assert_eq!(home.names(), kept);
}

#[tokio::test]
async fn a_symbolic_link_stays_and_its_target_is_written() {
    let home = home_with(&[]);
    let target = home.directory.path().join("elsewhere.json");
    symlink("../../elsewhere.json", home.path("auth.json")).unwrap();
    assert!(matches!(home.save("1").await, Event::Written), "a link to nothing makes its target");
    assert!(matches!(home.save("2").await, Event::Written));
    assert_eq!(fs::read_to_string(&target).unwrap(), "2");
    assert_eq!(mode(&target), 0o600);
    assert!(fs::symlink_metadata(home.path("auth.json")).unwrap().is_symlink());
    assert_eq!(home.names(), ["auth.json"], "the kernel's lock stands beside the target");
}

#[tokio::test]
async fn behind_a_symbolic_link_both_of_the_agents_locks_are_taken() {
    let home = home_with(&[]);
    let target = home.directory.path().join("elsewhere.json");
    fs::write(&target, "{}").unwrap();
    symlink(&target, home.path("auth.json")).unwrap();
    let held = home.hold().await;
    let beside_target = home.directory.path().join("elsewhere.json.lock");
    assert!(home.path("auth.json.lock").is_dir() && beside_target.is_dir());
    fs::remove_dir(home.path("auth.json.lock")).unwrap();
    assert!(!held.is_current(&home.store), "either of them lost is the lock lost");
    drop(held);
    assert!(!beside_target.exists());
}

#[tokio::test]
async fn what_somebody_wrote_since_it_was_read_is_not_written_over() {
    let home = home_with(&[("auth.json", "old")]);
    let mut held = home.hold().await;
    assert_eq!(contents(home.store.read_held(&mut held)).1.as_deref(), Some("old"));
    fs::write(home.path("auth.json"), "theirs").unwrap();
    let new = Secret::new("new");
    assert!(matches!(home.store.write(Some(&mut held), &new, false), Event::LockLost));
    assert_eq!(home.text("auth.json"), "theirs");
    home.store.read_held(&mut held);
    assert!(matches!(home.store.write(Some(&mut held), &new, false), Event::Written));
    assert_eq!(home.text("auth.json"), "new");
}

#[test]
fn a_read_waits_for_the_agent_that_moves_the_file() {
    let home = home_with(&[("oauth.json.migrated", "")]);
    let agent = home.agent_writes_soon();
    assert_eq!(contents(home.store.read()).1.as_deref(), Some("moved"));
    agent.join().unwrap();
}

#[test]
fn a_file_that_the_agent_has_made_and_not_written_yet_is_waited_for() {
    let home = home_with(&[("oauth.json.migrated", ""), ("auth.json", "")]);
    let agent = home.agent_writes_soon();
    assert_eq!(contents(home.store.read()).1.as_deref(), Some("moved"));
    agent.join().unwrap();
    fs::write(home.path("auth.json"), "").unwrap();
    assert_eq!(contents(home.store.read()).1.as_deref(), Some(""), "empty is not absent");
}

#[tokio::test]
async fn what_the_agent_writes_while_it_is_waited_for_under_the_lock_is_what_a_write_replaces() {
    let home = home_with(&[("oauth.json.migrated", ""), ("auth.json", "")]);
    let mut held = home.hold().await;
    let agent = home.agent_writes_soon();
    let read = home.store.read_held(&mut held);
    agent.join().unwrap();
    assert_eq!(contents(read).1, Some("moved".into()));
    let written = home.store.write(Some(&mut held), &Secret::new("moved, and more"), false);
    assert!(matches!(written, Event::Written), "{written:?}");
    assert_eq!(home.text("auth.json"), "moved, and more");
}

#[test]
fn overrides_that_were_named_must_be_there() {
    let mut home = home();
    let read = |home: &Home| home.store.read_overrides();
    assert!(matches!(read(&home), Event::OverridesRead { contents: None, .. }));
    home.store.overrides = Some(home.path("elsewhere.json"));
    assert!(matches!(read(&home), Event::OverridesFailed { failure: StoreFailure::NotFound, .. }));
}

#[tokio::test]
async fn what_is_no_file_is_neither_read_nor_replaced() {
    let home = home_with(&[]);
    fs::create_dir(home.path("auth.json")).unwrap();
    let failed = |event: Event| match event {
        Event::StoreFailed { failure, .. } => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(home.store.read()), StoreFailure::IsADirectory);
    assert_eq!(failed(home.probe().await), StoreFailure::IsADirectory);
    fs::remove_dir(home.path("auth.json")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(home.path("auth.json")).status().unwrap();
    assert!(made.success());
    assert_eq!(failed(home.store.read()), StoreFailure::NotAFile, "and it does not hang");
    assert_eq!(failed(home.probe().await), StoreFailure::NotAFile);
}

#[tokio::test]
async fn a_huge_file_is_refused_unread_and_bytes_that_are_no_text_are_told() {
    let home = home_with(&[]);
    File::create(home.path("auth.json")).unwrap().set_len(1 << 40).unwrap();
    let failed = |event: Event| match event {
        Event::StoreFailed { failure, .. } => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(home.store.read()), StoreFailure::TooLarge);
    // Nor is room taken for its like.
    assert_eq!(failed(home.probe().await), StoreFailure::TooLarge);
    fs::write(home.path("auth.json"), [b'{', 0xff]).unwrap();
    assert_eq!(failed(home.store.read()), StoreFailure::NotUtf8);
}

#[tokio::test]
async fn without_the_lock_nothing_is_written_unless_it_is_the_last_resort() {
    let home = home_with(&[("auth.json", "old")]);
    let new = Secret::new("new");
    assert!(matches!(home.store.write(None, &new, false), Event::LockLost));
    let mut held = home.hold().await;
    fs::remove_dir(home.path("auth.json.lock")).unwrap();
    assert!(matches!(home.store.write(Some(&mut held), &new, false), Event::LockLost));
    assert_eq!(home.text("auth.json"), "old");
    assert!(matches!(home.store.write(Some(&mut held), &new, true), Event::Written));
    assert_eq!(home.text("auth.json"), "new");
}

#[tokio::test]
async fn when_the_agent_moves_the_file_the_lock_stays_and_the_write_follows() {
    let home = home_with(&[("oauth.json", "old")]);
    let mut held = Some(home.hold().await);
    let lock = home.path("auth.json.lock");
    assert!(lock.exists(), "it has one place, whichever file is used");
    let made = fs::metadata(&lock).unwrap().ino();
    fs::rename(home.path("oauth.json"), home.path("oauth.json.migrated")).unwrap();
    fs::write(home.path("auth.json"), "moved").unwrap();
    let event = home.store.write(held.as_mut(), &Secret::new("new"), false);
    assert!(matches!(event, Event::LockLost));
    assert!(!held.as_ref().unwrap().is_current(&home.store));
    assert!(!home.path("oauth.json").exists(), "nobody would read it any more");

    home.store.hold(&mut held, Moment::BeforeRequest).await.unwrap();
    assert_eq!(fs::metadata(&lock).unwrap().ino(), made, "nobody could pass in between");
    let event = home.store.write(held.as_mut(), &Secret::new("new"), false);
    assert!(matches!(event, Event::Written));
    assert_eq!(home.text("auth.json"), "new");
}

#[tokio::test]
async fn a_write_in_the_middle_of_the_agents_move_is_not_called_written() {
    let home = home_with(&[("oauth.json", "old")]);
    let mut held = home.hold().await;
    fs::rename(home.path("oauth.json"), home.path("oauth.json.migrated")).unwrap();
    let agent = home.agent_writes_soon();
    let event = home.store.write(Some(&mut held), &Secret::new("new"), false);
    agent.join().unwrap();
    assert!(matches!(event, Event::LockLost), "{event:?}");
}

#[tokio::test]
async fn who_loses_the_directory_lets_nobody_of_ours_pass_until_it_has_it_again() {
    let home = home_with(&[("auth.json", "{}")]);
    let mut held = Some(home.hold().await);
    let lock = home.path("auth.json.lock");
    // The agent takes it for dead, and has it for a moment.
    fs::remove_dir(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let mut other = None;
    let regained = async {
        let waiting = home.store.hold(&mut held, Moment::BeforeRequest);
        tokio::pin!(waiting);
        let moment = Duration::from_millis(100);
        assert!(tokio::time::timeout(moment, &mut waiting).await.is_err(), "it is the agent's");
        fs::remove_dir(&lock).unwrap();
        waiting.await.unwrap();
    };
    tokio::select! {
        biased;
        _ = home.store.hold(&mut other, Moment::BeforeRequest) => panic!("somebody passed"),
        () = regained => {}
    }
    assert!(held.unwrap().is_current(&home.store) && other.is_none());
}

#[tokio::test]
async fn who_cannot_have_the_directory_again_keeps_the_kernels_lock() {
    let home = home_with(&[("auth.json", "{}")]);
    let mut held = Some(home.hold().await);
    let lock = home.path("auth.json.lock");
    fs::remove_dir(&lock).unwrap();
    // What is no directory cannot be watched, nor waited for.
    symlink("nowhere", &lock).unwrap();
    let kernel = File::open(home.path("auth.json.flock")).unwrap();
    let moment = Duration::from_millis(100);
    let again =
        tokio::time::timeout(moment, home.store.hold(&mut held, Moment::BeforeRequest)).await;
    assert!(!matches!(again, Ok(Ok(()))));
    assert!(!held.as_ref().unwrap().is_current(&home.store));
    assert!(kernel.try_lock().is_err(), "nobody of ours passes with an answer in hand here");
    drop(held);
    assert!(kernel.try_lock().is_ok());
}

#[tokio::test]
async fn where_the_lock_stands_elsewhere_by_now_the_old_one_is_let_go_first() {
    let home = home_with(&[("auth.json", "{}"), ("elsewhere.json", "{}")]);
    let mut held = Some(home.hold().await);
    fs::remove_file(home.path("auth.json")).unwrap();
    symlink("elsewhere.json", home.path("auth.json")).unwrap();
    let soon = Duration::from_secs(120);
    tokio::time::timeout(soon, home.store.hold(&mut held, Moment::BeforeRequest))
        .await
        .unwrap()
        .unwrap();
    assert!(held.unwrap().is_current(&home.store));
}

#[tokio::test]
async fn where_no_room_is_left_after_a_move_the_lock_is_kept() {
    let home = home_with(&[("oauth.json", "old")]);
    let mut held = Some(home.hold().await);
    fs::rename(home.path("oauth.json"), home.path("oauth.json.migrated")).unwrap();
    fs::create_dir(home.path("auth.json")).unwrap();
    assert!(matches!(
        home.store.hold(&mut held, Moment::BeforeRequest).await,
        Err(Event::StoreFailed { .. })
    ));
    assert!(held.is_some() && home.path("auth.json.lock").exists());
}

#[tokio::test]
async fn one_holder_at_a_time_and_the_next_gets_it() {
    let home = home_with(&[("auth.json", "{}")]);
    let first = home.hold().await;
    let mut second = None;
    let waiting = home.store.hold(&mut second, Moment::BeforeRequest);
    let short = tokio::time::timeout(Duration::from_millis(100), waiting);
    assert!(short.await.is_err(), "the second waits");
    drop(first);
    drop(home.hold().await);
}

#[test]
fn paths_are_shown_with_a_tilde_and_nothing_a_terminal_obeys() {
    let store = Store::new("/h/a".into(), None, Some("/h".into()));
    assert_eq!(store.shown(Path::new("/h/a/auth.json")), "~/a/auth.json");
    assert_eq!(store.shown(Path::new("/hx/auth.json")), "/hx/auth.json");
    assert_eq!(store.shown(Path::new("/x\u{1b}[2J/y")), "/x[2J/y");
}

#[tokio::test]
async fn what_somebody_put_in_the_place_of_our_files_is_neither_followed_nor_waited_for() {
    let home = home_with(&[("auth.json", "{}"), ("victim", "theirs")]);
    symlink("victim", home.path("auth.json.flock")).unwrap();
    assert!(matches!(
        home.store.hold(&mut None, Moment::BeforeRequest).await,
        Err(Event::StoreFailed { .. })
    ));
    fs::remove_file(home.path("auth.json.flock")).unwrap();

    symlink("victim", home.path("auth.json.backoff")).unwrap();
    home.store.write_backoff(None, &Secret::new("remembered"));
    assert_eq!(home.text("victim"), "theirs");
    let read_back = home.store.read_backoff();
    assert!(
        matches!(read_back, Event::BackoffRead { contents: Some(c) } if c.expose() == "remembered")
    );
    assert_eq!(mode(&home.path("auth.json.backoff")), 0o600);
}

#[test]
fn a_relative_directory_counts_from_here() {
    let store = Store::new("some/where".into(), None, None);
    assert!(store.path().is_absolute());
}

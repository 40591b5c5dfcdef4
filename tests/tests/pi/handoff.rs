//! What is not ours goes to the agent's own `pi`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use pi_auth_tests::pi::{Home, Pi, binary};

/// An agent that shows what it was given, and ends with 7.
const AGENT: &str = r#"
if [ "$1" = --version ]; then echo 0.99.9; exit 0; fi
for word in "$@"; do printf '[%s]' "$word"; done
echo
echo "process $$"
echo "in $PWD"
echo "with $MARK"
echo "zero $0"
while read -r line; do echo "read $line"; done
echo "agent's complaint" >&2
exit 7"#;

/// A directory of PATH with our `pi` in it: a copy, so that it is another file.
fn ours(home: &Home, name: &str) -> PathBuf {
    let directory = home.path().join(name);
    fs::create_dir(&directory).unwrap();
    // By a process of its own: a file that this one had open for writing could not be run.
    let copied = Command::new("cp").arg(binary()).arg(directory.join("pi")).status().unwrap();
    assert!(copied.success());
    directory
}

fn path(directories: &[&Path]) -> OsString {
    std::env::join_paths(directories).unwrap()
}

fn exited_with_agents_code(ended: &pi_auth_tests::pi::Ended) {
    ended.exits(7);
    assert_eq!(ended.stderr, "agent's complaint\n", "{ended}");
}

#[test]
fn what_is_not_ours_becomes_the_agent_with_all_that_it_was_given() {
    let home = Home::new();
    home.script("pi", AGENT);
    let work = home.path().join("work");
    fs::create_dir(&work).unwrap();
    for (arguments, shown) in [
        (&[][..], "\n"),
        (&["-p", "login"], "[-p][login]\n"),
        (&["hello there", "", "a\nb", "*", "--json"], "[hello there][][a\nb][*][--json]\n"),
        (&["--version", "--verbose"], ""),
        (&["Login"], "[Login]\n"),
        (&["--", "token"], "[--][token]\n"),
        (&["doctors"], "[doctors]\n"),
    ] {
        let pi = home.pi(arguments).env("MARK", "a mark").current_dir(&work);
        let mut running = pi.start();
        let id = running.id();
        running.write("one\ntwo words\n");
        let ended = running.finish();
        if arguments.first() == Some(&"--version") {
            ended.exits(0).prints("0.99.9\n");
            continue;
        }
        exited_with_agents_code(&ended);
        let work = fs::canonicalize(&work).unwrap();
        let expected = format!(
            "{shown}process {id}\nin {}\nwith a mark\nzero {}\nread one\nread two words\n",
            work.display(),
            home.bin().join("pi").display(),
        );
        ended.prints(&expected);
    }
}

#[test]
fn words_that_are_no_text_arrive_as_they_are() {
    let home = Home::new();
    home.script("pi", r#"printf '%s' "$1" | PATH=/usr/bin:/bin od -An -tx1"#);
    let ended = home.pi([OsStr::from_bytes(b"\xff\xfe \x80")]).run();
    ended.exits(0);
    assert_eq!(ended.stdout.split_whitespace().collect::<String>(), "fffe2080");
}

#[test]
fn our_words_are_ours_though_there_is_an_agent() {
    let home = Home::new();
    home.script("pi", AGENT);
    home.pi(["status"]).run().exits(4);
    home.pi(["token", "anthropic"]).run().exits(4);
    home.pi(["logout", "anthropic"]).run().exits(0);
    home.pi(["login"]).run().exits(2);
    home.pi(["doctor", "--offline"]).run().exits(0);
    home.pi(["completions", "zsh"]).run().exits(0);
}

#[test]
fn help_is_the_agents_with_a_word_of_ours() {
    let home = Home::new();
    home.script("pi", AGENT);
    let ended = home.pi(["--help"]).run();
    ended.exits(7).says("pi-auth adds login, logout, status");
    assert!(ended.stdout.starts_with("[--help]\n"), "{ended}");
}

#[test]
fn without_an_agent_pi_alone_is_help_and_an_unknown_word_a_usage_error() {
    let home = Home::new();
    for arguments in [&[][..], &["--help"], &["-h"], &["help"]] {
        let ended = home.pi(arguments).run();
        ended.exits(0).is_quiet();
        for word in ["login", "logout", "status", "token", "Exit codes:"] {
            assert!(ended.stdout.contains(word), "{ended}");
        }
    }
    for arguments in [&["unknown"][..], &["-p", "hello"], &["--verbose"], &[""]] {
        let ended = home.pi(arguments).run();
        ended.exits(2).prints("").says("no pi agent is installed");
        ended.says(&format!("`{}`", arguments[0]));
    }
    home.pi(["a\x1b[31mb\nc"]).run().exits(2).says("`a\\u{1b}[31mb\\nc`");
}

#[test]
fn version_tells_both() {
    let home = Home::new();
    let own = format!("pi-auth {} ({})\n", env!("CARGO_PKG_VERSION"), binary().display());
    for flag in ["--version", "-V"] {
        let alone = home.pi([flag]).run();
        alone.exits(0).prints(&format!("{own}pi agent: none further down PATH\n")).is_quiet();
    }
    let agent = home.script("pi", AGENT);
    let both = home.pi(["--version"]).run();
    both.exits(0).prints(&format!("{own}pi agent 0.99.9 ({})\n", agent.display())).is_quiet();

    home.script("pi", "printf '\\033[31m1.0\\033[0m\\n'; echo more");
    let plain = home.pi(["--version"]).run();
    plain.exits(0).prints(&format!("{own}pi agent [31m1.0[0m ({})\n", agent.display()));
    // As the agent's release 0.73.1 does.
    home.script("pi", "echo 0.73.1 >&2");
    let told = home.pi(["--version"]).run();
    told.exits(0).prints(&format!("{own}pi agent 0.73.1 ({})\n", agent.display())).is_quiet();
    for broken in ["exit 1", "kill -9 $$"] {
        home.script("pi", broken);
        let ended = home.pi(["--version"]).run();
        ended.exits(0).prints(&format!("{own}pi agent does not start ({})\n", agent.display()));
    }
}

#[test]
fn copies_of_ours_on_path_do_not_pass_the_turn_to_and_fro() {
    let home = Home::new();
    let (one, two, three) = (ours(&home, "one"), ours(&home, "two"), ours(&home, "three"));
    let run = |first: &Path, path: OsString, arguments: &[&str]| {
        let pi: Pi<'_> = home.program(&first.join("pi"), arguments);
        pi.env("PATH", path).run()
    };
    for first in [&one, &two, &three] {
        let path = || path(&[&one, &two, &three]);
        run(first, path(), &["hello"]).exits(2).prints("").says("no pi agent is installed");
        let help = run(first, path(), &[]);
        help.exits(0);
        assert!(help.stdout.contains("Exit codes:"), "{help}");
        run(first, path(), &["--version"]).exits(0);
    }
    home.script("pi", AGENT);
    let bin = home.bin();
    for directories in
        [[&*one, &two, &three, &bin], [&*bin, &three, &two, &one], [&*one, &bin, &two, &three]]
    {
        for first in [&one, &two, &three] {
            let ended = run(first, path(&directories), &["hello"]);
            exited_with_agents_code(&ended);
            assert!(ended.stdout.starts_with("[hello]\n"), "{ended}");
        }
    }
}

#[test]
fn an_agent_that_starts_pi_again_reaches_ours_and_by_it_the_agent() {
    let home = Home::new();
    let one = ours(&home, "one");
    let two = ours(&home, "two");
    home.script(
        "pi",
        r#"case "$1" in
        outer) pi inner && pi status; exit $?;;
        inner) echo "the agent again"; exit 0;;
        esac"#,
    );
    let path = path(&[&one, &two, &home.bin()]);
    let ended = home.program(&one.join("pi"), ["outer"]).env("PATH", path).run();
    ended.exits(4);
    assert!(ended.stdout.starts_with("the agent again\nYou are not logged in."), "{ended}");
}

#[test]
fn what_is_no_agent_is_passed_over() {
    let home = Home::new();
    let directory = |name: &str| {
        let path = home.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let link = directory("link");
    symlink(binary(), link.join("pi")).unwrap();
    let dangling = directory("dangling");
    symlink("/nonexistent", dangling.join("pi")).unwrap();
    let folder = directory("folder");
    fs::create_dir(folder.join("pi")).unwrap();
    let text = directory("text");
    fs::write(text.join("pi"), "not a program").unwrap();
    // The current directory must not decide what runs.
    let here = directory("here");
    symlink(home.script("evil", "echo evil"), here.join("pi")).unwrap();

    let nothing = [Path::new(""), Path::new("."), &link, &dangling, &folder, &text];
    let ended = home.pi(["hello"]).env("PATH", path(&nothing)).current_dir(&here).run();
    ended.exits(2).prints("");
    home.script("pi", AGENT);
    let bin = home.bin();
    let all = [&nothing[..], &[&bin]].concat();
    let ended = home.pi(["hello"]).env("PATH", path(&all)).current_dir(&here).run();
    exited_with_agents_code(&ended);
    home.pi(["hello"]).env_remove("PATH").run().exits(2);
}

#[test]
fn an_agent_that_cannot_be_started_is_named() {
    let home = Home::new();
    let agent = home.script("pi", "");
    fs::write(&agent, "#!/nonexistent/interpreter\n").unwrap();
    let ended = home.pi(["hello"]).run();
    ended.exits(1).prints("").says(&agent.display().to_string()).says("Install it again");
}

#[test]
fn a_signal_that_ends_the_agent_is_its_end() {
    let home = Home::new();
    home.script("pi", "kill -TERM $$");
    assert_eq!(home.pi(["hello"]).run().signal(), Some(15));
}

//! A credential file that is broken: told by line and column, and never written over.

use std::fs::{self, File};

use pi_auth_tests::machine::strace::{self, Call};
use pi_auth_tests::pi::{Age, Home, binary};

use crate::login::assert_logged_in;
use crate::{kinds, sandbox};

/// The commands that read the file, and those that would write it.
const COMMANDS: [&[&str]; 4] = [
    &["token", "anthropic"],
    &["status"],
    &["logout", "anthropic"],
    &["login", "anthropic", "--no-browser"],
];

#[test]
fn a_file_that_is_cut_short_anywhere_is_told_by_line_and_column_and_left() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let whole = home.contents();
    assert!(whole.len() > 150 && whole.lines().count() > 5, "{whole}");
    // Cut down to nothing, it is a file that holds nothing.
    for at in 1..whole.len() {
        let cut = &whole[..at];
        home.write("oauth.json", cut);
        // All of them take part, each in its turn.
        let ended = home.pi(COMMANDS[at % COMMANDS.len()]).run();
        ended.exits(1).prints("").says("~/.pi/agent/oauth.json");
        let (line, column) =
            (cut.matches('\n').count() + 1, at - cut.rfind('\n').map_or(0, |it| it + 1));
        ended.says(&format!("line {line}, column {}.", column + 1));
        ended.says("Nothing was changed. Mend the file, or move it away and log in again: mv ");
        assert_eq!(home.contents(), cut, "{ended}");
    }
    assert_eq!(kinds(&sandbox), []);
    assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    home.write("oauth.json", &whole);
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    assert_logged_in(&home, &sandbox);
}

#[test]
fn what_is_broken_is_said_so_that_it_can_be_found() {
    let home = Home::new();
    for (contents, told) in [
        (&b"\xef\xbb\xbf{}"[..], "it begins with a byte-order mark"),
        (b"{\"a\":\"\xff\"}", "it is not UTF-8 text"),
        (b"{\"a\":\"\0\"}", "line 1, column 6"),
        (b"{\n  \"a\": 1,\n}", "line 3, column 1"),
        (b"{\"a\":1}\n\0", "line 2, column 1"),
    ] {
        for arguments in COMMANDS {
            let path = home.write("auth.json", contents);
            home.pi(arguments).run().exits(1).prints("").says(told).says("~/.pi/agent/auth.json");
            assert_eq!(fs::read(path).unwrap(), contents, "{arguments:?}");
        }
    }
}

#[test]
fn of_names_that_stand_twice_the_last_counts_and_no_other_byte_changes() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let (first, last) = (sandbox.issue(), sandbox.issue());
    let entry = |refresh: &str| {
        format!(
            r#"{{"type":"oauth","refresh":"x","refresh":"{refresh}","access":"a","expires":1,"more":[1,1]}}"#
        )
    };
    let (first, before) = (entry(&first.refresh), entry(&last.refresh));
    let text = |last: &str| format!(r#"{{"k":1,"anthropic":{first},"k":2,"anthropic":{last} }}"#);
    home.write("auth.json", text(&before));
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    assert_logged_in(&home, &sandbox);
    let contents = home.contents();
    let start = text("").trim_end_matches(" }").to_owned();
    assert!(
        contents.starts_with(&start) && contents.ends_with(r#","more":[1,1]} }"#),
        "{contents}"
    );
}

#[test]
fn a_file_of_a_gigabyte_is_refused_and_neither_read_nor_made_room_for() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let path = home.write("auth.json", "{}");
    File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
    for arguments in COMMANDS {
        home.pi(arguments).run().exits(1).prints("").says("larger than 1 MiB");
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 30);
    assert_eq!(kinds(&sandbox), []);

    let strace = or_skip!(strace::find());
    for (number, arguments) in COMMANDS.iter().enumerate() {
        let trace = home.path().join(format!("trace-{number}"));
        let mut words = strace::watching(&trace);
        words.push(binary().into());
        words.extend(arguments.iter().map(Into::into));
        home.program(&strace, words).run().exits(1);
        let calls = strace::calls(&trace);
        let is_on_it = |call: &&Call| call.line.contains(&*path.to_string_lossy());
        let on_it: Vec<&str> = calls.iter().filter(is_on_it).map(|call| &*call.name).collect();
        assert!(on_it.contains(&"openat"), "{on_it:?}");
        for reads in ["read", "pread64", "readv", "mmap", "sendfile", "copy_file_range"] {
            assert!(!on_it.contains(&reads), "{arguments:?}: {on_it:?}");
        }
        // Nor is room taken for a file of that size.
        for call in calls.iter().filter(|call| call.name == "write") {
            assert!(call.result().is_some_and(|written| written < 2 << 20), "{}", call.line);
        }
    }
}

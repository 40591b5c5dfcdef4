//! The credential file: its mode, its bytes, what is not ours in it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use pi_auth_tests::machine::files::{make_fifo, mode};
use pi_auth_tests::pi::{Age, Home, binary, now_ms};
use serde_json::json;

use crate::login::{assert_logged_in, log_in_by_paste, paste};
use crate::{kinds, sandbox};

#[test]
fn nobody_else_may_read_it_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let pi = binary().to_str().unwrap();
        let shell = format!("umask {umask}; exec \"$@\"");
        let words = ["-c", &shell, "sh", pi, "login", "anthropic", "--no-browser"];
        let mut login = home.program("/bin/sh".as_ref(), words).start();
        paste(&mut login);
        login.finish().exits(0);
        assert_eq!(mode(&home.path().join(".pi")), 0o700, "umask {umask}");
        assert_eq!(mode(&home.agent_dir()), 0o700, "umask {umask}");
        for name in home.names() {
            assert_eq!(mode(&home.agent_dir().join(&name)), 0o600, "{name}, umask {umask}");
        }
        assert_eq!(home.names(), ["auth.json.flock", "oauth.json"]);
    }
}

#[test]
fn a_file_that_others_could_read_is_narrowed_by_the_next_write() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    fs::set_permissions(home.file(), fs::Permissions::from_mode(0o644)).unwrap();
    home.pi(["token", "anthropic"]).run().exits(0);
    assert_eq!(mode(&home.file()), 0o600);
}

#[test]
fn a_new_file_has_the_agents_format_to_the_byte() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let began = now_ms();
    log_in_by_paste(&home).exits(0);
    let entry = home.entry("anthropic");
    let (refresh, access) = (entry["refresh"].as_str().unwrap(), entry["access"].as_str().unwrap());
    let expires = entry["expires"].as_u64().unwrap();
    assert_eq!(
        home.contents(),
        format!(
            "{{\n  \"anthropic\": {{\n    \"type\": \"oauth\",\n    \"refresh\": \"{refresh}\",\n    \
             \"access\": \"{access}\",\n    \"expires\": {expires}\n  }}\n}}"
        )
    );
    let lifetime_ms = 28_800_000;
    let expected = began + lifetime_ms - 300_000..=now_ms() + lifetime_ms - 300_000;
    assert!(expected.contains(&expires), "{expires} is not in {expected:?}");
    assert_logged_in(&home, &sandbox);
}

#[test]
fn auth_json_is_preferred_where_there_is_one() {
    let sandbox = sandbox();
    let (home, old) = Home::logged_in(&sandbox, Age::Fresh);
    home.write("auth.json", "{}");
    let stored = fs::read(home.agent_dir().join("oauth.json")).unwrap();
    home.pi(["token", "anthropic"]).run().exits(4);
    log_in_by_paste(&home).exits(0);
    assert_logged_in(&home, &sandbox);
    assert_ne!(home.refresh_token(), old.refresh);
    home.pi(["logout", "anthropic"]).run().exits(0);
    assert_eq!(home.contents(), "{}");
    assert_eq!(fs::read(home.agent_dir().join("oauth.json")).unwrap(), stored);
}

#[test]
fn a_new_login_replaces_its_entry_whole_and_touches_no_other_byte() {
    let before = "\r\n {\"é\":{\"type\":\"api_key\" , \"key\":\"\\u0041\"},\t\"dup\":1,\"dup\":[ 2 ],\n\"anthropic\":";
    let after =
        ",\"n\":1.50e+1,\"deep\":[[[[{}]]]],\n\n\"last\" : {\"type\":\"later\",\"x\":null} }  \n";
    for old in [
        r#"{"type":"oauth","refresh":"r","access":"a","expires":1,"email":"of the older login"}"#,
        r#"{"type":"api_key","key":"k"}"#,
        "7",
    ] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        home.write("auth.json", format!("{before}{old}{after}"));
        log_in_by_paste(&home).exits(0);
        let contents = home.contents();
        let entry = contents.strip_prefix(before).and_then(|it| it.strip_suffix(after));
        let entry = entry.unwrap_or_else(|| panic!("{contents}"));
        assert!(!entry.contains("email") && !entry.contains("key"), "{entry}");
        assert_logged_in(&home, &sandbox);
    }
}

#[test]
fn a_login_is_added_behind_what_is_there() {
    let sandbox = sandbox();
    for before in [
        "{ \"dup\":1, \"dup\" :2 ,\"github-copilot\":{\"type\":\"oauth\",\"x\":[ ]}",
        "{\n  \"openai\": {\n    \"type\": \"api_key\",\n    \"key\": \"k\"\n  }",
    ] {
        let home = Home::at(&sandbox);
        home.write("auth.json", format!("{before}\n}}\n"));
        log_in_by_paste(&home).exits(0);
        let contents = home.contents();
        assert!(contents.starts_with(before) && contents.ends_with("\n}\n"), "{contents}");
        assert_logged_in(&home, &sandbox);
    }
}

#[test]
fn a_corrupt_file_is_named_and_left_as_it_is() {
    let deep = "[".repeat(100_000);
    let huge = format!("{{\"x\":\"{}\"}}", "x".repeat(2 << 20));
    let corrupt: [&[u8]; 12] = [
        b"{",
        br#"{"anthropic":{"type":"oauth","refresh":"r","acc"#,
        b"[]",
        b"null",
        b"\"x\"",
        b"{} {}",
        b"{\"a\":1,}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"\0\0\0\0\0\0\0\0",
        deep.as_bytes(),
        huge.as_bytes(),
    ];
    let sandbox = sandbox();
    for contents in corrupt {
        for arguments in [
            &["login", "anthropic", "--no-browser"][..],
            &["login", "anthropic", "--no-browser", "--json"],
            &["token", "anthropic"],
            &["logout", "anthropic"],
            &["logout", "--all", "--yes"],
            &["status"],
            &["status", "--json"],
        ] {
            let home = Home::at(&sandbox);
            let path = home.write("auth.json", contents);
            // A key in the environment is no reason to look away.
            let ended = home.pi(arguments).env("ANTHROPIC_API_KEY", "sk-ant-api03-x").run();
            ended.exits(1);
            let told = if arguments.contains(&"--json") && arguments[0] == "login" {
                assert!(ended.stdout.contains("store_"), "{ended}");
                &ended.stdout
            } else {
                ended.prints("");
                &ended.stderr
            };
            assert!(told.contains("~/.pi/agent/auth.json"), "{ended}");
            assert!(!told.contains("http"), "the person was sent to authorize: {ended}");
            assert_eq!(fs::read(path).unwrap(), contents, "{arguments:?}");
        }
    }
    assert_eq!(kinds(&sandbox), []);
}

#[test]
fn what_is_no_file_is_refused() {
    let sandbox = sandbox();
    type Make = fn(&Path);
    let directory = &["it is a directory, not a file", "docker -v", "rmdir ~/.pi/agent/auth.json"];
    let makes: [(Make, &[&str]); 6] = [
        (|path| fs::create_dir(path).unwrap(), directory),
        (make_fifo, &["not a regular file"]),
        (|path| drop(UnixListener::bind(path).unwrap()), &["not a regular file"]),
        // A device, which would never end; and what a link leads to counts.
        (|path| symlink("/dev/zero", path).unwrap(), &["not a regular file"]),
        (|path| symlink("/dev/null", path).unwrap(), &["not a regular file"]),
        (|path| symlink(".", path).unwrap(), directory),
    ];
    for (make, says) in makes {
        for arguments in [
            &["login", "anthropic", "--no-browser"][..],
            &["token", "anthropic"],
            &["logout", "anthropic"],
            &["status"],
        ] {
            let home = Home::at(&sandbox);
            home.write("x", "");
            make(&home.agent_dir().join("auth.json"));
            let kind = fs::symlink_metadata(home.file()).unwrap().file_type();
            let ended = home.pi(arguments).run();
            ended.exits(1).prints("").says("~/.pi/agent/auth.json");
            for text in says {
                ended.says(text);
            }
            assert_eq!(fs::symlink_metadata(home.file()).unwrap().file_type(), kind);
        }
    }
    assert_eq!(kinds(&sandbox), []);
}

#[test]
fn behind_a_symbolic_link_it_is_the_target_that_is_written() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    let dotfiles = home.path().join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    fs::rename(home.file(), dotfiles.join("secret.json")).unwrap();
    symlink("../../dotfiles/secret.json", home.agent_dir().join("auth.json")).unwrap();
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    let link = home.agent_dir().join("auth.json");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_logged_in(&home, &sandbox);
    assert_eq!(mode(&dotfiles.join("secret.json")), 0o600);
    home.pi(["logout", "anthropic"]).run().exits(0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(dotfiles.join("secret.json")).unwrap(), "{}");
}

#[test]
fn a_chain_of_links_is_followed_to_its_end_which_need_not_be_there_yet() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let end = home.path().join("dotfiles/secret.json");
    fs::create_dir(home.path().join("dotfiles")).unwrap();
    home.write("x", "");
    symlink("../../first", home.agent_dir().join("auth.json")).unwrap();
    symlink("dotfiles/second", home.path().join("first")).unwrap();
    symlink("secret.json", home.path().join("dotfiles/second")).unwrap();
    // Nobody is logged in yet.
    home.pi(["token", "anthropic"]).run().exits(4);
    log_in_by_paste(&home).exits(0);
    for link in [".pi/agent/auth.json", "first", "dotfiles/second"] {
        assert!(fs::symlink_metadata(home.path().join(link)).unwrap().is_symlink(), "{link}");
    }
    assert!(fs::symlink_metadata(&end).unwrap().is_file());
    assert_eq!(mode(&end), 0o600);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn links_that_lead_in_a_circle_or_out_of_the_world_are_told() {
    let sandbox = sandbox();
    for target in ["auth.json", "no/such/directory/auth.json"] {
        let home = Home::at(&sandbox);
        home.write("x", "");
        let link = home.agent_dir().join("auth.json");
        symlink(target, &link).unwrap();
        let ended = home.pi(["login", "anthropic", "--no-browser"]).run();
        ended.exits(1).prints("").says("~/.pi/agent/auth.json").says("ls -ld");
        assert_eq!(fs::read_link(&link).unwrap(), Path::new(target));
        assert_eq!(home.names(), ["auth.json", "x"]);
    }
    assert_eq!(kinds(&sandbox), []);
}

#[test]
fn what_killed_processes_left_behind_is_swept() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    home.write(".oauth.json.1234-0123456789abcdef.tmp", "half a file");
    home.write("notes.tmp", "not ours");
    home.pi(["token", "anthropic"]).run().exits(0);
    assert_eq!(home.names(), ["auth.json.flock", "notes.tmp", "oauth.json"]);
}

#[test]
fn half_a_file_is_read_again_under_the_lock_before_it_is_called_corrupt() {
    // The agent writes in place, under its lock: until it is done, half a file can be seen.
    let sandbox = sandbox();
    let (home, credential) = Home::logged_in(&sandbox, Age::Fresh);
    let whole = home.contents();
    home.write("oauth.json", &whole[..whole.len() / 2]);
    let lock = home.agent_dir().join("auth.json.lock");
    fs::create_dir(&lock).unwrap();
    let mut pi = home.pi(["token", "anthropic"]).start();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(pi.runs(), "{pi}");
    home.write("oauth.json", &whole);
    fs::remove_dir(&lock).unwrap();
    pi.finish().exits(0).prints(&format!("{}\n", credential.access));
}

#[test]
fn an_override_is_never_written() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let before = fs::read(home.providers_file()).unwrap();
    log_in_by_paste(&home).exits(0);
    home.pi(["logout", "anthropic"]).run().exits(0);
    assert_eq!(fs::read(home.providers_file()).unwrap(), before);
    let made: Vec<_> =
        fs::read_dir(home.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(made.len(), 3, "bin, providers.json and .pi: {made:?}");
    assert_eq!(home.contents(), json!({}).to_string());
}

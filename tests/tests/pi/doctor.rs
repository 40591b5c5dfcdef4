//! What is wrong with logins on this machine, and what mends it: how it is told, and to whom.

use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use pi_auth_tests::machine::files::{mode, set_mode};
use pi_auth_tests::machine::plain_user::PlainUser;
use pi_auth_tests::pi::{Age, Ended, Home, Pi, Terminal};
use pi_auth_tests::sandbox::Fault;
use serde_json::{Value, json};

use crate::{sandbox, wait_for_grants};

/// The object that `--json` prints.
#[track_caller]
pub(crate) fn object(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{ended}\n{error}"))
}

/// What was found, as `check severity`, in order.
#[track_caller]
pub(crate) fn findings(ended: &Ended) -> Vec<String> {
    let object = object(ended);
    let word = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{ended}")).to_owned();
    let findings = object["findings"].as_array().unwrap_or_else(|| panic!("{ended}"));
    findings.iter().map(|it| word(&it["check"]) + " " + &word(&it["severity"])).collect()
}

pub(crate) fn offline<'a>(home: &'a Home, more: &[&str]) -> Pi<'a> {
    home.pi([&["doctor", "--offline"], more].concat())
}

/// A home with a login that is fresh, in `auth.json`.
pub(crate) fn healthy() -> Home {
    let home = Home::new();
    let login = json!({
        "type": "oauth", "refresh": "r", "access": "a", "expires": Age::Fresh.expires(),
    });
    home.write("auth.json", format!("{:#}\n", json!({ "anthropic": login })));
    home
}

#[test]
fn where_all_is_well_it_says_so_and_changes_nothing() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Fresh);
    let before = home.snapshot();
    let ended = home.pi(["doctor"]).run();
    ended.exits(0).is_quiet();
    let authority = sandbox.base_url().trim_start_matches("http://");
    for line in [
        "Credential file\n",
        "  ✓ ~/.pi/agent can be written\n",
        "  ✓ ~/.pi/agent/oauth.json is sound (1 entry)\n",
        "  ✓ Nobody else can read or write the files\n",
        "  ✓ The files are your own\n",
        "  ✓ Nobody holds a lock\n",
        "\nLogins\n  ✓ Anthropic (Claude Pro/Max): logged in\n",
        &format!(
            "\nSettings\n  ✓ ~/providers.json sends logins and tokens of Anthropic to {authority}.\n"
        ),
        "  ✓ ~/providers.json is in use\n",
        "\nNetwork\n  ✓ No proxy is set\n",
        &format!("  ✓ {authority} answers\n"),
        &format!("  ✓ The clock agrees with that of {authority}\n"),
        "\n\nNo problems found.\n",
    ] {
        assert!(ended.stdout.contains(line), "{ended}\nlacks {line}");
    }
    let in_json = home.pi(["doctor", "--json", "--fix"]).run();
    in_json.exits(0);
    assert_eq!(object(&in_json)["ok"], true);
    assert_eq!(findings(&in_json), [""; 0]);
    assert_eq!(home.snapshot(), before);
}

#[test]
fn where_nothing_is_stored_yet_that_is_fine_and_nothing_is_made() {
    let home = Home::new();
    let ended = offline(&home, &["--fix"]).run();
    ended.exits(0).is_quiet();
    assert!(ended.stdout.contains("There is no ~/.pi/agent yet"), "{ended}");
    assert!(ended.stdout.contains("Nobody is logged in: `pi login`"), "{ended}");
    assert!(!home.path().join(".pi").exists());
    home.write("notes", "");
    let ended = offline(&home, &[]).run();
    ended.exits(0);
    assert!(ended.stdout.contains("Nothing is stored yet: `pi login`"), "{ended}");
    assert_eq!(home.names(), ["notes"]);
}

#[test]
fn of_a_link_that_leads_nowhere_it_is_not_said_that_nothing_is_stored_yet() {
    let home = healthy();
    fs::remove_file(home.file()).unwrap();
    symlink("nowhere.json", home.agent_dir().join("auth.json")).unwrap();
    let ended = offline(&home, &[]).run();
    ended.exits(1);
    assert!(ended.stdout.contains("where there is nothing"), "{ended}");
    assert!(!ended.stdout.contains("Nothing is stored yet"), "{ended}");
}

#[test]
fn fix_tells_a_program_what_it_did() {
    let home = healthy();
    set_mode(&home.file(), 0o604);
    home.write("oauth.json", r#"{"x":{"type":"oauth"}}"#);
    let ended = offline(&home, &["--fix", "--json"]).run();
    ended.exits(1);
    let object = object(&ended);
    let about = |check: &str| {
        let all = object["findings"].as_array().unwrap();
        all.iter().find(|it| it["check"] == check).unwrap().clone()
    };
    let mended = about("permissions");
    assert_eq!(mended["fixed"], "~/.pi/agent/auth.json has mode 600 now, not 604");
    assert_eq!((&mended["fixable"], &mended["severity"]), (&json!(false), &json!("problem")));
    assert_eq!(mended["mend"], "If somebody may have read it, log in anew.");
    assert_eq!(mended.get("command"), None, "that has been done");
    assert_eq!(about("both_files").get("fixed"), None);
    assert_eq!(object["ok"], false);
    assert_eq!(mode(&home.file()), 0o600);
}

#[test]
fn a_file_that_a_link_leads_to_is_narrowed_where_it_is_and_that_is_said() {
    let home = healthy();
    let target = home.path().join("dotfiles.json");
    fs::rename(home.file(), &target).unwrap();
    symlink(&target, home.agent_dir().join("auth.json")).unwrap();
    set_mode(&target, 0o666);
    let ended = offline(&home, &["--fix"]).run();
    ended.exits(0);
    let told = "  ✓ Mended: ~/dotfiles.json has mode 600 now, not 666\n    \
                If somebody may have read or changed it, log in anew.\n";
    assert!(ended.stdout.contains(told), "{ended}");
    assert_eq!(mode(&target), 0o600);
}

#[test]
fn whoever_uses_the_file_is_told_of_and_not_disturbed() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.keep_answers_back();
    let token = home.pi(["token", "anthropic"]).start();
    wait_for_grants(&sandbox, 1);
    let ended = offline(&home, &["--json"]).run();
    ended.exits(0);
    assert_eq!(findings(&ended), ["lock note", "lock note"], "the kernel's and the agent's");
    sandbox.let_answers_go();
    token.finish().exits(0);
    let after = offline(&home, &["--json"]).run();
    assert_eq!(findings(&after), [""; 0], "{after}");
}

#[test]
fn a_refresh_that_was_refused_a_moment_ago_is_told_with_its_wait() {
    let sandbox = sandbox();
    let (home, _) = Home::logged_in(&sandbox, Age::Expired);
    sandbox.fail_next(Fault::rate_limited(600));
    home.pi(["token", "anthropic"]).run().exits(1);
    let ended = home.pi(["doctor"]).run();
    ended.exits(0);
    assert!(ended.stdout.contains("It is tried again in 10 min."), "{ended}");
}

#[test]
fn a_variable_that_comes_before_a_login_is_told_and_one_that_does_not_is_fine() {
    let home = healthy();
    let with = |name: &str, value: &str| {
        offline(&home, &[]).env("ANTHROPIC_OAUTH_TOKEN", "canary").env(name, value)
    };
    for (value, code, says) in [
        ("store", 0, "✓ ANTHROPIC_OAUTH_TOKEN is set; what is stored comes before it"),
        ("env", 0, "! ANTHROPIC_OAUTH_TOKEN is used for Anthropic in place of the stored login"),
        ("both", 1, "✗ PI_AUTH_PREFER is `both`, which means nothing."),
    ] {
        let ended = with("PI_AUTH_PREFER", value).run();
        ended.exits(code);
        assert!(ended.stdout.contains(says), "{ended}");
        assert!(!ended.stdout.contains("canary"), "{ended}");
    }
}

#[test]
fn what_belongs_to_somebody_else_is_told_and_left_to_the_person() {
    if !rustix::process::geteuid().is_root() {
        crate::skipped("only root can give files away");
        return;
    }
    let home = healthy();
    chown(home.file(), Some(54_321), None).unwrap();
    set_mode(&home.file(), 0o644);
    let ended = offline(&home, &["--fix"]).run();
    ended.exits(1);
    assert!(ended.stdout.contains("ls -l ~/.pi/agent/auth.json"), "{ended}");
    assert!(
        !ended.stdout.contains("chown"),
        "what another user made is not to be adopted: {ended}"
    );
    assert_eq!(mode(&home.file()), 0o644, "it is not ours to change");
    // All of it is somebody's for whom root works.
    set_mode(&home.file(), 0o600);
    chown(home.agent_dir(), Some(54_321), None).unwrap();
    let ended = offline(&home, &["--json"]).run();
    ended.exits(0);
    assert_eq!(findings(&ended), ["owner note"], "{ended}");
}

/// `pi doctor --offline --json` as this user.
fn visit<'a>(home: &'a Home, user: &PlainUser) -> Pi<'a> {
    user.own(home.path());
    home.pi_as(user, &["doctor", "--offline", "--json"]).current_dir(Path::new("/"))
}

#[test]
fn a_user_who_may_not_look_or_write_is_told_so() {
    let user = or_skip!(PlainUser::find());
    let home = healthy();
    for (mode, told) in [
        // The overrides in it cannot be used either, which has no cause of its own.
        (0o000, "chmod 700 ~/.pi/agent"),
        (0o600, "chmod 700 ~/.pi/agent"),
        (0o300, "chmod 700 ~/.pi/agent"),
        (0o500, "Could not write ~/.pi/agent/auth.json: permission denied."),
    ] {
        set_mode(&home.agent_dir(), mode);
        let ended = visit(&home, &user).env_remove("PI_AUTH_PROVIDERS").run();
        ended.exits(1);
        assert_eq!(findings(&ended), ["directory problem"], "{mode:o} {ended}");
        assert!(ended.stdout.contains(told), "{mode:o} {ended}");
    }
    set_mode(&home.agent_dir(), 0o700);
    set_mode(&home.file(), 0o000);
    let ended = visit(&home, &user).run();
    ended.exits(1);
    assert_eq!(findings(&ended), ["file problem"], "{ended}");
    assert!(ended.stdout.contains("chmod 600 ~/.pi/agent/auth.json"), "{ended}");
    set_mode(&home.file(), 0o600);
    set_mode(&home.agent_dir(), 0o700);
    assert_eq!(findings(visit(&home, &user).run().exits(0)), [""; 0]);
}

#[test]
fn a_private_group_is_nobody_else() {
    let user = or_skip!(PlainUser::find());
    let home = healthy();
    set_mode(&home.agent_dir(), 0o770);
    for (mode, expected) in [(0o660, &[][..]), (0o664, &["permissions problem"])] {
        set_mode(&home.file(), mode);
        let ended = visit(&home, &user).run();
        assert_eq!(findings(&ended), expected, "{mode:o} {ended}");
    }
}

#[test]
fn a_user_without_a_home_is_told_so() {
    // The system would know of anybody else's.
    let user = or_skip!(PlainUser::nameless());
    let home = healthy();
    let homeless = visit(&home, &user).env_remove("HOME").env_remove("PI_CODING_AGENT_DIR");
    let ended = homeless.env_remove("PI_AUTH_PROVIDERS").run();
    ended.exits(1);
    assert_eq!(findings(&ended), ["directory problem"], "{ended}");
    assert!(ended.stdout.contains("There is no home directory."), "{ended}");
}

#[test]
fn another_pi_in_front_of_this_one_is_told() {
    let home = healthy();
    let ended = offline(&home, &[]).run();
    assert!(ended.stdout.contains("✓ No pi agent is further down PATH"), "{ended}");
    let agent = home.script("pi", "exit 0");
    let ended = offline(&home, &[]).run();
    ended.exits(0);
    let agent = agent.display();
    assert!(ended.stdout.contains(&format!("! `pi` starts {agent} here")), "{ended}");
    assert!(ended.stdout.contains(&format!("✓ The agent's own pi is {agent}")), "{ended}");
}

#[test]
fn at_a_terminal_it_is_coloured_and_wrapped_unless_that_is_refused() {
    let home = healthy();
    set_mode(&home.file(), 0o644);
    for (variables, tick) in [(&[][..], "\x1b[32m✓\x1b[0m "), (&[("NO_COLOR", "1")], "  ✓ ")] {
        let mut terminal = Terminal::run(&home, &["doctor", "--offline"], variables);
        terminal.see("1 problem. `pi doctor --fix` mends it.");
        terminal.exits(1);
        assert!(terminal.bytes().contains(tick), "{}", terminal.bytes());
        let wrapped = "on this\n    machine (mode 644).\n    Make it yours alone";
        assert!(terminal.screen().contains(wrapped), "{}", terminal.screen());
    }
}

#[test]
fn names_in_the_file_cannot_act_on_a_terminal() {
    let home = healthy();
    home.write("auth.json", r#"{"a\u001b[31mb":7}"#);
    // That no escape sequence is printed is asserted of every run.
    let ended = offline(&home, &[]).run();
    ended.exits(1);
    assert!(ended.stdout.contains("The entry `a[31mb`"), "{ended}");
}

#[test]
fn a_command_for_a_path_that_cannot_be_shown_as_it_is_is_not_given() {
    let home = healthy();
    for name in [&b"a\x1b[31mb"[..], b"a\xffb"] {
        let directory = home.path().join(std::ffi::OsStr::from_bytes(name));
        if fs::rename(home.agent_dir(), &directory).is_err() {
            crate::skipped("this file system takes names that are text only");
            return;
        }
        fs::write(directory.join("auth.json"), "{").unwrap();
        let doctor = || offline(&home, &["--json"]).env("PI_CODING_AGENT_DIR", &directory);
        let ended = doctor().run();
        ended.exits(1);
        assert_eq!(findings(&ended), ["file problem"], "{ended}");
        assert_eq!(object(&ended)["findings"][0].get("command"), None, "{ended}");
        fs::rename(&directory, home.agent_dir()).unwrap();
    }
}

#[test]
fn an_error_whose_cause_a_doctor_could_find_names_it() {
    let home = healthy();
    let hint = "`pi doctor`";
    home.pi(["token", "github-copilot"]).run().exits(4);
    home.write("auth.json", "{");
    let corrupt = home.pi(["token", "anthropic"]).run();
    assert!(!corrupt.exits(1).stderr.contains(hint), "it is said already: {corrupt}");
    fs::remove_file(home.file()).unwrap();
    fs::create_dir(home.agent_dir().join("auth.json")).unwrap();
    home.pi(["token", "anthropic"]).run().exits(1).says(hint);
    fs::remove_dir(home.agent_dir().join("auth.json")).unwrap();

    let expired = r#"{"anthropic":{"type":"oauth","refresh":"r","access":"a","expires":0}}"#;
    home.write("auth.json", expired);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/token");
    home.override_providers(&json!({ "anthropic": { "token_url": url } }).to_string());
    home.pi(["token", "anthropic"]).run().exits(1).says("could not connect").says(hint);
    let named = home.pi(["token", "anthropic"]).env_remove("PI_AUTH_PROVIDERS");
    let named = named.env("HTTPS_PROXY", format!("http://{closed}")).run();
    named.exits(1).says("did not open a way");
    assert!(!named.stderr.contains(hint), "it is said already: {named}");
}

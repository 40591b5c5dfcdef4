//! Nobody answers any more, or sees what is shown: a login ends by itself.

use std::fs;
use std::time::{Duration, Instant};

use pi_auth_tests::machine::faketime::Clock;
use pi_auth_tests::pi::{Home, binary};
use pi_auth_tests::robot;
use serde_json::json;

use crate::login::assert_logged_in;
use crate::sandbox;

/// Runs `pi` with a reader of its output that takes one line and goes away; gives the exit code.
fn read_by_one_who_goes_away(home: &Home, words: &str, output: &str) -> String {
    home.script("browser", "exit 0");
    let script = format!(
        "{{ '{}' {words} {output} < /dev/null; echo $? > \"$HOME/code\"; }} | read -r line",
        binary().display()
    );
    let shell = home.program("/bin/sh".as_ref(), ["-c", &script]);
    shell.env("BROWSER", home.bin().join("browser")).run();
    fs::read_to_string(home.path().join("code")).unwrap().trim().to_owned()
}

#[test]
fn without_input_a_login_whose_output_nobody_reads_ends_at_once() {
    let sandbox = sandbox();
    // The last event cannot be written, which is an error of its own.
    for (words, output, expected) in
        [("login anthropic", "2>&1", "130"), ("login anthropic --json", "2> /dev/null", "1")]
    {
        let home = Home::at(&sandbox);
        let began = Instant::now();
        let code = read_by_one_who_goes_away(&home, words, output);
        assert_eq!(code, expected, "{words}");
        assert!(began.elapsed() < Duration::from_secs(50), "{words}");
        assert!(!home.file().exists());
    }
}

#[test]
fn without_input_and_without_a_callback_a_login_ends_at_once() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    for words in [&["login", "anthropic", "--paste"][..], &["login", "anthropic", "--no-browser"]] {
        home.pi(words).browser("exit 0").run().exits(130).says("Cancelled.");
    }
}

#[test]
fn without_input_a_browser_is_waited_for_and_what_it_brings_counts() {
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    let mut pi = home.pi(["login", "anthropic"]).browser("exit 0").start();
    pi.close_stdin();
    let url = pi.authorize_url();
    pi.hear("that it waits", |stderr| stderr.find("Waiting for the browser for 10 minutes..."));
    robot::approve(&url).unwrap();
    pi.finish().exits(0);
    assert_logged_in(&home, &sandbox);
}

#[test]
fn without_input_a_login_ends_after_ten_minutes() {
    for json in [false, true] {
        let sandbox = sandbox();
        let home = Home::at(&sandbox);
        let clock = or_skip!(Clock::new(home.path().join("clock"), 0));
        let words =
            if json { &["login", "anthropic", "--json"][..] } else { &["login", "anthropic"] };
        let pi = home.pi(words).browser("exit 0");
        let environment = clock.environment().into_iter();
        let mut pi = environment.fold(pi, |pi, (name, value)| pi.env(name, value)).start();
        pi.close_stdin();
        let waits = |said: &str| said.find("Waiting for the browser for 10 minutes");
        if json {
            pi.read("that it waits", waits);
        } else {
            pi.hear("that it waits", waits);
        }
        assert!(pi.runs(), "{pi}");
        clock.set(601);
        let ended = pi.finish();
        ended.exits(1);
        match json {
            true => {
                let last = ended.events().pop().unwrap();
                assert_eq!(last["error"]["code"], json!("expired"), "{ended}");
            }
            false => drop(ended.says("No browser came back from Anthropic within 10 minutes")),
        }
        assert!(!home.file().exists());
    }
}

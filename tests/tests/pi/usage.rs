//! Words that mean nothing here, and help.

use pi_auth_tests::pi::Home;

#[test]
fn wrong_words_are_a_usage_error_and_print_no_result() {
    let home = Home::new();
    for (arguments, why) in [
        (&["login"][..], "login needs a provider: pi login anthropic"),
        (&["login", "nobody"], "Use one of: anthropic, github-copilot."),
        (&["login", "--json"], "<PROVIDER>"),
        (&["login", "anthropic", "more"], "more"),
        (&["login", "--nonsense"], "--nonsense"),
        (&["logout"], "logout needs a provider: pi logout anthropic"),
        (&["logout", "nobody"], "Use one of: anthropic, github-copilot."),
        (&["logout", "anthropic", "--all"], "--all"),
        (&["status", "more"], "more"),
        (&["token"], "<PROVIDER>"),
        (&["token", "nobody"], "Use one of: anthropic, github-copilot."),
        (&["token", "anthropic", "--min-validity", "soon"], "--min-validity"),
        (&["token", "anthropic", "--min-validity", "-5m"], "-5"),
        (&["token", "anthropic", "--min-validity"], "--min-validity"),
        (&["doctor", "anthropic"], "anthropic"),
        (&["completions", "cmd.exe"], "cmd.exe"),
    ] {
        home.pi(arguments).run().exits(2).prints("").says(why);
    }
    assert_eq!(home.names(), [""; 0], "nothing was made");
}

#[test]
fn help_is_a_result() {
    let home = Home::new();
    for (arguments, what) in [
        (&["login", "--help"][..], "--no-browser"),
        (&["logout", "-h"], "--all"),
        (&["token", "--help"], "--min-validity"),
        (&["status", "--help"], "--json"),
        (&["doctor", "--help"], "--fix"),
        (&["completions", "bash"], "complete"),
    ] {
        let ended = home.pi(arguments).run();
        ended.exits(0).is_quiet();
        assert!(ended.stdout.contains(what), "{ended}");
    }
}

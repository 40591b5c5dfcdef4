//! `node --test`, with a deadline.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pi_auth_tests::internet::Internet;
use pi_auth_tests::npm;
use pi_auth_tests::pi;
use pi_auth_tests::sandbox::{Config, Sandbox};

/// How long the tests of one file may take. None takes nearly as long unless it never ends.
const PATIENCE: Duration = Duration::from_secs(180);

/// Runs the tests of one file, at a sandbox and an internet of its own.
///
/// # Panics
/// When one of them fails, or the time is up; with what was said.
#[track_caller]
pub(crate) fn run(file: &str) {
    run_with(file, &[]);
}

/// The same with more variables.
///
/// # Panics
/// As above.
#[track_caller]
pub(crate) fn run_with(file: &str, variables: &[(&str, String)]) {
    let package = npm::package();
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let internet = Internet::start(&sandbox).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let said = scratch.path().join("said");
    let output = File::create(&said).unwrap();
    let mut node = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .arg(format!("test/{file}"))
        .current_dir(package)
        // A key, a proxy or a display of the person's own is no part of it.
        .env_clear()
        .envs(
            ["PATH", "HOME", "TMPDIR"]
                .iter()
                .filter_map(|name| std::env::var_os(name).map(|value| (name, value))),
        )
        .env("PI_AUTH_SANDBOX", sandbox.base_url())
        .env("PI_AUTH_TEST_PROXY", internet.proxy_url())
        .env("PI_AUTH_TEST_CA", internet.ca_pem_path())
        .env("PI_AUTH_ROBOT", env!("CARGO_BIN_EXE_pi-auth-sandbox"))
        .env("PI_AUTH_NATIVE", pi::binary())
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap_or_else(|error| panic!("node does not start ({error})"));
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = node.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > deadline {
            node.kill().unwrap();
            node.wait().unwrap();
            break None;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let said = fs::read_to_string(said).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{file}: {status:?}\n{said}");
    // Past the test runner, which shows only failures: each test, the counts, and what was skipped.
    for line in said.lines().map(str::trim_start) {
        let is_empty = line.ends_with(" 0");
        let is_told = line.starts_with(['✔', 'ℹ', '﹣']);
        if is_told && !is_empty && !line.contains("duration_ms") {
            std::io::stderr().write_all(format!("{file} {line}\n").as_bytes()).unwrap();
        }
    }
}

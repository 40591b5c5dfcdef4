//! The package's own tests, with a deadline.

use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use pi_auth_tests::internet::Internet;
use pi_auth_tests::npm;
use pi_auth_tests::pi;
use pi_auth_tests::sandbox::{Config, Sandbox};

use crate::runtime::Runtime;

/// How long the tests of one file may take. None takes nearly as long unless it never ends.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Keeps colours out of what a runtime prints, and a question for news from going out.
const QUIET: [(&str, &str); 2] = [("NO_COLOR", "1"), ("DENO_NO_UPDATE_CHECK", "1")];

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
    // The Node in PATH, whatever its version.
    run_test(Runtime::Node20, Path::new("node"), file, file, variables);
}

/// Runs them in a runtime that may be another than the Node in PATH.
///
/// # Panics
/// As above.
#[track_caller]
pub(crate) fn run_in(runtime: Runtime, file: &str) {
    let title = format!("{}/{file}", runtime.name());
    // Deno and Bun keep caches there.
    let scratch = tempfile::tempdir().unwrap();
    let home = ("HOME", scratch.path().to_str().unwrap().to_owned());
    match runtime.program() {
        Some(program) => run_test(runtime, &program, file, &title, &[home]),
        // As Node tells of a test that it leaves out.
        None => tell(&format!("{title} ﹣ all of it (0ms) # no build for this machine is pinned")),
    }
}

#[track_caller]
fn run_test(
    runtime: Runtime,
    program: &Path,
    file: &str,
    title: &str,
    variables: &[(&str, String)],
) {
    let package = npm::package();
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let internet = Internet::start(&sandbox).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let said = scratch.path().join("said");
    let output = File::create(&said).unwrap();
    let mut test = runtime.test(program);
    let inherited = ["PATH", "HOME", "TMPDIR"];
    let inherited = inherited.iter().filter_map(|name| env::var_os(name).map(|it| (name, it)));
    // A key, a proxy or a display of the person's own is no part of it.
    test.env_clear();
    let mut test = test
        .arg(format!("test/{file}"))
        .current_dir(package)
        .envs(inherited)
        .envs(QUIET)
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
        .unwrap_or_else(|error| panic!("{} does not start ({error})", program.display()));
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = test.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > deadline {
            test.kill().unwrap();
            test.wait().unwrap();
            break None;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let said = fs::read_to_string(said).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{title}: {status:?}\n{said}");
    // Past the test runner, which shows only failures: each test, the counts, and what was skipped.
    for line in said.lines().map(str::trim_start).filter_map(|line| runtime.as_node(line)) {
        let is_empty = line.ends_with(" 0");
        let is_told = line.starts_with(['✔', 'ℹ', '﹣']);
        if is_told && !is_empty && !line.contains("duration_ms") {
            tell(&format!("{title} {line}"));
        }
    }
}

fn tell(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

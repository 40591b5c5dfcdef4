//! Running a job to its end, with signals heeded where nothing can be lost.

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use pi_auth::{Auth, Error, Stop};
use tokio::signal::unix::{SignalKind, signal};

use crate::{output, process};

/// How long a job may take to stop before the person is told why it still runs.
const PATIENCE: Duration = Duration::from_millis(300);

/// The credential file of this user, and the switch that signals will turn. `core` is the module
/// that decides, if it is not this program.
///
/// # Errors
/// As [`Auth::from_env`], and where the module cannot be used.
pub(crate) fn auth(core: Option<&Path>) -> Result<(Auth, Stop), Error> {
    let stop = Stop::default();
    let auth = Auth::from_env()?.stopped_by(stop.clone());
    Ok((with_core(auth, core)?, stop))
}

#[cfg(feature = "wasm-core")]
fn with_core(auth: Auth, core: Option<&Path>) -> Result<Auth, Error> {
    match core {
        Some(file) => Ok(auth.with_core(pi_auth::WasmCore::load(file)?)),
        None => Ok(auth),
    }
}

/// Without the feature no command line names a module.
#[cfg(not(feature = "wasm-core"))]
fn with_core(auth: Auth, _: Option<&Path>) -> Result<Auth, Error> {
    Ok(auth)
}

/// Runs `job` on a runtime of its own. SIGINT, SIGTERM and SIGHUP ask it to stop.
///
/// A job that was asked to stop too late still gives its result, which is to be told: what has
/// happened has happened. The exit code is [`exit_code`]'s.
pub(crate) fn run<T>(stop: &Stop, job: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    process::check_descriptors()
        .map_err(|_| Error::System { what: "more open files (see `ulimit -n`)" })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| Error::System { what: "event queue" })?;
    let result = runtime.block_on(async {
        heed_signals(stop)?;
        job.await
    });
    // A thread may still wait for a line that never comes.
    runtime.shutdown_background();
    if result.is_ok() && stop.is_asked() {
        output::say("What was under way has been finished first.\n");
    }
    result
}

/// The same for a job whose result is of no use to somebody who wanted to stop.
pub(crate) fn run_unless_stopped<T>(
    stop: &Stop,
    job: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    run(stop, job).and_then(|result| match stop.is_asked() {
        true => Err(Error::Cancelled),
        false => Ok(result),
    })
}

/// The exit code of a job that gave a result: what the person wanted last was to stop.
pub(crate) fn exit_code(stop: &Stop) -> ExitCode {
    match stop.is_asked() {
        true => output::exit_code(&Error::Cancelled),
        false => ExitCode::SUCCESS,
    }
}

/// Has the handlers in place when it returns: a job may send its request before it first waits.
fn heed_signals(stop: &Stop) -> Result<(), Error> {
    process::survive_file_size_limit().map_err(|_| Error::System { what: "signal handlers" })?;
    let listen = |kind| signal(kind).map_err(|_| Error::System { what: "signal handlers" });
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    // `nohup` means that a job goes on without its terminal.
    let mut hang_up = match hang_up_is_ignored() {
        true => None,
        false => Some(listen(SignalKind::hangup())?),
    };
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Some(_) = async { hang_up.as_mut()?.recv().await } => {}
        }
        stop.now();
        tokio::time::sleep(PATIENCE).await;
        output::say("Stopping as soon as the provider's answer is stored...\n");
        // Further signals change nothing: the handlers stay in place.
        std::future::pending::<()>().await;
    });
    Ok(())
}

/// Returns whether SIGHUP was ignored when this process began. Only Linux tells without unsafe
/// code.
fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|m| m & 1 == 1)
}

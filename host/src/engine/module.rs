//! A core in a WebAssembly module: read from a file, compiled, and run under limits.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use pi_auth_core::error::{Code, Error};
use pi_auth_core::flow::{Effect, Event, Objection, Output, Request, Witness};
use pi_auth_core::http::url::Url;
use pi_auth_core::json::{from_str, to_string};
use pi_auth_core::secret::Secret;
use pi_auth_core::text::plain;
use serde::{Deserialize, Serialize};
use wasmtime::{Config, Engine, Module, OptLevel};

use super::instance::{Instance, check, reason};

/// The largest file that is compiled, in bytes (4 MiB): many times what the core needs.
const MAX_MODULE_BYTES: u64 = 4 << 20;
/// The most effects that a flow may ask for. A day of polling for a device takes less than half.
const MAX_STEPS: u32 = 100_000;

/// A core in a WebAssembly module.
///
/// It gets 64 MiB of memory and a bounded number of instructions for each step, and it can reach
/// nothing: no file, no socket, no clock. Requests, pages and base URLs that lead elsewhere than
/// the provider's data says end the job. But it is told every secret, and it says what is written
/// to the credential file; one that fails between a provider's answer and the file takes the answer
/// with it. It deserves the trust that this library has.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct WasmCore(Arc<Compiled>);

struct Compiled {
    /// Where it came from, as it is shown to people.
    name: String,
    module: Module,
}

impl WasmCore {
    /// Compiles the module in a file, which takes a moment: near a millisecond per KiB.
    ///
    /// # Errors
    /// [`Error::Reported`] for a file that cannot be read, is no module, or is one that wants
    /// imports, misses an export, or speaks another version of the ABI.
    pub fn load(file: &Path) -> Result<Self, Error> {
        let name = plain(&file.display().to_string());
        let unusable = |why: String| unusable(&name, &why);
        let mut bytes = Vec::new();
        File::open(file)
            .and_then(|file| file.take(MAX_MODULE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| unusable(plain(&error.to_string())))?;
        if bytes.len() as u64 > MAX_MODULE_BYTES {
            return Err(unusable("it is larger than 4 MiB".into()));
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(unusable("it is no WebAssembly module".into()));
        }
        let module = Engine::new(&config())
            .and_then(|engine| Module::from_binary(&engine, &bytes))
            .map_err(|error| unusable(format!("it does not compile: {}", reason(&error))))?;
        check(&module).map_err(unusable)?;
        let core = WasmCore(Arc::new(Compiled { name, module }));
        // Asks for the version of the ABI.
        core.instantiate()?;
        Ok(core)
    }

    /// The module with memory of its own, in which nothing has happened yet: for whoever wants to
    /// speak to it in JSON. [`Auth`](crate::Auth) needs no such thing.
    ///
    /// # Errors
    /// [`Error::Reported`] where the module fails.
    pub fn instantiate(&self) -> Result<Instance, Error> {
        Instance::new(&self.0.module).map_err(|why| self.unusable(&why))
    }

    /// Begins a job.
    pub(crate) fn start(&self, request: &Request) -> (ModuleFlow, Effect) {
        let mut flow = ModuleFlow {
            core: self.clone(),
            state: State::Ended,
            is_result: result_of(request),
            witness: Witness::new(request),
            steps_left: MAX_STEPS,
        };
        let effect = flow.begin(request).unwrap_or_else(|error| flow.fail(error));
        (flow, effect)
    }

    fn unusable(&self, why: &str) -> Error {
        unusable(&self.0.name, why)
    }
}

impl fmt::Debug for WasmCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WasmCore").field(&self.0.name).finish()
    }
}

/// One job of a core in a module.
pub(crate) struct ModuleFlow {
    core: WasmCore,
    state: State,
    /// Returns whether the flow can end with this.
    is_result: fn(&Output) -> bool,
    /// Origins that the linked core allows for requests.
    witness: Witness,
    steps_left: u32,
}

enum State {
    /// An instance of its own: what one job does to the memory, no other job sees.
    Running {
        instance: Box<Instance>,
        handle: u32,
        /// True if it holds what exists nowhere else.
        critical: bool,
    },
    Ended,
}

/// What a module answers; see the crate `pi-auth-wasm`. Without an effect it has not taken what was
/// said to it.
#[derive(Deserialize)]
struct Answer {
    handle: Option<u32>,
    #[serde(default)]
    critical: bool,
    effect: Effect,
}

impl ModuleFlow {
    pub(crate) fn step(&mut self, event: &Event, now_ms: u64) -> Effect {
        self.go_on(event, now_ms).unwrap_or_else(|error| self.fail(error))
    }

    pub(crate) fn is_critical(&self) -> bool {
        matches!(self.state, State::Running { critical: true, .. })
    }

    fn begin(&mut self, request: &Request) -> Result<Effect, Error> {
        let mut instance = Box::new(self.core.instantiate()?);
        let answer = instance.start(json(request).expose());
        self.take(instance, answer)
    }

    fn go_on(&mut self, event: &Event, now_ms: u64) -> Result<Effect, Error> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => Err(self.core.unusable("its flow has ended")),
            State::Running { .. } if self.steps_left == 0 => {
                Err(self.core.unusable("its flow comes to no end"))
            }
            State::Running { mut instance, handle, .. } => {
                self.steps_left -= 1;
                self.witness.hear(event);
                let answer = instance.step(handle, json(event).expose(), now_ms);
                self.take(instance, answer)
            }
        }
    }

    fn take(
        &mut self,
        instance: Box<Instance>,
        answer: Result<Secret, String>,
    ) -> Result<Effect, Error> {
        let answer = answer.map_err(|why| self.core.unusable(&why))?;
        let not_understood = |why| {
            self.core.unusable(&format!("it and this program do not understand each other ({why})"))
        };
        let Answer { handle, critical, effect } =
            from_str(answer.expose()).map_err(not_understood)?;
        if matches!(&effect, Effect::Done { output } if !(self.is_result)(output)) {
            return Err(self.core.unusable("it gives the result of something else"));
        }
        if let Some(objection) = self.witness.objection(&effect) {
            return Err(self.core.unusable(&describe(&objection)));
        }
        match handle {
            Some(handle) if !effect.is_last() => {
                self.state = State::Running { instance, handle, critical };
            }
            None if effect.is_last() => {}
            _ => return Err(self.core.unusable("it does not say whether the flow has ended")),
        }
        Ok(effect)
    }

    fn fail(&mut self, error: Error) -> Effect {
        self.state = State::Ended;
        Effect::Failed { error }
    }
}

/// Returns what a module did that it must not do.
fn describe(objection: &Objection<'_>) -> String {
    match objection {
        Objection::Address(url) => {
            format!("it leads to {}, which no setting of the provider names", host(url))
        }
        Objection::Code => "it shows a code that the provider did not send".into(),
        Objection::NotALogin => "it begins a login that nobody asked for".into(),
        // One that is newer than this file.
        _ => "it does what this program does not do".into(),
    }
}

/// What a flow with this request can end with.
fn result_of(request: &Request) -> fn(&Output) -> bool {
    match request {
        Request::Login(_) => |it| matches!(it, Output::LoggedIn { .. }),
        Request::Logout(_) => |it| matches!(it, Output::LoggedOut { .. }),
        Request::Token(_) => |it| matches!(it, Output::Token { .. }),
        Request::Headers(_) => |it| matches!(it, Output::Headers { .. }),
        Request::Status(_) => |it| matches!(it, Output::Status(_)),
        Request::ReadCredential(_) => |it| matches!(it, Output::Credential { .. }),
        Request::WriteCredential(_) => |it| matches!(it, Output::CredentialWritten { .. }),
        // One that is newer than this file: the caller looks for itself.
        _ => |_| true,
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        // Of what WebAssembly has become since, what the core does not use need not be trusted
        // here.
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .wasm_tail_call(false)
        // It is compiled at every start and runs for milliseconds: quick to compile beats quick.
        .cranelift_opt_level(OptLevel::None)
        // Nobody could read them: the module has no names.
        .wasm_backtrace_max_frames(None);
    config
}

/// Returns the host of an address that a module made up, fit to be shown.
fn host(url: &str) -> String {
    match Url::parse(url) {
        Some(url) => plain(url.host),
        None => "no address".into(),
    }
}

/// As JSON; it may hold secrets.
fn json(value: &impl Serialize) -> Secret {
    Secret::new(to_string(value))
}

fn unusable(name: &str, why: &str) -> Error {
    Error::Reported {
        code: Code::BadInput,
        message: format!("The core in {name} cannot be used: {why}."),
        advice: "Leave --core out, or give it the pi_auth.wasm of this version.".into(),
    }
}

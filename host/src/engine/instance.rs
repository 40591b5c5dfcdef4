//! A module at work, by its raw door: see the crate `pi-auth-wasm` for the ABI.

use pi_auth_core::secret::Secret;
use pi_auth_core::text::plain;
use wasmtime::{
    ExternType, Memory, Module, ResourceLimiter, Store, Trap, TypedFunc, WasmParams, WasmResults,
};

/// How much memory an instance may have, in bytes (64 MiB): the largest file there may be takes
/// less than a tenth of it.
const MAX_MEMORY_BYTES: usize = 64 << 20;
/// How many entries a table may have: some for each function.
const MAX_TABLE_ENTRIES: usize = 100_000;
/// How many instructions a call may take, which is seconds: the largest file there may be takes
/// less than a hundredth of it.
const FUEL: u64 = 10_000_000_000;
/// The longest answer that is read, in bytes (16 MiB).
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// The version of the ABI.
const VERSION: u32 = 1;

/// A module with memory of its own, which speaks JSON.
///
/// It has what is left of a job in its memory; that is wiped when it is dropped.
pub struct Instance {
    store: Store<Limits>,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    free: TypedFunc<u32, ()>,
    start: TypedFunc<(u32, u32), u64>,
    step: TypedFunc<(u32, u32, u32, u64), u64>,
    give_up: TypedFunc<u32, ()>,
}

/// Returns whether a module is one that can be instantiated here; if not, why.
pub(super) fn check(module: &Module) -> Result<(), String> {
    if let Some(import) = module.imports().next() {
        let (of, name) = (plain(import.module()), plain(import.name()));
        return Err(format!("it wants to import `{name}` of `{of}`, and gets nothing"));
    }
    match module.get_export("memory") {
        Some(ExternType::Memory(memory)) if !memory.is_64() && !memory.is_shared() => Ok(()),
        _ => Err("it exports no `memory`".into()),
    }
}

/// Why it failed, for people.
pub(super) fn reason(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "it takes too long".into(),
        Some(Trap::StackOverflow) => "it calls itself too often".into(),
        Some(trap) => format!("it has failed ({trap})"),
        None => plain(error.root_cause().to_string().lines().next().unwrap_or_default()),
    }
}

/// Every failure is told as what is wrong with the module.
impl Instance {
    pub(super) fn new(module: &Module) -> Result<Self, String> {
        let mut store = Store::new(module.engine(), Limits);
        store.limiter(|limits| limits);
        refuel(&mut store)?;
        let instance = wasmtime::Instance::new(&mut store, module, &[]);
        let instance = instance.map_err(|error| reason(&error))?;
        let version: TypedFunc<(), u32> = export(&instance, &mut store, "raw_version")?;
        let version = call(&mut store, &version, ())?;
        if version != VERSION {
            return Err(format!(
                "it speaks version {version} of the interface, this program version {VERSION}"
            ));
        }
        Ok(Instance {
            memory: instance.get_memory(&mut store, "memory").ok_or("it exports no `memory`")?,
            alloc: export(&instance, &mut store, "raw_alloc")?,
            free: export(&instance, &mut store, "raw_free")?,
            start: export(&instance, &mut store, "raw_start")?,
            step: export(&instance, &mut store, "raw_step")?,
            give_up: export(&instance, &mut store, "raw_drop")?,
            store,
        })
    }

    /// Begins a flow; request and answer are JSON.
    ///
    /// # Errors
    /// What is wrong with the module, in words that follow on "it cannot be used:".
    pub fn start(&mut self, request: &str) -> Result<Secret, String> {
        let (at, len) = self.lend(request)?;
        let answer = call(&mut self.store, &self.start, (at, len))?;
        self.take_back(at, answer)
    }

    /// Hands an event over; event and answer are JSON. `now_ms` is in epoch milliseconds.
    ///
    /// # Errors
    /// As [`Instance::start`].
    pub fn step(&mut self, handle: u32, event: &str, now_ms: u64) -> Result<Secret, String> {
        let (at, len) = self.lend(event)?;
        let answer = call(&mut self.store, &self.step, (handle, at, len, now_ms))?;
        self.take_back(at, answer)
    }

    /// Gives a flow up.
    ///
    /// # Errors
    /// As [`Instance::start`].
    pub fn give_up(&mut self, handle: u32) -> Result<(), String> {
        call(&mut self.store, &self.give_up, handle)
    }

    /// Writes a text into a buffer of the module's: its address, and its length.
    fn lend(&mut self, text: &str) -> Result<(u32, u32), String> {
        let len = u32::try_from(text.len()).map_err(|_| "it cannot be told that much")?;
        let at = call(&mut self.store, &self.alloc, len)?;
        if at == 0 {
            return Err("it has no room for what it is told".into());
        }
        let written = self.memory.write(&mut self.store, at as usize, text.as_bytes());
        written.map_err(|_| "it lends memory that it has not got")?;
        Ok((at, len))
    }

    /// Reads an answer out of its buffer, and gives back both buffers.
    fn take_back(&mut self, asked: u32, answer: u64) -> Result<Secret, String> {
        let (at, len) = ((answer >> 32) as u32, answer as u32 as usize);
        if len > MAX_ANSWER_BYTES {
            return Err("it answers more than 16 MiB".into());
        }
        let bytes = self.memory.data(&self.store).get(at as usize..).and_then(|it| it.get(..len));
        let text = str::from_utf8(bytes.ok_or("its answer is not in its memory")?);
        let text = Secret::new(text.map_err(|_| "its answer is no text")?);
        for buffer in [asked, at] {
            call(&mut self.store, &self.free, buffer)?;
        }
        Ok(text)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.memory.data_mut(&mut self.store).fill(0);
    }
}

/// One memory of a bounded size, and nothing that grows without end.
struct Limits;

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        _: usize,
        wanted: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Not `false`, from which the module could only go on to some confusion of its own.
        wasmtime::ensure!(wanted <= MAX_MEMORY_BYTES, "it wants more than 64 MiB of memory");
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        wanted: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        wasmtime::ensure!(wanted <= MAX_TABLE_ENTRIES, "it wants a table that is too large");
        Ok(true)
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        4
    }
}

fn export<P: WasmParams, R: WasmResults>(
    instance: &wasmtime::Instance,
    store: &mut Store<Limits>,
    name: &str,
) -> Result<TypedFunc<P, R>, String> {
    let function = instance.get_typed_func(store, name);
    function.map_err(|_| format!("it exports no `{name}`, or not the one that is meant"))
}

fn call<P: WasmParams, R: WasmResults>(
    store: &mut Store<Limits>,
    function: &TypedFunc<P, R>,
    arguments: P,
) -> Result<R, String> {
    refuel(store)?;
    function.call(store, arguments).map_err(|error| reason(&error))
}

fn refuel(store: &mut Store<Limits>) -> Result<(), String> {
    store.set_fuel(FUEL).map_err(|error| reason(&error))
}

//! Calls of the module, a line each, as a host makes them at the raw door: through buffers that it
//! has been lent. The module is the one that is compiled for WebAssembly, without its allocator.
//!
//! | line | what is called |
//! |---|---|
//! | `start JSON`, `call JSON` | these, with the text in a buffer of its own |
//! | `step HANDLE JSON`, `fit HANDLE` | a step with this event, or with one that fits |
//! | `drop HANDLE`, `time MS` | a flow is given up; the clock stands at |
//! | `alloc LEN`, `free N` | a buffer is asked for; the N-th of those that were lent, or what is none, is given back |
//! | `at N LEN` | all three, with the first bytes of that buffer |

use std::collections::BTreeMap;

use pi_auth_core::flow::Effect;
use pi_auth_core::json::{from_str, to_string};
use pi_auth_wasm::buffers::MAX_BYTES;
use pi_auth_wasm::module::{Lent, Module};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::input;
use crate::world::NOW_MS;

/// Checks one input.
pub fn check(data: &[u8]) {
    transcript(data);
}

/// A call that needs no buffer kept, and its answer, where there is one.
#[derive(Debug)]
pub struct Exchange {
    /// As `tests/conformance/run.mjs` takes it.
    pub call: Value,
    /// To the byte.
    pub answer: Option<String>,
}

/// The same, and what was said: by this the module itself is held to what is compiled natively.
pub fn transcript(data: &[u8]) -> Vec<Exchange> {
    let text = input::text(data);
    let mut host = Host { now_ms: NOW_MS, ..Host::default() };
    for line in text.lines() {
        host.call(line);
        assert_eq!(host.module.registry.len(), host.flows.len(), "flows");
        assert_eq!(host.module.buffers.len(), host.lent.len(), "buffers");
    }
    for (address, _) in host.lent {
        host.module.buffers.take_back(address);
    }
    for handle in host.flows.keys() {
        host.module.registry.drop(*handle);
    }
    assert!(host.module.buffers.is_empty() && host.module.registry.is_empty());
    host.said
}

/// A host, and what it knows of the module.
#[derive(Default)]
struct Host {
    module: Module,
    now_ms: u64,
    /// The flows under way, with the kind of their last effect.
    flows: BTreeMap<u32, String>,
    /// The last handle.
    last: u32,
    /// The buffers that are kept, with their lengths.
    lent: Vec<Lent>,
    said: Vec<Exchange>,
}

/// What an answer may be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer<'a> {
    handle: Option<u32>,
    critical: Option<bool>,
    #[serde(borrow)]
    effect: Option<&'a RawValue>,
    value: Option<IgnoredAny>,
    error: Option<Problem<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Problem<'a> {
    code: &'a str,
    message: String,
    advice: String,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

impl Host {
    fn call(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        let number = first.parse::<usize>().unwrap_or(usize::MAX);
        let handle = u32::try_from(number).unwrap_or(u32::MAX);
        match word {
            "start" => {
                self.with(rest, json!({ "start": rest }), Module::start, Self::started);
            }
            "call" => self.with(rest, json!({ "call": rest }), Module::call, Self::called),
            "step" => self.step(handle, second),
            "fit" => self.step(handle, self.flows.get(&handle).map_or("", |kind| fitting(kind))),
            "drop" => {
                self.module.registry.drop(handle);
                self.flows.remove(&handle);
                self.said.push(Exchange { call: json!({ "drop": handle }), answer: None });
            }
            "time" => self.now_ms = first.parse().unwrap_or(NOW_MS),
            "alloc" => self.alloc(number),
            "free" => match number.checked_rem(self.lent.len()) {
                Some(at) if number < MAX_BYTES => {
                    let (address, _) = self.lent.swap_remove(at);
                    self.module.buffers.take_back(address);
                }
                _ => self.module.buffers.take_back(number),
            },
            "at" => self.at(number, second.parse().unwrap_or(usize::MAX)),
            _ => {}
        }
    }

    fn step(&mut self, handle: u32, event: &str) {
        let now_ms = self.now_ms;
        self.with(
            event,
            // Of a number, JavaScript would not keep every digit.
            json!({ "step": event, "handle": handle, "now_ms": now_ms.to_string() }),
            |module, address, len| module.step(handle, address, len, now_ms),
            |host, answer| host.stepped(handle, answer),
        );
    }

    fn alloc(&mut self, len: usize) {
        // What a whole machine has is not for a test to take.
        let sum: usize = self.lent.iter().map(|(_, len)| len).sum();
        if len <= MAX_BYTES && sum + len > 2 * MAX_BYTES {
            return;
        }
        match self.module.buffers.lend(len) {
            None => assert!(len > MAX_BYTES, "no room for {len} bytes"),
            Some(address) => {
                assert!(len <= MAX_BYTES);
                let bytes = self.module.buffers.bytes_mut(address).expect("it was lent");
                assert!(bytes.len() == len.max(1) && bytes.iter().all(|byte| *byte == 0));
                bytes.copy_from_slice(&b"{\"type\":\"status\"}".repeat(len / 17 + 1)[..len.max(1)]);
                self.lent.push((address, len.max(1)));
            }
        }
    }

    /// Calls with a buffer that may be shorter, or none.
    fn at(&mut self, number: usize, len: usize) {
        let at = number.checked_rem(self.lent.len()).filter(|_| number < MAX_BYTES);
        let (address, lent) = at.map_or((number, 0), |at| self.lent[at]);
        let given = self.module.buffers.text(address, len).map(str::to_owned);
        let module = &mut self.module;
        let answers = [
            module.start(address, len),
            module.call(address, len),
            module.step(u32::MAX, address, len, self.now_ms),
        ];
        for (at, answer) in answers.into_iter().enumerate() {
            let text = self.taken(answer);
            let answer = read(&text);
            assert!(len <= lent || answer.error.is_some(), "what was not lent is read: {text}");
            // What it begins, what comes after it goes on with.
            if let (0, None, Some(given)) = (at, &answer.error, &given) {
                let call = json!({ "start": given });
                self.said.push(Exchange { call, answer: Some(text.clone()) });
            }
            match at {
                0 => self.started(&answer),
                1 => self.called(&answer),
                _ => self.stepped(u32::MAX, &answer),
            }
        }
    }

    /// Calls with a text, and looks at the answer.
    fn with(
        &mut self,
        text: &str,
        said: Value,
        call: impl FnOnce(&mut Module, usize, usize) -> Lent,
        then: impl FnOnce(&mut Self, &Answer<'_>),
    ) {
        let address = self.module.buffers.lend(text.len()).expect("there is room");
        let bytes = self.module.buffers.bytes_mut(address).expect("it was lent");
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let answer = call(&mut self.module, address, text.len());
        self.module.buffers.take_back(address);
        let answer = self.taken(answer);
        then(self, &read(&answer));
        self.said.push(Exchange { call: said, answer: Some(answer) });
    }

    /// The text of an answer, whose buffer is given back.
    fn taken(&mut self, (address, len): Lent) -> String {
        let text = self.module.buffers.text(address, len).expect("an answer is lent").to_owned();
        self.module.buffers.take_back(address);
        text
    }

    fn started(&mut self, answer: &Answer<'_>) {
        let Some(kind) = turn(answer) else { return };
        if let Some(handle) = answer.handle {
            assert!(handle > self.last, "a handle is used twice");
            self.last = handle;
            self.flows.insert(handle, kind);
        }
    }

    fn stepped(&mut self, handle: u32, answer: &Answer<'_>) {
        let Some(kind) = turn(answer) else { return };
        assert!(self.flows.contains_key(&handle), "a flow that is over goes on");
        match answer.handle {
            Some(same) => {
                assert_eq!(same, handle);
                self.flows.insert(handle, kind);
            }
            None => drop(self.flows.remove(&handle)),
        }
    }

    fn called(&mut self, answer: &Answer<'_>) {
        assert!(answer.value.is_some() != answer.error.is_some());
        assert!(answer.effect.is_none() && answer.handle.is_none() && answer.critical.is_none());
    }
}

/// An answer, which is JSON whatever the call was.
fn read(text: &str) -> Answer<'_> {
    let answer: Answer<'_> =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    if let Some(Problem { code, message, advice }) = &answer.error {
        assert!(*code == "bad_input" && !message.is_empty() && !advice.is_empty());
        assert!(answer.effect.is_none() && answer.handle.is_none() && answer.value.is_none());
    }
    answer
}

/// The kind of the effect in an answer, if it is no error. A host that reads the effect loses
/// nothing.
fn turn(answer: &Answer<'_>) -> Option<String> {
    if answer.error.is_some() {
        return None;
    }
    let effect = answer.effect.expect("neither an effect nor an error").get();
    let read: Effect = from_str(effect).unwrap_or_else(|error| panic!("{error}: {effect}"));
    assert_eq!(to_string(&read), effect, "a host reads something else");
    let Kind { r#type: kind } = serde_json::from_str(effect).expect("an effect has a type");
    assert_eq!(read.is_last(), matches!(kind.as_str(), "done" | "failed"));
    assert_eq!(answer.handle.is_none(), read.is_last(), "a handle is there until the end");
    assert!(!(answer.critical.expect("it says whether") && read.is_last()));
    Some(kind)
}

/// An event that fits an effect of this kind.
fn fitting(kind: &str) -> &'static str {
    match kind {
        "read_overrides" => r#"{"type":"overrides_read","path":"o","contents":null}"#,
        "read_store" | "probe_store" => {
            r#"{"type":"store_read","path":"s","contents":"{\"anthropic\":{\"type\":\"oauth\",\"refresh\":\"r\",\"access\":\"a\",\"expires\":1}}"}"#
        }
        "lock_store" => r#"{"type":"locked"}"#,
        "unlock_store" => r#"{"type":"unlocked"}"#,
        "write_store" => r#"{"type":"written"}"#,
        "read_backoff" => r#"{"type":"backoff_read","contents":null}"#,
        "write_backoff" => r#"{"type":"backoff_written"}"#,
        "read_variable" => r#"{"type":"variable","value":null}"#,
        "listen" => r#"{"type":"listening","port":1}"#,
        "authorize" => r#"{"type":"pasted","text":"code"}"#,
        "select" => r#"{"type":"chosen","index":0}"#,
        "confirm" => r#"{"type":"confirmed","yes":true}"#,
        "prompt" => r#"{"type":"answered","text":""}"#,
        "show_code" => r#"{"type":"shown"}"#,
        "http" => {
            r#"{"type":"response","status":200,"body":"{\"access_token\":\"n\",\"token\":\"t\",\"expires_at\":1700001800,\"device_code\":\"d\",\"user_code\":\"u\",\"verification_uri\":\"https://h/\",\"data\":[]}"}"#
        }
        _ => r#"{"type":"woke"}"#,
    }
}

//! Answers as JSON.

use alloc::format;
use alloc::string::String;

use pi_auth_core::flow::Effect;
use pi_auth_core::json::{Fields, NotRead, Object, ToJson, to_string};

/// What is wrong with a call. None of its words come from what was sent.
pub(crate) struct Problem {
    message: String,
    advice: &'static str,
}

impl Problem {
    /// JSON that is none, or does not say what it should. `what` is what it should be.
    pub(crate) fn json(what: &str, error: NotRead) -> Self {
        let message = format!("This is not {what}: {error}.");
        Problem { message, advice: "Mend the program that made it." }
    }

    pub(crate) fn handle(handle: u32) -> Self {
        let message =
            format!("There is no flow {}: it has ended, or never began.", u64::from(handle));
        Problem { message, advice: "Start a new one." }
    }

    pub(crate) fn buffer() -> Self {
        let message = "This is no buffer that was lent, or it is no UTF-8.".into();
        Problem { message, advice: "Ask for one with raw_alloc." }
    }
}

impl Fields for Problem {
    fn put(&self, object: &mut Object<'_>) {
        object.put("code", &"bad_input");
        object.put("message", &self.message);
        object.put("advice", &self.advice);
    }
}

/// What `start` and `step` answer.
pub(crate) fn turn(handle: Option<u32>, critical: bool, effect: &Effect) -> String {
    struct Turn<'a>(Option<u32>, bool, &'a Effect);

    impl Fields for Turn<'_> {
        fn put(&self, object: &mut Object<'_>) {
            let Turn(handle, critical, effect) = self;
            if let Some(handle) = handle {
                object.put("handle", handle);
            }
            object.put("critical", critical);
            object.put("effect", *effect);
        }
    }

    to_string(&Turn(handle, critical, effect))
}

/// What `call` answers.
pub(crate) fn value(value: &dyn ToJson) -> String {
    to_string(&Only("value", value))
}

/// What anything answers to a call that is wrong.
pub(crate) fn problem(problem: &Problem) -> String {
    to_string(&Only("error", problem))
}

/// An object of one member.
struct Only<'a>(&'static str, &'a dyn ToJson);

impl Fields for Only<'_> {
    fn put(&self, object: &mut Object<'_>) {
        object.put(self.0, self.1);
    }
}

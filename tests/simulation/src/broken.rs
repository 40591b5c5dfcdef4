//! What a host does wrong when it is broken on purpose, where the mistake is in what a flow is told
//! or in what becomes of what it says.

use std::rc::Rc;

use serde_json::Value;

use crate::mind::Mind;
use crate::mutation::Mutation;
use crate::odd;
use crate::process::End;
use crate::provider::{Answer, Rotation};
use crate::told::Told;
use crate::world::World;

impl<M: Mind> World<M> {
    /// What a flow is told, in a host that hears well; in others, something else.
    pub(crate) fn misheard(&mut self, pid: usize, told: Told) -> Told {
        let Some(mutation) = self.setup.mutation else { return told };
        if let (Mutation::DropOddAnswer, Told::Answer(Answer::Http { status: 200, body, .. })) =
            (mutation, &told)
            && !odd::is_plain(body)
        {
            return Told::Answer(Answer::Broken);
        }
        let Told::Read(name, text) = &told else { return told };
        let process = &mut self.processes[pid];
        let is_held = process.held.is_some();
        match (mutation, &process.first_read, &process.last_read) {
            (Mutation::NoSecondRead, Some(first), _) if is_held && !process.has_sent => {
                first.clone()
            }
            (Mutation::NoReadBeforeWrite, _, Some(last)) if is_held && process.has_sent => {
                last.clone()
            }
            (Mutation::CorruptIsEmpty, _, _)
                if text.as_ref().is_some_and(|it| serde_json::from_str::<Value>(it).is_err()) =>
            {
                Told::Read(*name, Some("{}".into()))
            }
            _ => {
                process.first_read.get_or_insert(told.clone());
                process.last_read = Some(told.clone());
                told
            }
        }
    }

    /// What is written of what a flow wants to have written.
    pub(crate) fn miswritten(&self, pid: usize, contents: &str) -> Rc<str> {
        let forgets = self.is(Mutation::ForgetRefreshToken)
            && self.processes[pid].job.wants_token()
            && self.setup.rotation == Rotation::Omits;
        match serde_json::from_str::<Value>(contents) {
            Ok(file) if self.is(Mutation::WriteAnew) => file.to_string().into(),
            Ok(mut file) if forgets => {
                file["anthropic"]["refresh"] = "".into();
                file.to_string().into()
            }
            _ => contents.into(),
        }
    }

    /// Deletes a login that could not be refreshed.
    pub(crate) fn delete_login(&mut self, pid: usize) {
        let (name, account) = (self.disk.name(), self.processes[pid].job.account());
        let text = self.disk.text(name).unwrap_or_else(|| "{}".into());
        if let Ok(Value::Object(mut file)) = serde_json::from_str(&text)
            && file.remove(account.id()).is_some()
        {
            let text = Value::Object(file).to_string();
            self.check_write(pid, name, &text, false);
            self.disk.replace(name, text.into(), true);
        }
    }

    /// Gives up, whatever the flow would do.
    pub(crate) fn give_up(&mut self, pid: usize) {
        self.leave(pid, End::Failed("store_unavailable", String::from("gave up")));
    }
}

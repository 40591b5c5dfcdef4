//! The files of the agent's directory as a flow reads them from events.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Event;
use super::machine::unexpected;
use crate::error::{Error, StoreFailure};
use crate::provider::{Provider, Table};
use crate::secret::Secret;
use crate::store::access::Access;
use crate::store::document::{Document, is_blank};
use crate::text::plain;

/// The lock was lost too often.
pub(super) fn contended(path: &str) -> Error {
    let failure = StoreFailure::Other("others keep writing it".into());
    Error::Store { path: path.into(), attempt: "write", failure }
}

/// The credential file as it was read.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) path: String,
    pub(super) document: Document,
    /// True if the file is there and blank.
    pub(super) is_blank: bool,
}

impl Store {
    /// The file that an event brings, or what the event means otherwise.
    pub(super) fn of(event: &Event, attempt: &'static str) -> Result<Self, Box<Error>> {
        let Event::StoreRead { path, contents, .. } = event else {
            return Err(unexpected(event, attempt));
        };
        let path = path.clone();
        let text = contents.as_ref().map(Secret::expose);
        match Document::parse(text) {
            Ok(document) => Ok(Store { path, document, is_blank: text.is_some_and(is_blank) }),
            Err(corrupt) => Err(Box::new(Error::StoreCorrupt { path, reason: corrupt.reason })),
        }
    }
}

/// A file that is blank although it held a login a moment ago.
pub(super) fn blank(path: String) -> Box<Error> {
    Box::new(Error::StoreCorrupt { path, reason: "it is empty by now".into() })
}

/// The providers by the overrides file that an event brings, or what the event means otherwise.
pub(super) fn table(event: &Event) -> Result<Table, Box<Error>> {
    let Event::OverridesRead { path, contents, access } = event else {
        return Err(unexpected(event, "read"));
    };
    if let Some(fault) = access.as_ref().and_then(Access::overrides_fault) {
        return Err(Box::new(Error::UntrustedOverrides { path: path.clone(), fault }));
    }
    Table::with_overrides(contents.as_ref().map(Secret::expose))
        .map(|table| table.read_from(path))
        .map_err(|problem| Box::new(Error::Overrides { path: path.clone(), problem }))
}

/// The provider `id`, or the error that names those there are.
pub(super) fn known<'a>(table: &'a Table, id: &str) -> Result<&'a Arc<Provider>, Box<Error>> {
    table.get(id).ok_or_else(|| {
        let ids: Vec<String> = table.labels().iter().map(|label| label.id.clone()).collect();
        Box::new(Error::UnknownProvider { id: plain(id), known: ids.join(", ") })
    })
}

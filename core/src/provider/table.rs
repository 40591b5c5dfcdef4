//! All providers that this program can log in to.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::label::Label;
use super::overrides::{self, BadOverrides};
use super::{Provider, anthropic, github_copilot};
use crate::text::plain;

/// The providers, in the order of the selector.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(super) providers: Vec<Arc<Provider>>,
    /// The path of the overrides file, as it is shown to people; empty where no note needs it.
    pub(super) overrides: String,
}

impl Table {
    /// Returns the built-in providers.
    pub(crate) fn built_in() -> Self {
        Table::of(built_in())
    }

    /// Returns the providers with an overrides file applied; `None` where there is no such file.
    pub(crate) fn with_overrides(json: Option<&str>) -> Result<Self, BadOverrides> {
        let mut providers = built_in();
        if let Some(json) = json {
            overrides::apply(&mut providers, json)?;
        }
        Ok(Table::of(providers))
    }

    fn of(providers: Vec<Provider>) -> Self {
        let providers = providers.into_iter().map(Arc::new).collect();
        Table { providers, overrides: String::new() }
    }

    /// Returns the table with the path of its overrides file, for notes.
    pub(crate) fn read_from(self, path: &str) -> Self {
        Table { overrides: path.into(), ..self }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.id == id)
    }

    /// Returns the provider at this place in [`Table::labels`].
    pub(crate) fn nth(&self, index: usize) -> Option<&Arc<Provider>> {
        self.providers.get(index)
    }

    pub(crate) fn labels(&self) -> Vec<Label> {
        self.providers.iter().map(|provider| provider.label()).collect()
    }

    /// Returns the label of any provider, known or not.
    pub(crate) fn label(&self, id: &str) -> Label {
        let unknown = || Label { id: id.into(), name: plain(id), enterprise: None };
        self.get(id).map_or_else(unknown, |provider| provider.label())
    }
}

fn built_in() -> Vec<Provider> {
    [anthropic::provider(), github_copilot::provider()].into()
}

//! The credential file as text: read with care, edited without touching what it does not know.
//!
//! The agent, its older versions and other tools share this file. So an edit replaces only the
//! bytes it means to: other entries, unknown fields, key order, number spelling, indentation and
//! even duplicate keys stay as they were. Of duplicate keys the last counts, as in JavaScript.

#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use zeroize::Zeroizing;

use crate::json::{self, Json, Raw, range_in};
use crate::secret::Secret;
use crate::store::credential::{Credential, REAL_EXPIRY};
use crate::text::{cut_last, slice};

/// The largest credential file that is read or written, in bytes (1 MiB): none comes near it.
pub const MAX_BYTES: usize = 1 << 20;

/// Why a credential file cannot be used. It is never overwritten and never read as empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// What is wrong, and where; holds none of the file's contents.
    pub reason: String,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// One provider's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A login. Fields that are missing or of the wrong type count as absent or long expired.
    OAuth(Credential),
    /// An API key that the person gave the agent; `None` where the entry names no key.
    ApiKey(Option<Secret>),
    /// Something this program does not know; it is kept as it is.
    Unknown,
}

/// A credential file that parses. `Debug` shows only the names of its providers.
#[derive(Clone)]
pub struct Document {
    text: Zeroizing<String>,
}

impl Document {
    /// Reads a file's contents; `None` is a file that does not exist, which is an empty document.
    ///
    /// A blank one is empty, too; whatever else is not one JSON object is [`Corrupt`].
    pub fn parse(contents: Option<&str>) -> Result<Self, Corrupt> {
        let corrupt = |reason: &str| Err(Corrupt { reason: reason.into() });
        let text = contents.filter(|text| !is_blank(text)).unwrap_or("{}");
        if text.starts_with('\u{feff}') {
            return corrupt("it begins with a byte-order mark; save it as UTF-8 without one");
        }
        match Json::parse(text) {
            Err(error) => return corrupt(&format!("it is not valid JSON: {error}")),
            Ok(json) if !json.is_object() => return corrupt("its top level is not a JSON object"),
            Ok(_) => {}
        }
        Ok(Document { text: Zeroizing::new(text.to_string()) })
    }

    /// The entry of `provider`.
    pub fn get(&self, provider: &str) -> Option<Entry> {
        Some(self.entry(&self.find(provider)?))
    }

    /// The login of `provider` as it stands in the file.
    pub fn login(&self, provider: &str) -> Option<Raw> {
        let member = self.find(provider)?;
        let is_login = matches!(self.entry(&member), Entry::OAuth(_));
        is_login.then(|| Raw::of(self.json(&member.value)))
    }

    /// All entries in the file's order; a duplicate key stands where its last one does.
    pub fn entries(&self) -> Vec<(String, Entry)> {
        let members: Vec<_> = self.members().filter_map(|m| Some((self.key(&m)?, m))).collect();
        let last = positions(members.iter().map(|(key, _)| key.as_str()));
        let is_last = |at: &usize, key: &str| last.get(key) == Some(at);
        let numbered = members.iter().enumerate().filter(|(at, (key, _))| is_last(at, key));
        numbered.map(|(_, (key, m))| (key.clone(), self.entry(m))).collect()
    }

    /// Puts a new login in: any older entry of `provider` is replaced whole, since what else it
    /// held belonged to the older login.
    ///
    /// `others` are further fields of the login, values as JSON.
    pub fn set(&mut self, provider: &str, credential: &Credential, others: &[(String, Secret)]) {
        let style = self.style(root(&self.text));
        let entry = style.entry(&fields(credential), others);
        match self.find(provider) {
            Some(member) => self.replace(member.value, &entry),
            None => self.append(root(&self.text), &style, provider, &entry),
        }
    }

    /// Puts a refreshed login in: of the entry of `provider`, only the token fields change.
    ///
    /// Does nothing where the entry is gone or is no login: a logout in the meantime wins.
    pub fn update(&mut self, provider: &str, credential: &Credential) {
        // Type and Enterprise stay as they are, to the byte.
        let mut fields = fields(credential);
        fields.retain(|(name, _)| !matches!(*name, "type" | "enterpriseUrl"));
        for (name, value) in &fields {
            self.put(provider, name, value);
        }
    }

    /// Puts one field of the login of `provider`; `value` is JSON. Does nothing where there is no
    /// such login.
    pub fn put(&mut self, provider: &str, name: &str, value: &str) {
        let Some(entry) = self.find(provider) else { return };
        if !matches!(self.entry(&entry), Entry::OAuth(_)) {
            return;
        }
        match self.field(&entry, name) {
            Some(field) => self.replace(field, value),
            None => {
                let style = self.style(entry.value.clone());
                self.append(entry.value, &style, name, value);
            }
        }
    }

    /// Takes every entry of `providers` out.
    pub fn remove(&mut self, providers: &[&str]) {
        let gone = positions(providers.iter().copied());
        let is_gone = |m: &Member| self.key(m).is_some_and(|key| gone.contains_key(key.as_str()));
        let (root, all) = (root(&self.text), self.members().collect::<Vec<_>>());
        let mut cuts = Vec::new();
        match all.iter().position(|m| !is_gone(m)) {
            None => cuts.push(root.start + 1..root.end - 1),
            Some(first) => {
                // What is before the first one that stays goes with the commas behind it, what is
                // after it with those before.
                let (before, after) = all.split_at(first);
                if let ([gone, ..], [stays, ..]) = (before, after) {
                    cuts.push(gone.key.start..stays.key.start);
                }
                let pairs = after.iter().zip(after.iter().skip(1));
                let gone = pairs.filter(|(_, m)| is_gone(m));
                cuts.extend(gone.map(|(before, m)| before.value.end..m.value.end));
            }
        }
        let mut text = Zeroizing::new(String::with_capacity(self.text.len()));
        let mut at = 0;
        for cut in cuts {
            text.push_str(slice(&self.text, at..cut.start));
            at = cut.end;
        }
        text.push_str(slice(&self.text, at..self.text.len()));
        self.text = text;
    }

    /// The document as text, to be written to the file.
    pub fn into_text(self) -> Secret {
        Secret::new(self.text.to_string())
    }

    fn members(&self) -> impl Iterator<Item = Member> {
        members(&self.text, root(&self.text))
    }

    fn find(&self, key: &str) -> Option<Member> {
        self.last(self.members(), key)
    }

    fn last(&self, members: impl Iterator<Item = Member>, key: &str) -> Option<Member> {
        members.filter(|m| self.key(m).as_deref() == Some(key)).last()
    }

    /// A member's key, unescaped; `None` for one that is no Unicode text (a lone surrogate).
    fn key(&self, member: &Member) -> Option<String> {
        self.json(&member.key).string()
    }

    fn json(&self, range: &Range<usize>) -> Json<'_> {
        Json::at(&self.text, range.clone())
    }

    /// Where the value of the field `name` of an entry stands.
    fn field(&self, entry: &Member, name: &str) -> Option<Range<usize>> {
        self.last(members(&self.text, entry.value.clone()), name).map(|m| m.value)
    }

    fn entry(&self, member: &Member) -> Entry {
        let entry = self.json(&member.value);
        let text = |name: &str| entry.get(name)?.secret().filter(|text| !text.is_empty());
        match text("type").as_ref().map(Secret::expose) {
            Some("oauth") => Entry::OAuth(Credential::of(entry)),
            Some("api_key") => Entry::ApiKey(text("key")),
            _ => Entry::Unknown,
        }
    }

    /// How the object at `object` is laid out, to add to it in kind.
    fn style(&self, object: Range<usize>) -> Style {
        let Some(first) = members(&self.text, object.clone()).next() else {
            return Style::two_spaces();
        };
        let space = slice(&self.text, object.start + 1..first.key.start);
        match cut_last(space, b'\n') {
            None => Style::Compact,
            Some((before, indent)) => {
                let newline = if before.ends_with('\r') { "\r\n" } else { "\n" };
                Style::Lines { newline, indent: indent.to_string() }
            }
        }
    }

    /// Adds a member at the end of the object at `object`.
    fn append(&mut self, object: Range<usize>, style: &Style, key: &str, value: &str) {
        let member = style.lead(1) + &style.member(key, value);
        match members(&self.text, object.clone()).last() {
            Some(last) => self.replace(last.value.end..last.value.end, &format!(",{member}")),
            None => self.replace(object, &format!("{{{member}{}}}", style.lead(0))),
        }
    }

    fn replace(&mut self, range: Range<usize>, with: &str) {
        // Built anew rather than spliced: a growing String would leave unwiped copies behind.
        let before = slice(&self.text, 0..range.start);
        let after = slice(&self.text, range.end..self.text.len());
        let mut text =
            Zeroizing::new(String::with_capacity(before.len() + with.len() + after.len()));
        text.push_str(before);
        text.push_str(with);
        text.push_str(after);
        self.text = text;
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries().iter().map(|(provider, _)| provider)).finish()
    }
}

/// Returns whether a file holds nothing but white space, perhaps behind a byte-order mark. Read
/// without the lock, that may be a file that somebody is just writing.
pub(crate) fn is_blank(text: &str) -> bool {
    text.strip_prefix('\u{feff}').unwrap_or(text).trim().is_empty()
}

/// An entry's fields in the agent's order, values as JSON.
fn fields(credential: &Credential) -> Vec<(&'static str, Zeroizing<String>)> {
    let json = |secret: &Option<Secret>| {
        let text = secret.as_ref().map_or("", Secret::expose);
        Zeroizing::new(json::to_string(text))
    };
    let mut fields = alloc::vec![
        ("type", Zeroizing::new("\"oauth\"".into())),
        ("refresh", json(&credential.refresh)),
        ("access", json(&credential.access)),
        ("expires", Zeroizing::new(credential.expires.to_string())),
    ];
    if let Some(domain) = &credential.enterprise {
        let value = json::to_string(domain);
        fields.push(("enterpriseUrl", Zeroizing::new(value)));
    }
    fields.extend(credential.end_field().map(|value| (REAL_EXPIRY, Zeroizing::new(value))));
    fields
}

/// Where each of `names` stands in their order, or the last of those that are alike.
pub(crate) fn positions<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut positions = BTreeMap::new();
    for (at, name) in names.enumerate() {
        positions.insert(name, at);
    }
    positions
}

/// A member of an object, as byte ranges of the text.
struct Member {
    /// The key, with its quotes.
    key: Range<usize>,
    value: Range<usize>,
}

/// Returns the members of the object at `object`, in order.
fn members(text: &str, object: Range<usize>) -> impl DoubleEndedIterator<Item = Member> {
    let members = Json::at(text, object).raw_members();
    let range = |json: Json<'_>| range_in(text, json.text());
    members.map(move |(key, value)| Member { key: range(key), value: range(value) })
}

/// Returns the top-level value of a text that is JSON, without the white space around it.
fn root(text: &str) -> Range<usize> {
    range_in(text, text.trim_ascii())
}

/// How an object's members are laid out.
enum Style {
    /// All on one line, without spaces.
    Compact,
    /// One line each, behind `indent`.
    Lines { newline: &'static str, indent: String },
}

impl Style {
    /// The layout of every pi: `JSON.stringify(value, null, 2)`.
    fn two_spaces() -> Self {
        Style::Lines { newline: "\n", indent: "  ".into() }
    }

    /// The line break and indentation of something `depth` levels below the object's parent.
    fn lead(&self, depth: usize) -> String {
        match self {
            Style::Compact => String::new(),
            Style::Lines { newline, indent } => format!("{newline}{}", indent.repeat(depth)),
        }
    }

    fn member(&self, key: &str, value: &str) -> String {
        let space = if matches!(self, Style::Compact) { "" } else { " " };
        format!("{}:{space}{value}", json::to_string(key))
    }

    /// An entry of the top level: its members stand two levels deep.
    fn entry(
        &self,
        fields: &[(&str, Zeroizing<String>)],
        others: &[(String, Secret)],
    ) -> Zeroizing<String> {
        let lead = self.lead(2);
        let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
        let others = others.iter().map(|(name, value)| (name.as_str(), value.expose()));
        let mut entry = Zeroizing::new(String::from("{"));
        for (at, (name, value)) in fields.chain(others).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            entry.push_str(&format!("{comma}{lead}{}", self.member(name, value)));
        }
        entry.push_str(&self.lead(1));
        entry.push('}');
        entry
    }
}

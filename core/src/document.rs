//! The credential file as text: read with care, edited without touching what it does not know.
//!
//! The agent, its older versions and other tools share this file. So an edit replaces only the
//! bytes it means to: other entries, unknown fields, key order, number spelling, indentation and
//! even duplicate keys stay as they were. Of duplicate keys the last counts, as in JavaScript.

mod span;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::credential::Credential;
use crate::secret::Secret;
use span::{Member, members};

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
    /// Whatever is not one JSON object is [`Corrupt`], an empty file included.
    pub fn parse(contents: Option<&str>) -> Result<Self, Corrupt> {
        let corrupt = |reason: &str| Err(Corrupt { reason: reason.into() });
        let text = contents.unwrap_or("{}");
        if text.starts_with('\u{feff}') {
            return corrupt("it begins with a byte-order mark; save it as UTF-8 without one");
        }
        if text.trim().is_empty() {
            return corrupt("it is empty");
        }
        if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
            return corrupt(&format!("it is not valid JSON: {error}"));
        }
        if text.as_bytes().get(span::root(text).start) != Some(&b'{') {
            return corrupt("its top level is not a JSON object");
        }
        Ok(Document { text: Zeroizing::new(text.to_string()) })
    }

    /// The entry of `provider`.
    pub fn get(&self, provider: &str) -> Option<Entry> {
        Some(self.entry(&self.find(provider)?))
    }

    /// All entries in the file's order; a duplicate key stands where its last one does.
    pub fn entries(&self) -> Vec<(String, Entry)> {
        let mut seen = BTreeSet::new();
        let backwards = self.members().into_iter().rev();
        let named = backwards.filter_map(|m| Some((self.key(&m)?, m)));
        let last = named.filter(|(key, _)| seen.insert(key.clone()));
        let mut entries: Vec<_> = last.map(|(key, m)| (key, self.entry(&m))).collect();
        entries.reverse();
        entries
    }

    /// Puts a new login in: any older entry of `provider` is replaced whole, since what else it
    /// held belonged to the older login.
    pub fn set(&mut self, provider: &str, credential: &Credential) {
        let style = self.style(span::root(&self.text));
        let entry = style.entry(&fields(credential));
        match self.find(provider) {
            Some(member) => self.replace(member.value, &entry),
            None => self.append(span::root(&self.text), &style, provider, &entry),
        }
    }

    /// Puts a refreshed login in: of the entry of `provider`, only the token fields change.
    ///
    /// Does nothing where the entry is gone or is no login: a logout in the meantime wins.
    pub fn update(&mut self, provider: &str, credential: &Credential) {
        // Type and Enterprise stay as they are, to the byte.
        for (name, value) in &fields(credential)[1..4] {
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
        let gone = BTreeSet::from_iter(providers);
        let is_gone = |m: &Member| self.key(m).is_some_and(|key| gone.contains(&key.as_str()));
        let (root, all) = (span::root(&self.text), self.members());
        let mut cuts = Vec::new();
        match all.iter().position(|m| !is_gone(m)) {
            None => cuts.push(root.start + 1..root.end - 1),
            Some(first) => {
                // What is before the first one that stays goes with the commas behind it, what is
                // after it with those before.
                cuts.push(all[0].key.start..all[first].key.start);
                for pair in all[first..].windows(2).filter(|pair| is_gone(&pair[1])) {
                    cuts.push(pair[0].value.end..pair[1].value.end);
                }
            }
        }
        let mut text = Zeroizing::new(String::with_capacity(self.text.len()));
        let mut at = 0;
        for cut in cuts {
            text.push_str(&self.text[at..cut.start]);
            at = cut.end;
        }
        text.push_str(&self.text[at..]);
        self.text = text;
    }

    /// The document as text, to be written to the file.
    pub fn into_text(self) -> Secret {
        Secret::new(self.text.to_string())
    }

    fn members(&self) -> Vec<Member> {
        members(&self.text, span::root(&self.text))
    }

    fn find(&self, key: &str) -> Option<Member> {
        let is_it = |m: &Member| self.key(m).as_deref() == Some(key);
        self.members().into_iter().rfind(is_it)
    }

    /// A member's key, unescaped; `None` for one that is no Unicode text (a lone surrogate).
    fn key(&self, member: &Member) -> Option<String> {
        serde_json::from_str(&self.text[member.key.clone()]).ok()
    }

    /// Where the value of the field `name` of an entry stands.
    fn field(&self, entry: &Member, name: &str) -> Option<Range<usize>> {
        let is_it = |m: &Member| self.key(m).as_deref() == Some(name);
        members(&self.text, entry.value.clone()).into_iter().rfind(is_it).map(|m| m.value)
    }

    fn entry(&self, member: &Member) -> Entry {
        if !self.text[member.value.clone()].starts_with('{') {
            return Entry::Unknown;
        }
        let raw = |name: &str| self.field(member, name).map(|range| &self.text[range]);
        let text = |name: &str| {
            let text: Option<Secret> = raw(name).and_then(|raw| serde_json::from_str(raw).ok());
            text.filter(|text| !text.is_empty())
        };
        match text("type").as_ref().map(Secret::expose) {
            Some("oauth") => Entry::OAuth(Credential {
                access: text("access"),
                refresh: text("refresh"),
                expires: raw("expires").map_or(0, epoch_ms),
                // What is no text is no domain, but it is not github.com either.
                enterprise: match (text("enterpriseUrl"), raw("enterpriseUrl")) {
                    (Some(url), _) => Some(url.expose().into()),
                    (None, None | Some("null" | "\"\"")) => None,
                    (None, Some(other)) => Some(other.into()),
                },
            }),
            Some("api_key") => Entry::ApiKey(text("key")),
            _ => Entry::Unknown,
        }
    }

    /// How the object at `object` is laid out, to add to it in kind.
    fn style(&self, object: Range<usize>) -> Style {
        let Some(first) = members(&self.text, object.clone()).into_iter().next() else {
            return Style::two_spaces();
        };
        let space = &self.text[object.start + 1..first.key.start];
        match space.rsplit_once('\n') {
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
        let (before, after) = (&self.text[..range.start], &self.text[range.end..]);
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

/// An entry's fields in the seed's order, values as JSON.
fn fields(credential: &Credential) -> Vec<(&'static str, Zeroizing<String>)> {
    let json = |secret: &Option<Secret>| {
        let text = secret.as_ref().map_or("", Secret::expose);
        Zeroizing::new(serde_json::Value::from(text).to_string())
    };
    let mut fields = alloc::vec![
        ("type", Zeroizing::new("\"oauth\"".into())),
        ("refresh", json(&credential.refresh)),
        ("access", json(&credential.access)),
        ("expires", Zeroizing::new(credential.expires.to_string())),
    ];
    if let Some(domain) = &credential.enterprise {
        let value = serde_json::Value::from(domain.as_str()).to_string();
        fields.push(("enterpriseUrl", Zeroizing::new(value)));
    }
    fields
}

/// `expires` as written by whomever: a fraction is cut; what is no sensible time (a string, null,
/// a negative or an infinite number) counts as long expired.
fn epoch_ms(raw: &str) -> u64 {
    match raw.parse::<f64>() {
        Ok(number) if number.is_finite() => number as u64,
        _ => 0,
    }
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
        format!("{}:{space}{value}", serde_json::Value::from(key))
    }

    /// An entry of the top level: its members stand two levels deep.
    fn entry(&self, fields: &[(&str, Zeroizing<String>)]) -> Zeroizing<String> {
        let lead = self.lead(2);
        let member =
            |(key, value): &(&str, Zeroizing<String>)| lead.clone() + &self.member(key, value);
        let members: Vec<String> = fields.iter().map(member).collect();
        Zeroizing::new(format!("{{{}{}}}", members.join(","), self.lead(1)))
    }
}

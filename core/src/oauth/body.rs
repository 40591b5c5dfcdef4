//! The JSON object in the body of a server's answer, read tolerantly.
//!
//! A server that has granted tokens has often replaced the refresh token by then, so one odd part
//! must not cost the others. A body that is valid JSON is used as it is. Of any other body, the
//! members of the object that it begins with are read one by one, and those that can be read are
//! kept. A body that begins with anything else, such as HTML, holds nothing.

use alloc::string::String;

use zeroize::Zeroizing;

use crate::json::{self, Json};
use crate::text::slice;

/// The members of an answer.
pub(crate) struct Body<'a> {
    text: Text<'a>,
    /// True if the body ended before its object did, so that members may be missing.
    pub(crate) is_cut: bool,
}

enum Text<'a> {
    /// As the server sent it.
    Sent(Json<'a>),
    /// A valid object of the members that could be read.
    Rewritten(Zeroizing<String>),
}

impl<'a> Body<'a> {
    /// Reads the object that `text` is, or begins with.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        match Json::parse(text) {
            Ok(json) if json.is_object() => Some(Body { text: Text::Sent(json), is_cut: false }),
            Ok(_) => None,
            Err(_) => rewritten(text),
        }
    }

    /// The object.
    pub(crate) fn json(&self) -> Json<'_> {
        match &self.text {
            Text::Sent(json) => *json,
            Text::Rewritten(text) => Json::at(text, 0..text.len()),
        }
    }
}

/// Writes a valid object of the members of `text` that can be read.
fn rewritten(text: &str) -> Option<Body<'static>> {
    let mut scan = Scan { text, at: 0 };
    scan.blanks();
    if !scan.take(b'{') {
        return None;
    }
    let mut object = Zeroizing::new(String::with_capacity(grown(text) + 2));
    object.push('{');
    let is_cut = loop {
        scan.blanks();
        match scan.peek() {
            None => break true,
            Some(b'}') => break false,
            Some(b',') => scan.at += 1,
            Some(_) => {
                if let Some((name, value)) = scan.member() {
                    let comma = if object.len() > 1 { "," } else { "" };
                    object.push_str(comma);
                    object.push_str(&name);
                    object.push(':');
                    object.push_str(&value);
                }
            }
        }
    };
    object.push('}');
    Some(Body { text: Text::Rewritten(object), is_cut })
}

/// A place in a text that is not quite JSON.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

type Valid = Zeroizing<String>;

impl Scan<'_> {
    /// A name and its value as valid JSON, and moves behind them. `None` for a member that cannot
    /// be read, which is passed over.
    fn member(&mut self) -> Option<(Valid, Valid)> {
        let name = if self.peek() == Some(b'"') { self.string() } else { None };
        self.blanks();
        if name.is_none() || !self.take(b':') {
            self.pass();
            return None;
        }
        self.blanks();
        let value = self.value();
        self.blanks();
        match self.peek() {
            Some(b',' | b'}') => {}
            // The rest of a number may be missing. A string and an object have an end of their own.
            None if !value.as_ref().is_some_and(|value| is_closed(value)) => return None,
            None => {}
            // Something stands behind the value that is no part of it.
            Some(_) => {
                self.pass();
                return None;
            }
        }
        Some((name?, value?))
    }

    /// The value here as valid JSON, and moves behind it, or to what it ends with.
    fn value(&mut self) -> Option<Valid> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' => {
                let start = self.at;
                self.pass_brackets();
                valid(slice(self.text, start..self.at))
            }
            _ => {
                let start = self.at;
                let ends = |byte: u8| matches!(byte, b',' | b'}' | b']' | b'/' | 0..=b' ');
                while self.peek().is_some_and(|byte| !ends(byte)) {
                    self.at += 1;
                }
                valid(slice(self.text, start..self.at))
            }
        }
    }

    /// The string here, with its control characters escaped; moves behind it.
    fn string(&mut self) -> Option<Valid> {
        let start = self.at;
        self.pass_string().then_some(())?;
        let sent = slice(self.text, start..self.at);
        let mut text = Zeroizing::new(String::with_capacity(grown(sent)));
        for c in sent.chars() {
            match c {
                // `quoted` puts the escape between quotes.
                '\0'..' ' => {
                    text.push_str(json::to_string(&c).trim_matches('"'));
                }
                plain => text.push(plain),
            }
        }
        valid(&text)
    }

    /// Moves behind the string here; tells whether it ends at all.
    fn pass_string(&mut self) -> bool {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return true,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        self.at = self.text.len();
        false
    }

    /// Moves behind the bracket that closes the one here. It counts instead of recursing.
    fn pass_brackets(&mut self) {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.pass_string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Moves to the comma or the bracket that ends the member here.
    fn pass(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b'}' => return,
                b'"' => {
                    self.pass_string();
                }
                b'{' | b'[' => self.pass_brackets(),
                _ => self.at += 1,
            }
        }
    }

    /// Moves behind white space, NULs, byte-order marks and comments.
    fn blanks(&mut self) {
        loop {
            let rest = slice(self.text, self.at..self.text.len());
            let blank = |c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}');
            let trimmed = rest.trim_start_matches(blank);
            self.at = self.text.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.bytes().take_while(|byte| *byte != b'\n').count();
            } else if let Some(comment) = trimmed.strip_prefix("/*") {
                let length =
                    crate::text::cut(comment, "*/").map_or(comment.len(), |(it, _)| it.len() + 2);
                self.at += 2 + length;
            } else {
                return;
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_here = self.peek() == Some(byte);
        self.at += usize::from(is_here);
        is_here
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// The length of `text` once its control characters are escaped. With that much room no string has
/// to grow, which would leave an unwiped copy behind.
fn grown(text: &str) -> usize {
    text.len() + 5 * text.bytes().filter(|byte| *byte < 0x20).count()
}

/// A copy of `text`, if it is valid JSON.
fn valid(text: &str) -> Option<Valid> {
    Json::parse(text).ok().map(|_| Zeroizing::new(text.into()))
}

/// Returns whether a value shows where it ends.
fn is_closed(value: &str) -> bool {
    value.starts_with(['"', '{', '['])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<(String, bool)> {
        Body::read(text).map(|body| (body.json().text().to_string(), body.is_cut))
    }

    #[test]
    fn what_can_be_read_is_kept() {
        for (text, kept) in [
            ("\u{feff}{\"a\":\"1\"}", r#"{"a":"1"}"#),
            ("\0 \u{feff}{\"a\":\"1\"}", r#"{"a":"1"}"#),
            ("{\"a\":\"1\"}\0\0\0", r#"{"a":"1"}"#),
            ("{\"a\":\"1\"} // granted", r#"{"a":"1"}"#),
            ("{\"a\":\"1\"}\n<!-- 12 ms -->", r#"{"a":"1"}"#),
            ("{\"a\":\"1\"}{\"a\":\"2\"}", r#"{"a":"1"}"#),
            ("/* x } */ {\"a\" /* y */ : // z\n \"1\" /**/ , \"b\":2,}", r#"{"a":"1","b":2}"#),
            (r#"{"n":NaN,"a":"1"}"#, r#"{"a":"1"}"#),
            (r#"{"a":"1","n":-Infinity}"#, r#"{"a":"1"}"#),
            (r#"{"n":undefined , "a" : "1" }"#, r#"{"a":"1"}"#),
            ("{\"s\":\"x\ty\",\"a\":\"1\"}", r#"{"s":"x\ty","a":"1"}"#),
            ("{\"s\":\"x\u{1}\ny\",\"a\":\"1\"}", r#"{"s":"x\u0001\ny","a":"1"}"#),
            (r#"{"s":"\x","a":"1"}"#, r#"{"a":"1"}"#),
            (r#"{"s":{"n":[NaN]},"a":"1"}"#, r#"{"a":"1"}"#),
            (r#"{"s":{"n":["}"]},'b':'x', c:3, "a":"1",,}"#, r#"{"s":{"n":["}"]},"a":"1"}"#),
            (r#"{"b":1 2,"a":"1"}x"#, r#"{"a":"1"}"#),
            (r#"{"é":"\é","b":"é","a":"1"} é"#, r#"{"b":"é","a":"1"}"#),
            (r#"{"d":{"error":"x"},"a":"1"}}"#, r#"{"d":{"error":"x"},"a":"1"}"#),
            ("{} x", "{}"),
        ] {
            assert_eq!(read(text), Some((kept.to_string(), false)), "{text:?}");
        }
    }

    #[test]
    fn of_what_was_cut_only_what_is_whole_is_kept() {
        for (text, kept) in [
            ("{", "{}"),
            ("{\"a\"", "{}"),
            ("{\"a\":\"1\",\"b", r#"{"a":"1"}"#),
            ("{\"a\":\"1\",\"b\":\"2", r#"{"a":"1"}"#),
            ("{\"a\":\"1\",\"b\":\"2\\", r#"{"a":"1"}"#),
            ("{\"a\":\"1\",\"b\":36", r#"{"a":"1"}"#),
            ("{\"a\":\"1\",\"b\":{\"c\":2", r#"{"a":"1"}"#),
            ("{\"a\":\"1\",\"b\":\"2\"", r#"{"a":"1","b":"2"}"#),
            ("{\"a\":\"1\" /* ", r#"{"a":"1"}"#),
        ] {
            assert_eq!(read(text), Some((kept.to_string(), true)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_object_holds_nothing() {
        for text in [
            "",
            "\u{feff}",
            "<html>{\"a\":\"1\"}</html>",
            "[{\"a\":\"1\"}]",
            "null",
            "\"{}\"",
            "callback({\"a\":\"1\"})",
            "a=1&b=2",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_read_of_any_text_is_valid(
            text in r#"[{]?([\[\]{},:"\\ é0-9aN/*\x00-\x1f]|"a":|"b":"c"|NaN|\\u[0-9a-f]{4}){0,16}"#,
        ) {
            if let Some(body) = Body::read(&text) {
                let json = Json::parse(body.json().text()).unwrap();
                prop_assert!(json.is_object());
            }
        }

        #[test]
        fn members_survive_what_stands_around_them(
            value in "[ -~]{0,20}", before in "[ \\x00\u{feff}\r\n]{0,3}", after in any::<String>(),
        ) {
            let text = alloc::format!("{before}{{\"n\":NaN,\"a\":{}}}{after}", json::to_string(&value));
            let body = Body::read(&text).unwrap();
            prop_assert_eq!(body.json().get("a").and_then(Json::string), Some(value));
        }
    }
}

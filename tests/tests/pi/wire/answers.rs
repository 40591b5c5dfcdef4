//! Answers that are none, as data, and what each means.

use std::time::Duration;

use pi_auth_tests::wire::Script;
use serde_json::json;

use Means::{Broken, Limited, OAuth, Refused, TooLarge, TooLate, Trouble, Unreadable};

/// What an answer means to whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// The server is in trouble.
    Trouble(u16),
    /// It is asked too often.
    Limited,
    /// A success that is not the answer.
    Unreadable(u16),
    /// It does not want to.
    Refused(u16),
    /// It says so in the words of OAuth.
    OAuth,
    /// It was cut off, or is not HTTP.
    Broken,
    /// There is no end to it.
    TooLarge,
    /// It does not come.
    TooLate,
}

impl Means {
    /// Returns whether the same request may succeed later.
    pub(super) fn is_transient(self) -> bool {
        !matches!(self, Refused(_) | OAuth)
    }

    pub(super) fn is_success(self) -> bool {
        matches!(self, Unreadable(_))
    }

    /// What is said of it.
    pub(super) fn words(self) -> String {
        match self {
            Trouble(status) => format!("it is in trouble (HTTP {status})"),
            Limited => "it is being asked too often".to_owned(),
            Unreadable(status) => format!("its answer (HTTP {status}) is not what was asked for"),
            Refused(status) => format!("it refused the request (HTTP {status})"),
            OAuth => "server_error: in words".to_owned(),
            Broken => "the connection broke before the answer was complete".to_owned(),
            TooLate => "no answer in time".to_owned(),
            TooLarge => "the answer was larger than 1 MiB".to_owned(),
        }
    }
}

/// An answer, by what it is called here.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) name: String,
    pub(super) script: Script,
    pub(super) means: Means,
}

/// A document that every endpoint would take for a success if it came whole and as it is, but for
/// Copilot's models.
const GRANT: &str = r#"{"token_type":"Bearer","access_token":"sk-ant-oat01-wire","refresh_token":"sk-ant-ort01-wire","expires_in":28800,"token":"tid=wire","expires_at":4102444800,"refresh_in":1500}"#;

/// `GRANT` as gzip makes it: nobody has asked for that.
const GZIPPED_GRANT: &[u8] = include_bytes!("grant.json.gz");

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// All of them.
pub(super) fn all() -> Vec<Answer> {
    let mut all = statuses();
    all.extend(bodies());
    all.extend(framing());
    all.extend(no_http());
    all
}

fn named(name: impl Into<String>, means: Means, script: Script) -> Answer {
    Answer { name: name.into(), script, means }
}

fn statuses() -> Vec<Answer> {
    let refused = [300, 400, 401, 403, 404, 405, 410, 413, 431, 600, 999];
    let trouble = [408, 500, 501, 502, 503, 504, 599];
    let means = refused.map(Refused).into_iter().chain(trouble.map(Trouble)).chain([Limited]);
    let codes = refused.into_iter().chain(trouble).chain([429]);
    let mut all: Vec<Answer> = codes
        .zip(means)
        .map(|(code, means)| named(code.to_string(), means, Script::status(code)))
        .collect();
    let later = [("Retry-After", "7")];
    all.extend([
        named("403 with a time", Limited, Script::answer(403, &later, "")),
        named(
            "403 in HTML",
            Refused(403),
            Script::answer(403, &[], "<h1>Blocked by your office</h1>"),
        ),
        named("502 in HTML", Trouble(502), Script::answer(502, &[], "<h1>Bad Gateway</h1>")),
        // What a gateway in trouble says of the grant is not for it to say.
        named(
            "503 with invalid_grant",
            Trouble(503),
            Script::answer(503, &[JSON], r#"{"error":"invalid_grant"}"#),
        ),
        named("101", Refused(101), Script::answer(101, &[("Upgrade", "h2c")], "")),
        named("204", Unreadable(204), Script::answer(204, &[], "")),
        named("206", Unreadable(206), Script::answer(206, &[JSON], &GRANT[..40])),
        named(
            "news before trouble",
            Trouble(500),
            Script::new()
                .send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
                .send("HTTP/1.1 500 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        ),
    ]);
    all
}

fn bodies() -> Vec<Answer> {
    let unreadable =
        |name: &str, body: &[u8]| named(name, Unreadable(200), Script::answer(200, &[JSON], body));
    let wrong_types = json!({
        "token_type": ["Bearer"], "access_token": 1, "refresh_token": {}, "expires_in": "soon",
        "device_code": 1, "user_code": [], "verification_uri": false, "interval": "often",
        "token": 1, "expires_at": "soon", "refresh_in": {}, "data": "none", "issuer": 1,
        "error": ["no", "words"],
    });
    vec![
        unreadable("nothing", b""),
        unreadable(
            "a page",
            b"<!doctype html><title>Welcome</title><h1>Sign in to this network</h1>",
        ),
        unreadable("JSON that is cut", &GRANT.as_bytes()[..50]),
        unreadable("a list", b"[]"),
        unreadable("null", b"null"),
        unreadable("an empty object", b"{}"),
        unreadable("wrong types", wrong_types.to_string().as_bytes()),
        unreadable("no UTF-8", b"\xff\xfe{\x00}\x00"),
        unreadable("a deep one", &[b'['; 500_000]),
        named(
            "an error in a success",
            OAuth,
            Script::json(&json!({ "error": "server_error", "error_description": "in words" })),
        ),
        named(
            "a refusal in words",
            OAuth,
            Script::answer(
                400,
                &[JSON],
                r#"{"error":"server_error","error_description":"in words"}"#,
            ),
        ),
    ]
}

fn framing() -> Vec<Answer> {
    let headed = |head: &str, body: &[u8]| {
        Script::new().send(format!("HTTP/1.1 200 OK\r\n{head}\r\n")).send(body)
    };
    let grant = GRANT.as_bytes();
    let chunk = |length: usize| format!("{length:x}\r\n{GRANT}");
    let kib = vec![b'x'; 1024];
    let no_pause = Duration::ZERO;
    vec![
        named("shorter than it says", Broken, headed("Content-Length: 9999\r\n", grant)),
        named("longer than it says", Unreadable(200), headed("Content-Length: 20\r\n", grant)),
        named(
            "of two lengths",
            Broken,
            headed("Content-Length: 20\r\nContent-Length: 21\r\n", grant),
        ),
        named("of no length that is one", Broken, headed("Content-Length: -1\r\n", grant)),
        named(
            "of a length beyond numbers",
            Broken,
            headed(&format!("Content-Length: {}\r\n", "9".repeat(30)), grant),
        ),
        named(
            "larger than allowed, it says",
            TooLarge,
            headed("Content-Length: 99999999999\r\n", b"").endlessly(&kib, no_pause),
        ),
        named(
            "in chunks, cut",
            Broken,
            headed("Transfer-Encoding: chunked\r\n", chunk(GRANT.len()).as_bytes()),
        ),
        named(
            "in a chunk, cut",
            Broken,
            headed("Transfer-Encoding: chunked\r\n", chunk(9999).as_bytes()),
        ),
        named(
            "in chunks that are none",
            Broken,
            headed("Transfer-Encoding: chunked\r\n", b"xyz\r\n\r\n"),
        ),
        named("without an end", TooLarge, headed("", b"").endlessly(&kib, no_pause)),
        named(
            "in chunks without an end",
            TooLarge,
            headed("Transfer-Encoding: chunked\r\n", b"")
                .endlessly([b"400\r\n", &kib[..], b"\r\n"].concat(), no_pause),
        ),
        named(
            "packed unasked",
            Unreadable(200),
            Script::answer(200, &[JSON, ("Content-Encoding", "gzip")], GZIPPED_GRANT),
        ),
        named(
            "with a hundred headers too many",
            Broken,
            headed(&"X-Header: x\r\n".repeat(200), grant),
        ),
        named(
            "with headers without an end",
            Broken,
            Script::new()
                .send("HTTP/1.1 200 OK\r\n")
                .endlessly("X-Header: x\r\n".repeat(64), no_pause),
        ),
        named(
            "with a header without an end",
            Broken,
            Script::new().send("HTTP/1.1 200 OK\r\nX-Header: ").endlessly(&kib, no_pause),
        ),
        named("with no header's line", Broken, headed("no colon here\r\n", grant)),
        named("with a NUL in a header", Broken, headed("X-Header: a\0b\r\n", grant)),
    ]
}

fn no_http() -> Vec<Answer> {
    [
        ("hung up on", ""),
        ("an SSH server", "SSH-2.0-OpenSSH_9.2\r\n"),
        ("a mail server", "220 mail.example ESMTP\r\n"),
        ("a TLS alert", "\x15\x03\x01\x00\x02\x02\x46"),
        ("HTTP/0.9", "<html>hello</html>"),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("an unknown version", "HTTP/9.9 200 OK\r\n\r\n"),
        ("a status that is none", "HTTP/1.1 2xx OK\r\n\r\n"),
        ("a status of two digits", "HTTP/1.1 20\r\n\r\n"),
        ("half a status line", "HTTP/1.1 20"),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-Type: appl"),
    ]
    .map(|(name, bytes)| named(name, Broken, Script::new().send(bytes)))
    .into()
}

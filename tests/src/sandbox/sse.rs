//! Server-sent events, as the WHATWG's HTML standard has them.

/// What a stream of them is sent as.
pub(super) const MEDIA_TYPE: &str = "text/event-stream; charset=utf-8";

/// One event, on the wire. The data has no line break.
pub(super) fn event(name: Option<&str>, data: &str) -> String {
    let name = name.map_or(String::new(), |name| format!("event: {name}\n"));
    format!("{name}data: {data}\n\n")
}

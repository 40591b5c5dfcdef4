//! The bytes that come to the callback server: the input as a whole is an HTTP request.

use pi_auth_core::callback::{Admission, Page, Request};
use pi_auth_core::flow::is_answered_by;
use pi_auth_core::json::{from_str, to_string};

use crate::input;
use crate::world::STATE;

/// The names under which the server may be asked, written down one by one.
const HOSTS: [&str; 3] = ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"];

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = input::text(data);
    let (line, rest) = input::first_line(&text);
    let mut words = line.trim_end_matches('\r').split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let host = rest.lines().take_while(|line| !line.trim().is_empty()).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim().to_owned())
    });
    let request = Request {
        port: 5000,
        path: "/callback".into(),
        one_time_path: Some("/open/x".into()),
        method: method.into(),
        host: host.clone(),
        target: target.into(),
    };
    let admission = request.admit();
    let again: Request = from_str(&to_string(&request)).expect("it is read as it was written");
    assert_eq!(again.admit(), admission, "by the module it is decided in another way");

    let is_ours = host.is_some_and(|host| HOSTS.iter().any(|it| it.eq_ignore_ascii_case(&host)));
    let is_at = |path: &str| {
        target == path || target.strip_prefix(path).is_some_and(|rest| rest.starts_with('?'))
    };
    let is_known = is_at("/callback") || is_at("/open/x");
    match admission {
        Admission::Callback { query } => {
            assert!(is_ours && method == "GET" && is_at("/callback"), "{text:?}");
            let expected = target.split_once('?').map_or("", |(_, query)| query);
            assert_eq!(query.expose(), expected);
            let has_state = query.expose().contains("=") && query.expose().contains("state");
            let is_plain = !query.expose().contains('%');
            let is_answer = is_answered_by(&STATE.into(), query.expose());
            assert!(!is_answer || has_state || !is_plain, "an answer without a state");
        }
        Admission::OneTime => {
            assert!(is_ours && method == "GET" && is_at("/open/x"), "{text:?}");
        }
        Admission::Page { page } => {
            assert!(!(is_ours && method == "GET" && is_known), "kept out: {text:?}");
            let statuses = [421, 404, 405];
            assert!(statuses.contains(&page.status()), "{page:?}");
            assert_eq!(page == Page::WrongHost, !is_ours, "{text:?}");
            assert_eq!(page.html(), Page::NotFound.html(), "the page tells what was sent");
        }
    }
}

//! Requests to the callback server: method, target and `Host` of the input, as an HTTP library
//! hands them on. Bytes that are no HTTP are for the tests of the server itself.

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
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match (is_ours, method, path) {
        (true, "GET", "/callback") => {
            let Admission::Callback { query: admitted } = admission else {
                panic!("the callback is kept out: {text:?}")
            };
            assert_eq!(admitted.expose(), query);
            // As another parser reads it, the first state is this login's, or not.
            if let Some(state) = input::first(query, "state") {
                let is_answer = state.as_deref() == Some(STATE);
                assert_eq!(is_answered_by(&STATE.into(), query), is_answer, "{query:?}");
            }
        }
        (true, "GET", "/open/x") => assert_eq!(admission, Admission::OneTime, "{text:?}"),
        (is_ours, _, path) => {
            let Admission::Page { page } = admission else { panic!("it is let in: {text:?}") };
            let status = match (is_ours, path) {
                (false, _) => 421,
                (true, "/callback" | "/open/x") => 405,
                (true, _) => 404,
            };
            assert_eq!(page.status(), status, "{text:?}");
            assert_eq!(page.html(), Page::NotFound.html(), "the page tells what was sent");
        }
    }
}

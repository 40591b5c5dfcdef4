//! Where a server would have secrets sent: never anywhere.

use pi_auth_tests::wire::{Script, Wire};

use super::answers::Means;
use super::jobs;

#[test]
fn no_redirect_of_any_request_is_followed() {
    let elsewhere = Wire::of(Script::status(200));
    let port = elsewhere.port();
    // Another host, which is this one under another name; http; itself; and what is no address.
    let locations = [
        format!("http://127.0.0.1:{port}/stolen"),
        format!("http://localhost:{port}/stolen"),
        format!("https://127.0.0.1:{port}/stolen"),
        format!("//127.0.0.1:{port}/stolen"),
        format!("http://127.0.0.1@127.0.0.1:{port}/"),
        "/v1/oauth/token".to_owned(),
        "".to_owned(),
        "file:///etc/passwd".to_owned(),
        "ftp://127.0.0.1/".to_owned(),
        "::".to_owned(),
    ];
    let statuses = [301, 302, 303, 307, 308];
    for job in jobs::ALL {
        let sandbox = jobs::sandbox();
        // Every request gets each status, and each location.
        let cases: Vec<_> = locations
            .iter()
            .zip(statuses.iter().cycle())
            .map(|(location, status)| {
                let script = Script::answer(*status, &[("Location", location)], "");
                let name = format!("{status} to {location:?}");
                job.start(&sandbox, &name, Means::Refused(*status), script)
            })
            .collect();
        for case in cases {
            case.ends();
        }
    }
    assert_eq!(elsewhere.heard(), [""; 0], "something went elsewhere");
}

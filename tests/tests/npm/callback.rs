//! The callback's server is there twice, since a core without I/O has none: what a browser is told,
//! by `pi` and by the package, is the same.

use pi_auth_tests::loopback::Request;
use pi_auth_tests::npm::{node, package};
use pi_auth_tests::pi::{Home, Pi};
use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Config, Sandbox};
use url::Url;

/// What a browser is told: the status, the headers that a page needs, and the page.
type Told = (u16, [Option<String>; 4], String);

const HEADERS: [&str; 4] =
    ["cache-control", "content-security-policy", "content-type", "referrer-policy"];

fn told(request: Request) -> Told {
    let reply = request.send().unwrap();
    (reply.status, HEADERS.map(|name| reply.header(name).map(str::to_owned)), reply.body)
}

/// What this login tells browsers that bring something wrong, and then the one that answers it.
fn tells(login: Pi<'_>, answer: impl Fn(&str) -> Landing) -> (Vec<Told>, (u16, String)) {
    let mut login = login.browser("exit 0").start();
    let page = Url::parse(&login.authorize_url()).unwrap();
    let of_page =
        |name: &str| page.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let callback = Url::parse(&of_page("redirect_uri")).unwrap();
    let (port, path, state) = (callback.port().unwrap(), callback.path(), of_page("state"));
    let base = format!("http://127.0.0.1:{port}");
    let answers = format!("{base}{path}?code=c&state={state}");
    let wrong = [
        Request::get(&answers).header("host", "evil.invalid"),
        Request::get(&answers).header("host", "localhost"),
        Request::get(format!("{base}{path}/?code=c&state={state}")),
        Request::get(format!("{base}/favicon.ico")),
        Request::post_form(&answers, &[]),
        Request::post_form(&base, &[]),
        Request::post_form(&base, &[]).header("host", "evil.invalid"),
        Request::get(format!("{base}{path}")),
        Request::get(format!("{base}{path}?code=c&state=another"))
            .header("host", &format!("LOCALHOST:{port}")),
    ];
    let wrong = wrong.map(told).to_vec();
    let Landing::Callback { status, body, .. } = answer(page.as_str()) else {
        panic!("no callback")
    };
    login.finish();
    (wrong, (status, body))
}

#[test]
fn a_browser_is_told_the_same_by_pi_and_by_the_package() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let program = package().join("test/programs/login.mjs");
    let program = program.to_str().unwrap();
    for (answer, status) in [
        (&robot::approve as &dyn Fn(&str) -> Result<Landing, robot::Error>, 200),
        (&robot::deny, 400),
    ] {
        let [ours, theirs] = [Home::at(&sandbox), Home::at(&sandbox)];
        let answer = |page: &str| answer(page).unwrap();
        let native = tells(ours.pi(["login", "anthropic"]), answer);
        let node = tells(theirs.program(&node().unwrap(), [program, "anthropic"]), answer);
        assert_eq!(node, native);
        let statuses: Vec<u16> = native.0.iter().map(|(status, ..)| *status).collect();
        assert_eq!(statuses, [421, 421, 404, 404, 405, 404, 421, 400, 400]);
        let headers = native.0.iter().flat_map(|(_, headers, _)| headers);
        assert!(headers.into_iter().all(Option::is_some), "{:?}", native.0);
        assert_eq!(native.1.0, status);
    }
}

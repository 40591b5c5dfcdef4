//! A device, and a client of Copilot's, written as plainly as can be.

use pi_auth_tests::loopback::{Reply, Request};
use pi_auth_tests::sandbox::{Config, GITHUB_CLIENT_ID, GithubSettings, Kind, Sandbox, Settings};
use serde_json::Value;

pub(crate) const DOMAIN: &str = "github.com";
pub(crate) const ENTERPRISE: &str = "ghe.example.com";
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What says which editor it is.
pub(crate) const EDITOR: [(&str, &str); 4] = [
    ("User-Agent", "GitHubCopilotChat/0.35.0"),
    ("Editor-Version", "vscode/1.107.0"),
    ("Editor-Plugin-Version", "copilot-chat/0.35.0"),
    ("Copilot-Integration-Id", "vscode-chat"),
];

/// A sandbox whose devices need not wait.
pub(crate) fn prompt() -> Sandbox {
    let github = GithubSettings { interval_s: 0, ..GithubSettings::default() };
    let settings = Settings { github, ..Settings::default() };
    Sandbox::start(Config { settings, ..Config::default() }).unwrap()
}

/// What the device was told to do.
pub(crate) struct Device<'a> {
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) domain: &'a str,
    pub(crate) told: Value,
}

impl<'a> Device<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox) -> Self {
        Self::at(sandbox, DOMAIN)
    }

    pub(crate) fn at(sandbox: &'a Sandbox, domain: &'a str) -> Self {
        let reply = authorize(sandbox, domain, &[("client_id", GITHUB_CLIENT_ID), SCOPE]);
        assert_eq!(reply.status, 200, "{}", reply.body);
        Self { sandbox, domain, told: reply.json() }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap()
    }

    pub(crate) fn poll_request(&self) -> Request {
        let fields = [
            ("client_id", GITHUB_CLIENT_ID),
            ("device_code", self.text("device_code")),
            ("grant_type", GRANT_TYPE),
        ];
        form(self.sandbox, self.domain, "login/oauth/access_token", &fields)
    }

    pub(crate) fn poll(&self) -> Reply {
        self.poll_request().send().unwrap()
    }

    /// Polls and gives the error, which comes with a 200.
    #[track_caller]
    pub(crate) fn poll_error(&self) -> String {
        let reply = self.poll();
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) const SCOPE: (&str, &str) = ("scope", "read:user");

pub(crate) fn authorize(sandbox: &Sandbox, domain: &str, fields: &[(&str, &str)]) -> Reply {
    form(sandbox, domain, "login/device/code", fields).send().unwrap()
}

pub(crate) fn form(
    sandbox: &Sandbox,
    domain: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> Request {
    let url = format!("{}/{domain}/{path}", sandbox.base_url());
    Request::post_form(url, fields).header("Accept", "application/json")
}

/// A GET with an editor's headers and a token.
pub(crate) fn get(sandbox: &Sandbox, domain: &str, path: &str, token: &str) -> Request {
    dressed(Request::get(format!("{}/{domain}/{path}", sandbox.base_url())), token)
}

/// The same request with an editor's headers and a token.
pub(crate) fn dressed(request: Request, token: &str) -> Request {
    let request = request.header("Authorization", &format!("Bearer {token}"));
    EDITOR.iter().fold(request, |request, (name, value)| request.header(name, value))
}

pub(crate) fn exchange(sandbox: &Sandbox, domain: &str, token: &str) -> Reply {
    get(sandbox, domain, "copilot_internal/v2/token", token).send().unwrap()
}

/// The last error that was logged.
pub(crate) fn last_error(sandbox: &Sandbox) -> String {
    match sandbox.log().pop().unwrap().kind {
        Kind::Refused { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

//! The requests that `pi` makes: what makes each, and how the job ends that gets no answer to it.

use pi_auth_tests::pi::{Age, Ended, Home, Running};
use pi_auth_tests::sandbox::Sandbox;
use pi_auth_tests::wire::{Script, Wire};
use serde_json::{Value, json};

use super::answers::Means;
use crate::copilot::{COPILOT, GITHUB, approved, assert_logged_in, entry, quick, stored};
use crate::login::code_page;

/// A sandbox for many logins at once: each browser is told which code to enter.
pub(super) fn sandbox() -> Sandbox {
    let sandbox = quick();
    sandbox.change(|settings| settings.github.send_verification_uri_complete = true);
    sandbox
}

/// A job in which one request meets an answer.
#[derive(Clone, Copy)]
pub(super) struct Job {
    pub(super) name: &'static str,
    /// The end of the path of the request that meets it.
    pub(super) path_end: &'static str,
    /// True if it is met once only, since another request is made after it.
    pub(super) once: bool,
    /// How many requests are made to that path at most.
    pub(super) requests: usize,
    prepare: fn(&Wire, &Sandbox) -> Home,
    start: fn(&Home) -> Running,
    judge: fn(&Met<'_>, &Ended),
}

/// What came of a request that met an answer.
pub(super) struct Met<'a> {
    pub(super) name: &'a str,
    pub(super) means: Means,
    pub(super) home: &'a Home,
    pub(super) sandbox: &'a Sandbox,
    /// The credential file before.
    before: Option<String>,
}

/// A job that runs.
pub(super) struct Under<'a> {
    job: Job,
    name: String,
    means: Means,
    home: Home,
    wire: Wire,
    sandbox: &'a Sandbox,
    before: Option<String>,
    running: Running,
}

impl Job {
    /// Starts it; its request will meet this.
    pub(super) fn start<'a>(
        self,
        sandbox: &'a Sandbox,
        name: &str,
        means: Means,
        script: Script,
    ) -> Under<'a> {
        let wire = Wire::before(sandbox);
        if self.once {
            wire.meet_once(self.path_end, script);
        } else {
            wire.meet(self.path_end, script);
        }
        let home = (self.prepare)(&wire, sandbox);
        let before = contents(&home);
        let running = (self.start)(&home);
        let name = format!("{}: {name}", self.name);
        Under { job: self, name, means, home, wire, sandbox, before, running }
    }
}

impl Under<'_> {
    /// Waits for its end, and holds it to what it has to do then. Gives the wire, and what was
    /// said.
    #[track_caller]
    pub(super) fn ends(self) -> (Wire, Ended) {
        let Self { job, name, means, home, wire, sandbox, before, running } = self;
        let ended = running.finish();
        let met = Met { name: &name, means, home: &home, sandbox, before };
        (job.judge)(&met, &ended);
        let asked = |heard: &&String| {
            heard.split(' ').nth(1).is_some_and(|path| path.ends_with(job.path_end))
        };
        let asked = wire.heard().iter().filter(asked).count();
        assert!((1..=job.requests).contains(&asked), "{name}: {asked} requests: {ended}");
        (wire, ended)
    }

    /// Waits for its end, whatever it is: like every run it is searched for secrets then.
    #[track_caller]
    pub(super) fn ends_somehow(self) -> Ended {
        self.running.finish()
    }
}

impl Met<'_> {
    #[track_caller]
    fn exits(&self, ended: &Ended, code: i32) {
        assert_eq!(ended.code(), Some(code), "{}: {ended}", self.name);
    }

    #[track_caller]
    fn says(&self, ended: &Ended, text: &str) {
        assert!(ended.stderr.contains(text), "{} does not say {text}: {ended}", self.name);
    }

    #[track_caller]
    fn is_kept(&self, ended: &Ended) {
        assert_eq!(contents(self.home), self.before, "{}: {ended}", self.name);
    }
}

/// Every job, by the one request that meets the answer.
pub(super) const ALL: [Job; 9] =
    [REFRESH, EXCHANGE, DEVICE, POLL, COPILOT_TOKEN, MODELS, POLICY, DISCOVERY, REVOCATION];

/// A refresh of Anthropic's.
pub(super) const REFRESH: Job = Job {
    name: "refresh",
    path_end: "/v1/oauth/token",
    once: false,
    requests: 1,
    prepare: |wire, sandbox| {
        let home = at(wire, sandbox);
        home.store(&sandbox.issue(), Age::Expired.expires());
        home
    },
    start: |home| home.pi(["token", "anthropic"]).talkative().start(),
    judge: |met, ended| {
        met.exits(ended, 1);
        ended.prints("");
        met.says(ended, "Your login is kept.");
        met.says(ended, &met.means.words());
        met.says(ended, if met.means.is_transient() { "Try again in " } else { "Try again; if" });
        met.is_kept(ended);
        let remembered = met.home.names().iter().any(|name| name.ends_with(".backoff"));
        let is_verdict = matches!(met.means, Means::OAuth);
        assert_eq!(remembered, !is_verdict, "{}", met.name);
    },
};

/// The exchange of a code that was pasted.
pub(super) const EXCHANGE: Job = Job {
    name: "exchange",
    path_end: "/v1/oauth/token",
    once: false,
    requests: 1,
    prepare: at,
    start: |home| {
        let mut pi = home.pi(["login", "anthropic", "--no-browser"]).talkative().start();
        let (code, state) = code_page(&pi.authorize_url());
        pi.write(&format!("{code}#{state}\n"));
        pi
    },
    judge: |met, ended| {
        met.exits(ended, 1);
        ended.prints("");
        met.says(ended, "did not take the authorization code: ");
        met.says(ended, &met.means.words());
        met.says(ended, "`pi login anthropic` again");
        met.is_kept(ended);
    },
};

/// The request for a device's code.
pub(super) const DEVICE: Job = Job {
    name: "device",
    path_end: "/login/device/code",
    once: false,
    requests: 1,
    prepare: at,
    start: |home| home.pi(["login", COPILOT]).talkative().start(),
    judge: |met, ended| {
        met.exits(ended, 1);
        ended.prints("");
        met.says(ended, "The login to GitHub Copilot came to nothing: ");
        met.says(ended, &met.means.words());
        met.is_kept(ended);
    },
};

/// A poll of a device whose code was entered already: one that is answered by trouble is not the
/// last.
pub(super) const POLL: Job = Job {
    name: "poll",
    path_end: "/login/oauth/access_token",
    once: true,
    // The person may take a moment.
    requests: 6,
    prepare: at,
    start: |home| approved(home, &[]).talkative().start(),
    judge: |met, ended| {
        let by_others = matches!(met.means, Means::Refused(300..=399 | 401 | 403));
        let passes = met.means.is_transient() || by_others;
        met.exits(ended, i32::from(!passes));
        if passes {
            met.says(ended, &format!("; last time: {}", met.means.words()));
            assert_logged_in(met.home, met.sandbox, GITHUB);
        } else {
            met.says(ended, &met.means.words());
            met.is_kept(ended);
        }
    },
};

/// The exchange of a GitHub token for a Copilot token, where the old one has expired.
pub(super) const COPILOT_TOKEN: Job = Job {
    name: "Copilot's token",
    path_end: "/copilot_internal/v2/token",
    once: false,
    requests: 1,
    prepare: |wire, sandbox| {
        let home = at(wire, sandbox);
        let login = entry(&sandbox.issue_copilot(GITHUB), Age::Expired.expires());
        home.write("oauth.json", json!({ COPILOT: login }).to_string());
        home
    },
    start: |home| home.pi(["token", COPILOT]).talkative().start(),
    judge: |met, ended| {
        let (code, words) = match met.means {
            Means::Refused(401) => (4, "HTTP 401".to_owned()),
            Means::Refused(status @ (403 | 404)) => (1, format!("(HTTP {status})")),
            means => (1, means.words()),
        };
        met.exits(ended, code);
        ended.prints("");
        met.says(ended, &words);
        met.is_kept(ended);
    },
};

/// Copilot's models, once the login is stored: nothing there can fail it.
pub(super) const MODELS: Job = Job {
    name: "models",
    path_end: "/models",
    once: false,
    requests: 1,
    prepare: at,
    start: |home| approved(home, &[]).talkative().start(),
    judge: |met, ended| {
        met.exits(ended, 0);
        met.says(ended, "note: There is no list of your models: ");
        let words = match met.means {
            // To whoever shows a token, this means the token.
            Means::Refused(401) => "(HTTP 401)".to_owned(),
            means => means.words(),
        };
        met.says(ended, &words);
        assert_logged_in(met.home, met.sandbox, GITHUB);
    },
};

/// Consent to a model, which is skipped, or the last that is tried.
pub(super) const POLICY: Job = Job {
    name: "policy",
    path_end: "/policy",
    once: false,
    requests: 2,
    prepare: at,
    start: |home| approved(home, &[]).talkative().start(),
    judge: |met, ended| {
        met.exits(ended, 0);
        let is_success = met.means.is_success() || met.name.ends_with("an error in a success");
        assert_eq!(ended.stderr.contains("note: "), !is_success, "{}: {ended}", met.name);
        match met.means {
            Means::Limited | Means::Broken | Means::TooLarge | Means::TooLate => {
                met.says(ended, &met.means.words());
            }
            Means::Refused(status) | Means::Trouble(status) => {
                met.says(ended, &format!("could not be enabled (HTTP {status})"));
            }
            _ => {}
        }
        assert_logged_in(met.home, met.sandbox, GITHUB);
        assert!(!stored(met.home, "access").is_empty());
    },
};

/// An issuer that is asked where its endpoints are, for a refresh.
pub(super) const DISCOVERY: Job = Job {
    name: "discovery",
    path_end: "",
    once: false,
    requests: 2,
    prepare: |wire, sandbox| {
        acme(sandbox, &json!({ "flow": "authorization_code", "issuer": wire.url() }))
    },
    start: |home| home.pi(["token", "acme"]).talkative().start(),
    judge: |met, ended| {
        met.exits(ended, 1);
        ended.prints("");
        met.says(ended, "Your login is kept.");
        let words = match met.means {
            Means::TooLarge => Means::Unreadable(200).words(),
            means => means.words(),
        };
        met.says(ended, &words);
        met.is_kept(ended);
    },
};

/// A provider that is told of a logout, which is one whatever it says.
pub(super) const REVOCATION: Job = Job {
    name: "revocation",
    path_end: "/revoke",
    once: false,
    requests: 1,
    prepare: |wire, sandbox| {
        let url = |path: &str| format!("{}/{path}", wire.url());
        acme(
            sandbox,
            &json!({
                "flow": "authorization_code", "authorize_url": url("authorize"),
                "token_url": url("token"), "revocation_url": url("revoke"),
            }),
        )
    },
    start: |home| home.pi(["logout", "acme"]).talkative().start(),
    judge: |met, ended| {
        met.exits(ended, 0);
        assert!(met.home.entry("acme").is_null(), "{}: {ended}", met.name);
        if met.means.is_success() || met.name.ends_with("an error in a success") {
            assert!(ended.stdout.contains("has confirmed"), "{}: {ended}", met.name);
        } else {
            met.says(ended, "has not confirmed it: ");
            met.says(ended, &met.means.words());
        }
    },
};

/// A home whose built-in providers are this sandbox, with the wire before the endpoints that only
/// `pi` talks to.
fn at(wire: &Wire, sandbox: &Sandbox) -> Home {
    let mut providers: Value = serde_json::from_str(&sandbox.providers_json()).unwrap();
    for provider in ["anthropic", COPILOT] {
        for key in ["token_url", "device_authorization_url", "copilot_token_url", "api_base_url"] {
            if let Some(url) = providers[provider][key].as_str() {
                providers[provider][key] = url.replace(sandbox.base_url(), &wire.url()).into();
            }
        }
    }
    let home = Home::new();
    home.override_providers(&providers.to_string());
    home
}

/// A home that knows a provider of its own, with a login of it that has expired.
fn acme(sandbox: &Sandbox, entry: &Value) -> Home {
    let mut entry = entry.clone();
    entry["client_id"] = "client".into();
    let home = Home::new();
    home.override_providers(&json!({ "acme": entry }).to_string());
    let tokens = sandbox.issue();
    let login = json!({
        "type": "oauth", "refresh": tokens.refresh, "access": tokens.access,
        "expires": Age::Expired.expires(),
    });
    home.write("oauth.json", json!({ "acme": login }).to_string());
    home
}

fn contents(home: &Home) -> Option<String> {
    std::fs::read_to_string(home.file()).ok()
}

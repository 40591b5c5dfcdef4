//! The steps, in the order in which they are shown. Each stands on what the last one left.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pi_auth_tests::robot::{self, Landing};
use pi_auth_tests::sandbox::{Entry, Fault, Kind};
use serde_json::Value;

use super::copilot;
use super::running::Running;
use super::stage::Stage;
use crate::Result;
use crate::home::now_ms;

/// One step.
pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) show: fn(&mut Stage) -> Result,
}

pub(super) const STEPS: &[Step] = &[
    Step { title: "Nobody is logged in", show: nobody },
    Step { title: "Log in with a browser on this machine", show: login_with_browser },
    Step {
        title: "Log in with a browser somewhere else, and paste the code",
        show: login_by_paste,
    },
    Step { title: "Who is logged in", show: status },
    Step { title: "A fresh token costs nothing", show: fresh_token },
    Step { title: "Eight processes find the token expired, at once", show: refresh_once },
    Step { title: "The provider says: too many requests", show: too_many_requests },
    Step { title: "Log in to GitHub Copilot by a code", show: copilot::login },
    Step { title: "A Copilot token lives for half an hour", show: copilot::refresh },
    Step { title: "What a request to Copilot carries", show: copilot::headers },
    Step { title: "Somebody has opened the file to everybody", show: doctor },
    Step { title: "Log out", show: logout },
];

const ANTHROPIC: &str = "anthropic";
pub(super) const MINUTE_MS: u64 = 60_000;

fn nobody(stage: &mut Stage) -> Result {
    let said = stage.pi("status")?;
    stage.claim_code(&said, 4, "a script can tell that a login is needed")?;
    stage.claim("nothing was created", !stage.home.agent_directory().exists())
}

fn login_with_browser(stage: &mut Stage) -> Result {
    let before = stage.sandbox.log().len();
    // The robot loads the page, finds the button and presses it, and follows where it is sent.
    let browser = "robot approve %s";
    let mut command = stage.command("login anthropic");
    command.env("BROWSER", browser);
    let running = Running::start(command)?;
    let said = stage.show(&format!("BROWSER='{browser}' pi login anthropic"), running)?;
    stage.claim_code(&said, 0, "the browser came back to pi on 127.0.0.1 with the code")?;

    let log = stage.sandbox.log().split_off(before);
    let asked = find(&log, &Kind::AuthorizePage)?;
    let exchanged = find(&log, &Kind::CodeExchanged)?;
    let redirect = exchanged.field("redirect_uri").unwrap_or_default();
    let loopback =
        ["http://localhost:", "http://127.0.0.1:"].iter().any(|it| redirect.starts_with(it));
    stage.claim("the code was sent to loopback, and pasted by nobody", loopback)?;
    let verifier = exchanged.field("code_verifier").unwrap_or_default();
    let kept =
        !verifier.is_empty() && asked.request.fields.values().all(|it| !it.contains(verifier));
    stage.claim("the PKCE verifier was in no URL: the state is a random value of its own", kept)?;

    let file = stage.home.credential_file();
    let private = mode(&file)? == 0o600 && mode(&stage.home.agent_directory())? == 0o700;
    stage.claim("the credential file is 0600, in a directory that is 0700", private)
}

fn login_by_paste(stage: &mut Stage) -> Result {
    let first = stage.stored_token(ANTHROPIC, "access")?;
    let before = stage.sandbox.log().len();
    let words = "login anthropic --paste --no-browser";
    let mut running = Running::start_with_stdin(stage.command(words))?;
    let url = running.hear(stage.sandbox.base_url())?;
    let Landing::Code(code) = robot::approve(&url)? else {
        return Err("the provider showed no code".into());
    };
    running.type_line(&code)?;
    let said = stage.show(&format!("pi {words}"), running)?;
    stage.meanwhile("a person opened that page, pressed Authorize and pasted the code it showed");
    stage.claim_code(&said, 0, "the URL went to stderr, the code came as one line on stdin")?;

    let log = stage.sandbox.log().split_off(before);
    let exchanged = find(&log, &Kind::CodeExchanged)?;
    let (state, verifier) = (exchanged.field("state"), exchanged.field("code_verifier"));
    stage.claim("here, too, the state differs from the PKCE verifier", state != verifier)?;
    let second = stage.stored_token(ANTHROPIC, "access")?;
    let valid = stage.sandbox.is_valid_access(&second);
    stage.claim("the new login has replaced the first", second != first && valid)
}

fn status(stage: &mut Stage) -> Result {
    let said = stage.pi("status")?;
    stage.claim_code(&said, 0, "something usable is there")?;
    let in_json = stage.pi("status --json")?;
    stage.claim_code(&in_json, 0, "the same for programs")?;
    let report: Value = serde_json::from_str(&in_json.stdout)?;
    let login = &report["keys"][0];
    let told = login["provider"]["id"] == "anthropic" && login["active"] == true;
    stage.claim("the JSON names the provider, and the login as the key that wins", told)?;
    let expires = stage.stored(ANTHROPIC, "expires")?.as_u64().unwrap_or_default() + 5 * MINUTE_MS;
    stage.claim("and when the token really expires", login["expires_ms"] == expires)?;
    let printed = [said.stdout, said.stderr, in_json.stdout, in_json.stderr].concat();
    let silent = !printed.contains(&stage.stored_token(ANTHROPIC, "access")?)
        && !printed.contains(&stage.stored_token(ANTHROPIC, "refresh")?);
    stage.claim("no token was shown", silent)
}

fn fresh_token(stage: &mut Stage) -> Result {
    let (requests, grants) = (stage.sandbox.log().len(), stage.sandbox.grants());
    let said = stage.pi("token anthropic")?;
    let stored = stage.stored_token(ANTHROPIC, "access")?;
    stage.claim_code(&said, 0, "here is a token")?;
    stage
        .claim("stdout is the stored token and a newline", said.stdout == format!("{stored}\n"))?;
    stage.claim("stderr is empty", said.stderr.is_empty())?;
    let unasked = (stage.sandbox.log().len(), stage.sandbox.grants()) == (requests, grants);
    stage.claim("the provider was not asked", unasked)
}

fn refresh_once(stage: &mut Stage) -> Result {
    const PROCESSES: usize = 8;
    let old = stage.stored_token(ANTHROPIC, "access")?;
    let grants = stage.sandbox.grants();
    stage.store_expiry(ANTHROPIC, now_ms()? - 60 * MINUTE_MS)?;
    stage.meanwhile("the stored token is made an hour too old");
    stage.typed("for i in 1 2 3 4 5 6 7 8; do pi token anthropic & done; wait");
    let start = |_| Running::start(stage.command("token anthropic"));
    let running = (0..PROCESSES).map(start).collect::<Result<Vec<_>>>()?;
    let said = running.into_iter().map(Running::finish).collect::<Result<Vec<_>>>()?;
    for said in &said {
        stage.print(&said.stderr);
        stage.print(&said.stdout);
    }
    let stored = stage.stored_token(ANTHROPIC, "access")?;
    let all = said.iter().all(|said| said.code == 0 && said.stdout.trim_end() == stored);
    stage.claim("all eight printed the same token, the one that is stored now", all)?;
    let valid = stored != old && stage.sandbox.is_valid_access(&stored);
    stage.claim("it is new, and the provider takes it", valid)?;
    let granted = stage.sandbox.grants() - grants;
    stage.claim("the provider was asked for exactly one refresh", granted == 1)?;
    let refresh = stage.stored_token(ANTHROPIC, "refresh")?;
    stage.claim("the rotated refresh token was stored", stage.sandbox.is_valid_refresh(&refresh))
}

fn too_many_requests(stage: &mut Stage) -> Result {
    let slow_down = || Fault::Status {
        code: 429,
        headers: BTreeMap::from([("Retry-After".to_owned(), "7".to_owned())]),
        body: String::new(),
    };
    stage.store_expiry(ANTHROPIC, now_ms()? - 60 * MINUTE_MS)?;
    stage.sandbox.fail_next(slow_down());
    stage.meanwhile("the token is made an hour too old; the provider answers 429, Retry-After: 7");
    let before = stage.credentials()?;
    let said = stage.pi("token anthropic")?;
    stage.claim_code(&said, 1, "it did not work, and a login would not mend it")?;
    stage.claim("nothing was printed to stdout", said.stdout.is_empty())?;
    stage.claim("the message says when to try again", said.stderr.contains("7 s"))?;
    stage.claim("the credential is kept, byte for byte", stage.credentials()? == before)?;

    stage.store_expiry(ANTHROPIC, now_ms()? - MINUTE_MS)?;
    stage.sandbox.fail_next(slow_down());
    stage.meanwhile("the same with a token that is due, but really valid for 4 more minutes");
    let said = stage.pi("token anthropic")?;
    stage.claim_code(&said, 0, "a token that still works is still served")?;
    let stored = stage.stored_token(ANTHROPIC, "access")?;
    stage.claim("stdout is that token", said.stdout == format!("{stored}\n"))?;
    stage.claim("a note says why it is not fresher", said.stderr.contains("note"))?;
    stage.sandbox.clear_faults();
    Ok(())
}

fn doctor(stage: &mut Stage) -> Result {
    let file = stage.home.credential_file();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    stage.sandbox.change(|settings| settings.clock_ahead_s = -120);
    stage.meanwhile("chmod 644; and the provider's clock is set two minutes back");
    let before = stage.credentials()?;
    let said = stage.pi("doctor")?;
    stage.claim_code(&said, 1, "there is something to mend")?;
    let command = "chmod 600 ~/.pi/agent/";
    stage.claim("it is found, with the command that mends it", said.stdout.contains(command))?;
    stage.claim("the clocks do not agree, which is worth a note", {
        said.stdout.contains("! This machine's clock is 2 min ahead")
    })?;
    let said = stage.pi("doctor --fix")?;
    stage.claim_code(&said, 0, "what is safe to mend is mended")?;
    stage.claim("the file is 0600 again, and its bytes are as they were", {
        mode(&file)? == 0o600 && stage.credentials()? == before
    })?;
    stage.sandbox.change(|settings| settings.clock_ahead_s = 0);
    Ok(())
}

fn logout(stage: &mut Stage) -> Result {
    // Written as no JSON library would: a rewrite of it would show.
    let foreign =
        "\"openai\":  {\"type\":\"api_key\",\t\"key\": \"sk-of-another-agent\", \"n\": 1.50e+2 }";
    let text = stage.credentials()?.replacen('{', &format!("{{\n{foreign},"), 1);
    fs::write(stage.home.credential_file(), text)?;
    stage.meanwhile("another agent stores an API key in the same file");
    let said = stage.pi("logout anthropic --yes")?;
    stage.claim_code(&said, 0, "logged out")?;
    let text = stage.credentials()?;
    let left: Value = serde_json::from_str(&text)?;
    let names: Vec<_> = left.as_object().into_iter().flat_map(|all| all.keys()).collect();
    stage.claim(
        "the login is gone from the file, and only the login",
        names == ["github-copilot", "openai"],
    )?;
    stage.claim("the other agent's entry is unchanged, byte for byte", text.contains(foreign))?;
    let said = stage.pi("token anthropic")?;
    stage.claim_code(&said, 4, "a login is needed")?;
    let told = said.stderr.contains("pi login anthropic");
    stage.claim("the message says which command that is", told)?;
    let other = stage.pi("token github-copilot")?;
    stage.claim_code(&other, 0, "the login to Copilot is as good as before")
}

pub(super) fn find<'a>(log: &'a [Entry], kind: &Kind) -> Result<&'a Entry> {
    let entry = log.iter().find(|entry| entry.kind == *kind);
    Ok(entry.ok_or_else(|| format!("the provider has not seen this: {kind:?}"))?)
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}

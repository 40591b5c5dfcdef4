//! The steps about GitHub Copilot: a login by a code, the exchange, the headers of a request.

use pi_auth_tests::sandbox::Kind;
use serde_json::Value;

use super::running::Running;
use super::stage::Stage;
use super::steps::{MINUTE_MS, find};
use crate::Result;
use crate::home::now_ms;

const COPILOT: &str = "github-copilot";
const DOMAIN: &str = "github.com";

pub(super) fn login(stage: &mut Stage) -> Result {
    let before = stage.sandbox.log().len();
    // The robot loads the page, enters the code that waits there and presses Authorize.
    let browser = "robot approve %s";
    let mut command = stage.command("login github-copilot");
    command.env("BROWSER", browser);
    let running = Running::start(command)?;
    let said = stage.show(&format!("BROWSER='{browser}' pi login github-copilot"), running)?;
    stage.claim_code(&said, 0, "the person entered the code, and pi found out by polling")?;

    let log = stage.sandbox.log().split_off(before);
    let shown = log.iter().find_map(|entry| match &entry.kind {
        Kind::DeviceAuthorized { user_code } => Some(user_code.clone()),
        _ => None,
    });
    let told = shown.is_some_and(|code| said.stderr.contains(&code));
    stage.claim("the code was shown, and a warning never to enter one of somebody else's", {
        told && said.stderr.contains("Never enter a code that somebody sent you")
    })?;
    let in_time = stage.sandbox.polls().iter().all(|poll| !poll.too_early);
    stage.claim("no poll came earlier than GitHub allows", in_time)?;
    find(&log, &Kind::CopilotExchanged)?;
    let (github, copilot) = (stage.stored_token(COPILOT, "refresh")?, access(stage)?);
    let valid = stage.sandbox.is_valid_github(DOMAIN, &github)
        && stage.sandbox.is_valid_copilot(DOMAIN, &copilot);
    stage.claim("the GitHub token was exchanged for a Copilot token; both are stored", valid)?;
    let overlap = log.iter().any(|entry| entry.kind == Kind::PolicyOverlap);
    stage.claim("models nobody had decided on were enabled, one after another", {
        !overlap && log.iter().any(|entry| matches!(entry.kind, Kind::PolicyEnabled { .. }))
    })?;
    let models = stage.stored(COPILOT, "availableModelIds")?;
    let listed = models.as_array().is_some_and(|models| !models.is_empty());
    stage.claim("the models that may be used are kept with the login", listed)
}

pub(super) fn refresh(stage: &mut Stage) -> Result {
    let old = access(stage)?;
    stage.store_expiry(COPILOT, now_ms()? - 60 * MINUTE_MS)?;
    stage.meanwhile("the stored token is made an hour too old");
    let before = stage.sandbox.log().len();
    let said = stage.pi("token github-copilot")?;
    stage.claim_code(&said, 0, "here is a new one")?;
    let requests = stage.sandbox.log().split_off(before);
    stage.claim("it took exactly one request", {
        requests.len() == 1 && requests[0].kind == Kind::CopilotExchanged
    })?;
    let new = access(stage)?;
    let valid = new != old && stage.sandbox.is_valid_copilot(DOMAIN, &new);
    stage.claim("it is stored, and Copilot takes it", valid && said.stdout == format!("{new}\n"))
}

pub(super) fn headers(stage: &mut Stage) -> Result {
    let said = stage.pi("headers github-copilot --initiator agent")?;
    stage.claim_code(&said, 0, "lines fit for `curl -H @FILE`")?;
    let expected = [
        &format!("Authorization: Bearer {}", access(stage)?),
        "User-Agent: GitHubCopilotChat/0.32.4",
        "Editor-Version: vscode/1.105.1",
        "Editor-Plugin-Version: copilot-chat/0.32.4",
        "Copilot-Integration-Id: vscode-chat",
        "Openai-Intent: conversation-edits",
        "X-Initiator: agent",
    ];
    let exact = said.stdout.lines().eq(expected);
    stage.claim("they are the seven that Copilot asks for", exact)?;
    let in_json = stage.pi("headers github-copilot --json")?;
    let json: Value = serde_json::from_str(&in_json.stdout)?;
    let base_url = format!("{}/{DOMAIN}/copilot", stage.sandbox.base_url());
    stage.claim("the base URL goes with them", {
        json["base_url"] == base_url && said.stderr.contains(&base_url)
    })
}

fn access(stage: &Stage) -> Result<String> {
    stage.stored_token(COPILOT, "access")
}

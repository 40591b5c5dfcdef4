//! The agent at a terminal, and somebody who reads it and types.

use pi_auth_tests::agent::{Agent, OFFLINE, Version, extension};
use pi_auth_tests::pi::{Home, Terminal};
use portable_pty::PtySize;

/// Wide enough for an authorization URL to be on one line.
const SIZE: PtySize = PtySize { rows: 50, cols: 600, pixel_width: 0, pixel_height: 0 };

/// The agent with the extension, at a terminal, once it takes commands.
#[track_caller]
pub(crate) fn open(version: Version, home: &Home, variables: &[(&str, &str)]) -> Terminal {
    let (node, program) = Agent::installed(version).command();
    let words = [program, "--no-session", "--no-tools", "-e", extension()];
    let variables = [&[OFFLINE], variables].concat();
    let mut agent = Terminal::open(SIZE, home, node, &words, &variables);
    agent.see("[Extensions]");
    agent
}

/// Types a command, and enters it once the agent has recognized it.
#[track_caller]
pub(crate) fn command(agent: &mut Terminal, name: &str) {
    agent.press(&format!("/{name}"));
    agent.see(&format!("→ {name} "));
    agent.press("\r");
}

/// Goes by `/login` to the login of the provider whose name holds this word.
#[track_caller]
pub(crate) fn log_in(agent: &mut Terminal, word: &str) {
    command(agent, "login");
    agent.see("Select authentication method");
    agent.press("\r");
    agent.see("Select provider to configure");
    agent.press(word);
    agent.press("\r");
    agent.see("Login to");
}

/// The word on the screen that begins so, once it is there.
#[track_caller]
pub(crate) fn word(agent: &mut Terminal, beginning: &str) -> String {
    agent.see(beginning);
    let screen = agent.screen();
    screen.split_whitespace().find(|it| it.starts_with(beginning)).unwrap().to_owned()
}

/// The ids of the models of this provider that `/model` offers. It stays open.
#[track_caller]
pub(crate) fn offered(agent: &mut Terminal, provider: &str) -> Vec<String> {
    command(agent, "model");
    let mark = format!("[{provider}]");
    agent.see(&mark);
    let screen = agent.screen();
    let lines = screen.lines().filter(|line| line.contains(&mark));
    lines
        .map(|it| it.trim_start_matches([' ', '→']).split(' ').next().unwrap().to_owned())
        .collect()
}

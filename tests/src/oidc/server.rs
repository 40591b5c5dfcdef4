//! The process: started, asked what happened, told what to spoil, ended.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Entry, Kind, Settings};
use crate::loopback::Request;
use crate::npm::{self, MEND};
use crate::pi::PATIENCE;

/// The folder with the server's program and what it depends on.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oidc-server");

/// A running server. It ends when it is dropped, or with the process that started it.
#[derive(Debug)]
pub struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Starts a server of its own for a test; when this returns, it accepts connections.
    ///
    /// # Panics
    /// When it cannot be installed or does not start; the message says what is missing.
    pub fn start() -> Self {
        let modules = npm::modules(Path::new(PROGRAM))
            .unwrap_or_else(|problem| panic!("oidc-provider is not installed: {problem}"));
        let mut process = Command::new("node")
            .arg(format!("{PROGRAM}/server.mjs"))
            .arg(modules)
            // It ends with its input, and so with this process, however that ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("node does not start ({error}); {MEND}"));
        let mut stdout = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let (told, hear) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = stdout.read_line(&mut line);
            let _ = told.send(line);
        });
        let mut server = Self { process, url: String::new() };
        let line = hear.recv_timeout(PATIENCE).unwrap_or_default();
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        match told["url"].as_str() {
            Some(url) => url.clone_into(&mut server.url),
            None => panic!("oidc-provider does not start, and said why above; {MEND}"),
        }
        server
    }

    /// Where it is, which is also what it is called as an issuer: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes settings while it runs: `server.change(|settings| settings.oauth_metadata = false)`.
    pub fn change(&self, how: impl FnOnce(&mut Settings)) {
        let path = format!("{}/_test/settings", self.url);
        let mut settings: Settings = read(Request::get(&path));
        how(&mut settings);
        let document = serde_json::to_value(&settings).expect("settings are JSON");
        let changed: Settings = read(Request::post_json(&path, &document));
        assert_eq!(changed, settings);
    }

    /// Everything that happened so far, in order.
    pub fn log(&self) -> Vec<Entry> {
        read(Request::get(format!("{}/_test/log", self.url)))
    }

    /// The same, without the times.
    pub fn kinds(&self) -> Vec<Kind> {
        self.log().into_iter().map(|entry| entry.kind).collect()
    }

    /// How many refreshes were granted.
    pub fn refreshes(&self) -> usize {
        let grants = self.kinds().into_iter().filter_map(|kind| match kind {
            Kind::Granted { grant_type, .. } => Some(grant_type),
            _ => None,
        });
        grants.filter(|grant_type| grant_type == "refresh_token").count()
    }

    /// Which endpoints have revoked a whole login so far.
    pub fn families_revoked(&self) -> Vec<String> {
        let by = |kind| if let Kind::FamilyRevoked { by } = kind { Some(by) } else { None };
        self.kinds().into_iter().filter_map(by).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read<T: DeserializeOwned>(request: Request) -> T {
    let reply = request.timeout(PATIENCE).send().expect("the server answers");
    serde_json::from_str(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", reply.body))
}

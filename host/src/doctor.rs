//! What is wrong with this machine's logins, and what mends it: `pi doctor`.
//!
//! Each check is a file: it looks (the thin part), and judges what was seen (a pure function with a
//! table of cases below it). Without [`Options::fix`] nothing is changed and no lock is waited for;
//! and no secret leaves the machine: servers are asked for an answer, and for nothing else.
//!
//! ```text
//!   report         findings, how bad they are, and what is fine
//!   mend           what `--fix` does
//!   directory, link, file, entries, both_files    the credential file and what it is in
//!   aside          where a file can be moved to
//!   subjects       the files that modes and owners matter of
//!     permissions, owner
//!   lock, leftovers    what holds a writer up, and what one has left behind
//!   logins, backoff    who is logged in, what comes before it, and who has to wait
//!   proxy, certificates, network, clock    the way to the providers
//! ```

mod aside;
mod backoff;
mod both_files;
mod certificates;
mod clock;
mod directory;
mod entries;
mod file;
mod leftovers;
mod link;
mod lock;
mod logins;
mod mend;
mod network;
mod owner;
mod permissions;
mod proxy;
mod report;
mod subjects;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pi_auth_core::error::Error;
use pi_auth_core::flow::endpoints::{TokenEndpoint, token_endpoints};
use pi_auth_core::flow::{Event, status::Status};
use pi_auth_core::secret::Secret;
use pi_auth_core::store::access::Fault;
use pi_auth_core::store::document::Document;

use crate::auth::Auth;
use crate::clock::now_ms;
use crate::driver::waited_for;
use crate::http::Clients;
use crate::http::proxy::{Variables, Way};
use crate::interaction::Interaction;
use crate::stop::Stop;
use crate::store::{FORMER, Store};

use network::Server;
pub use report::{Check, Finding, Group, Report, Severity, Verdict};

/// What a checkup may do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Mend what can be mended without asking: modes that are too wide, dead locks, leftovers.
    pub fix: bool,
    /// Ask no server.
    pub offline: bool,
}

/// Looks at everything. `auth` is `None` where there is no directory to look at
/// ([`Error::NoDirectory`]), which is a finding of its own, as everything is that goes wrong here.
///
/// # Errors
/// [`Error::Cancelled`] where `stop` asked for it.
pub async fn examine(
    auth: Option<&Auth>,
    options: Options,
    stop: &Stop,
    interaction: &mut impl Interaction,
) -> Result<Report, Error> {
    tokio::select! {
        biased;
        () = stop.asked() => Err(Error::Cancelled),
        report = look(auth, options, interaction) => Ok(report),
    }
}

async fn look(auth: Option<&Auth>, options: Options, interaction: &mut impl Interaction) -> Report {
    let mut report = Report::default();
    let store = auth.map(Auth::store);
    let mut document = None;
    match &store {
        Some(store) => document = files(store, &mut report, interaction).await,
        None => report.found(Finding::of(Check::Directory, &Error::NoDirectory)),
    }
    if let (Some(store), true) = (&store, options.fix) {
        mend::mend(store, &mut report, interaction).await;
    }
    let endpoints = logins(auth, store.as_ref(), document.as_ref(), &mut report);
    way(endpoints, options, &mut report, interaction).await;
    report
}

/// The file and everything around it; gives what is in it, if that can be read.
async fn files(
    store: &Store,
    report: &mut Report,
    interaction: &mut impl Interaction,
) -> Option<Document> {
    let shown = store.typed(store.directory());
    let (seen, leads) = (directory::look(store), link::look(store, store.directory()));
    report.add(link::judge(&shown, &leads));
    if matches!(leads, link::Leads::Nowhere(_) | link::Leads::Unknown(_)) {
        return None;
    }
    let is_shut = subjects::is_shut(store.directory(), 0o500);
    report.add(directory::judge(&shown, &seen, is_shut));
    if !matches!(seen, directory::Seen::There) {
        return None;
    }
    let path = store.path();
    let shown = store.typed(&path);
    let leads = link::look(store, &path);
    report.add(link::judge(&shown, &leads));
    let places = store.places().ok();
    let file = file::look(store, &path).await;
    // What may not be read is not replaced either, for the same cause.
    if let Some(places) = places.as_ref().filter(|_| !file.is_closed()) {
        report.add(directory::writable(store, places));
    }
    // Of a link that leads nowhere, more has been told already.
    let is_told = match file {
        file::Seen::Nothing => matches!(leads, link::Leads::Nowhere(_)),
        file::Seen::Unusable(_) => places.is_none(),
        file::Seen::Document(_) => false,
    };
    if !is_told {
        let aside = aside::free(&path).map(|path| store.typed(&path));
        let is_shut = subjects::is_shut(&path, 0o400);
        report.add(file::judge(&shown, &file, aside.as_deref(), is_shut));
    }
    let document = match file {
        file::Seen::Document(document) => Some(document),
        file::Seen::Nothing => Document::parse(None).ok(),
        file::Seen::Unusable(_) => None,
    };
    if let Some(document) = &document {
        report.add(entries::judge(&shown, document));
        let other = store.directory().join(FORMER);
        if other != path {
            let ignored = file::look(store, &other).await;
            let aside = aside::free(&other).map(|path| store.typed(&path));
            let ignored = (&*store.typed(&other), &ignored);
            report.add(both_files::judge((&shown, document), ignored, aside.as_deref(), now_ms()));
        }
    }
    let (subjects, user) = (subjects::subjects(store, places.as_ref()), subjects::user());
    report.add(permissions::judge(&subjects, user, subjects::group()));
    report.add(owner::judge(&subjects, user));
    if let Some(places) = &places {
        let locks = lock::check(store, places);
        report.add(waited_for(locks, "Watching a lock that looks dead", interaction).await);
        report.add(leftovers::check(store, places));
    }
    document
}

/// Who is logged in, and what comes before that. Gives where they would be refreshed; nothing where
/// nobody can tell.
fn logins(
    auth: Option<&Auth>,
    store: Option<&Store>,
    document: Option<&Document>,
    report: &mut Report,
) -> Option<Vec<TokenEndpoint>> {
    match auth.and_then(Auth::status_at_once) {
        Some(Ok(Status { keys, redirected, notes, .. })) => {
            let file = store.map(|it| it.shown(&it.overrides())).unwrap_or_default();
            let mut told: Vec<String> = redirected.iter().map(|to| to.note(&file)).collect();
            told.extend(store.and_then(|store| told_warning(store, report)));
            for to in redirected {
                match to.is_remarkable() {
                    true => report.found(
                        Finding::note(Check::Providers, to.note(&file))
                            .mend("Look at that file if you do not know why."),
                    ),
                    false => report.fine(Check::Providers, to.note(&file)),
                }
            }
            for note in notes.iter().filter(|note| !told.contains(note)) {
                report.found(Finding::note(Check::File, note));
            }
            report.add(logins::judge(&keys, now_ms()));
            report.add(logins::judge_variables(&keys));
        }
        Some(Err(error @ Error::BadPreference { .. })) => {
            report.found(Finding::of(Check::Variables, &error));
        }
        Some(Err(error))
            if error.is_of_overrides()
                && store.is_some_and(|it| directory::hides(it, &it.overrides())) =>
        {
            let why = "Who is logged in cannot be told before that is mended";
            report.left_out(Check::Logins, why);
            return None;
        }
        Some(Err(error @ Error::Overrides { .. })) => {
            let finding = Finding::of(Check::Providers, &error);
            let odd = store.map(Store::overrides).filter(|path| path.exists() && !path.is_file());
            report.found(match (store, odd) {
                // It is none that somebody has written, and not to be removed unseen.
                (Some(store), Some(path)) => finding
                    .mend("Look at what it is, and put a file in its place or unset PI_AUTH_PROVIDERS.")
                    .by("ls -ld", &store.typed(&path)),
                _ => finding,
            });
            return None;
        }
        Some(Err(error @ Error::UntrustedOverrides { .. })) => {
            // The checks of modes and owners have told of the files of one's own directory.
            let is_told = |store| match &error {
                Error::UntrustedOverrides { fault, .. } => {
                    is_told(store, &store.overrides(), fault, report)
                }
                _ => false,
            };
            match store.is_some_and(is_told) {
                true => {
                    let why = "Who is logged in cannot be told before that is mended";
                    report.left_out(Check::Logins, why);
                }
                false => report.found(Finding::of(Check::Providers, &error)),
            }
            return None;
        }
        _ => {
            report.left_out(Check::Logins, "Who is logged in cannot be told before that is mended")
        }
    }
    let (mut overrides, mut backoff) = (None, None);
    if let Some(store) = store {
        if let Event::OverridesRead { path, contents: Some(contents), .. } = store.read_overrides()
        {
            report.fine(Check::Providers, format!("{path} is in use"));
            overrides = Some(contents);
        }
        if let Event::BackoffRead { contents } = store.read_backoff() {
            backoff = contents;
        }
    }
    let overrides = overrides.as_ref().map(Secret::expose);
    let endpoints = token_endpoints(overrides, document, backoff.as_ref(), now_ms()).ok()?;
    report.add(backoff::judge(&endpoints));
    for error in endpoints.iter().filter_map(|endpoint| endpoint.url.as_ref().err()) {
        report.found(Finding::of(Check::Logins, error));
    }
    Some(endpoints)
}

/// Returns the core's warning of a credential file that others could have changed, if the checks of
/// modes and owners have told of the same.
fn told_warning(store: &Store, report: &Report) -> Option<String> {
    let file = store.path();
    let Event::StoreRead { path, access: Some(access), .. } = store.read_at(&file) else {
        return None;
    };
    let fault = access.credentials_fault()?;
    is_told(store, &file, &fault, report).then(|| fault.credentials_note(&path))
}

/// Returns whether the checks of modes and owners have told of the file or directory that others
/// could have changed.
fn is_told(store: &Store, file: &Path, fault: &Fault, report: &Report) -> bool {
    let about = match fault {
        Fault::DirectoryOwner { path, .. } | Fault::DirectoryWritable { path, .. } => {
            subjects::around(file).find(|directory| store.shown(directory) == *path)
        }
        Fault::Owner { .. } | Fault::Writable { .. } => Some(file.to_path_buf()),
    };
    // Findings name it without links.
    let about = about.and_then(|path| path.canonicalize().ok()).map(|path| store.shown(&path));
    let mut findings = report.findings();
    about.is_some()
        && findings
            .any(|it| matches!(it.check, Check::Permissions | Check::Owner) && it.path == about)
}

/// The way to the providers.
async fn way(
    endpoints: Option<Vec<TokenEndpoint>>,
    options: Options,
    report: &mut Report,
    interaction: &mut impl Interaction,
) {
    let known = endpoints.is_some();
    let endpoints = endpoints.unwrap_or_default();
    let variables = Variables::of_process();
    let mut servers: Vec<Server> = Vec::new();
    for url in endpoints.iter().filter_map(|endpoint| endpoint.url.as_deref().ok()) {
        servers.extend(Server::of(url, &variables).filter(|server| !servers.contains(server)));
    }
    report.add(proxy::judge(&variables, &servers));
    let clients = Arc::new(Clients::default());
    let certificates = certificates::look();
    let blocking = certificates::blocking(&certificates);
    // What loads them would wait, and could not be stopped.
    let trust_any = blocking.is_none() && clients.trust_any();
    report.add(certificates::judge(&certificates, trust_any));
    if options.offline {
        report.left_out(
            Check::Network,
            "No server was asked (--offline), so the clock was not compared",
        );
        return;
    }
    if let Some(variable) = blocking {
        let message = format!("No server can be asked before {variable} is mended");
        report.left_out(Check::Network, message);
        return;
    }
    if !known {
        report.left_out(
            Check::Network,
            "Where the providers are cannot be told before that is mended",
        );
        return;
    }
    let (servers, cut_off): (Vec<_>, Vec<_>) =
        servers.into_iter().partition(|server| !matches!(server.way, Way::NoProxy(_)));
    if !cut_off.is_empty() {
        let named = network::named(&cut_off);
        let message = format!("{named} cannot be asked before the variable of the proxy is mended");
        report.left_out(Check::Network, message);
    }
    if servers.is_empty() {
        return;
    }
    let activity = format!("Asking {} for the time", network::named(&servers));
    let answers = waited_for(network::ask(clients, servers), &activity, interaction).await;
    report.add(network::judge(&answers));
    report.add(clock::judge(&answers));
}

/// A length of time in a unit that leaves a number of two digits, more or less.
fn roughly(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..=90 => format!("{s} s"),
        s @ 91..5400 => format!("{} min", (s + 30) / 60),
        s @ 5400..129_600 => format!("{} h", (s + 1800) / 3600),
        s => format!("{} days", (s + 43_200) / 86_400),
    }
}

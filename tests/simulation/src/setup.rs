//! What a world begins with.

use std::rc::Rc;

use crate::clock::Ms;
use crate::disk::Name;
use crate::disk_fault::DiskFault;
use crate::mutation::Mutation;
use crate::provider::Rotation;

/// A provider that somebody is logged in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// A refresh token that may rotate.
    Anthropic,
    /// A GitHub token that is exchanged, and stays as it is.
    Copilot,
}

impl Account {
    /// As the file calls it.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Account::Anthropic => "anthropic",
            Account::Copilot => "github-copilot",
        }
    }
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// `pi token`.
    Token(Account),
    /// `pi token --min-validity 1h`.
    LongToken,
    /// `pi logout anthropic`.
    Logout,
    /// `pi login anthropic --paste`.
    Login,
    /// What a program does that stores a login of its own.
    Store,
}

impl Job {
    /// The provider that it is about.
    pub(crate) fn account(self) -> Account {
        match self {
            Job::Token(account) => account,
            Job::LongToken | Job::Logout | Job::Login | Job::Store => Account::Anthropic,
        }
    }

    /// Returns whether it is there to get a token.
    pub(crate) fn wants_token(self) -> bool {
        matches!(self, Job::Token(_) | Job::LongToken)
    }

    /// As the core takes it. `login` is what `Store` stores.
    pub(crate) fn request(self, login: &str) -> String {
        match self {
            Job::Token(account) => format!(r#"{{"type":"token","provider":"{}"}}"#, account.id()),
            Job::LongToken => {
                r#"{"type":"token","provider":"anthropic","min_validity_ms":3600000}"#.into()
            }
            Job::Logout => r#"{"type":"logout","provider":"anthropic"}"#.into(),
            Job::Login => format!(
                r#"{{"type":"login","provider":"anthropic","paste":true,"entropy":"{}"}}"#,
                "2a".repeat(64)
            ),
            Job::Store => format!(
                r#"{{"type":"write_credential","provider":"anthropic","credential":{login}}}"#
            ),
        }
    }
}

/// What a process of the existing agent does. It has the other kind of lock, and writes in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errand {
    /// Refreshes the login, if it is due.
    Refresh,
    /// Stores an API key of another provider.
    StoreKey,
    /// Takes `oauth.json` over.
    Migrate,
    /// What the oldest agents do, and a person with an editor: stores that key without a lock.
    Edit,
}

/// How old the stored access token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Age {
    /// Really expired.
    Expired,
    /// Due for a refresh, and still valid for three minutes.
    Due,
    /// Good for five minutes before it is due.
    Fresh,
}

/// How much may go wrong, one after another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Crashes of one process.
    pub crashes: u32,
    /// Processes that are stopped for longer than any lock is waited for.
    pub stalls: u32,
    /// Requests that go wrong.
    pub troubles: u32,
    /// Files and directories for which there is no room.
    pub disk: u32,
    /// Signals.
    pub signals: u32,
    /// Jumps of the clock by an hour.
    pub jumps: u32,
    /// Power cuts, each the last thing that happens.
    pub cuts: u32,
    /// Syncs that are not supported, from then on.
    pub unsupported: u32,
    /// Syncs that fail, from then on.
    pub syncs: u32,
    /// Renames that are refused, once or from then on.
    pub renames: u32,
    /// Processes to which no file descriptor is left.
    pub descriptors: u32,
    /// Answers with an odd part.
    pub odd: u32,
}

impl Budget {
    /// Returns how often this may still happen to the disk.
    pub(crate) fn of_disk(mut self, fault: DiskFault) -> u32 {
        *self.disk_part(fault)
    }

    /// Counts that it has happened once more.
    pub(crate) fn spend_disk(&mut self, fault: DiskFault) {
        *self.disk_part(fault) -= 1;
    }

    fn disk_part(&mut self, fault: DiskFault) -> &mut u32 {
        match fault {
            DiskFault::NoSpace => &mut self.disk,
            DiskFault::SyncUnsupported => &mut self.unsupported,
            DiskFault::SyncFails => &mut self.syncs,
            DiskFault::RenameRefused | DiskFault::RenamesRefused => &mut self.renames,
            DiskFault::NoDescriptors => &mut self.descriptors,
        }
    }
}

/// A process of the agent: what it does, when it begins, and after how long a lock is dead to it,
/// both in milliseconds.
pub(crate) type Visit = (Errand, Ms, Ms);

/// What a world begins with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The processes of ours, and when each begins, in milliseconds.
    pub jobs: Vec<(Job, Ms)>,
    /// Those of the agent.
    pub errands: Vec<Visit>,
    /// The name of the file.
    pub(crate) name: Name,
    /// How old the login is.
    pub age: Age,
    /// True if there is a login of Copilot, too.
    pub copilot: bool,
    /// What the provider does with refresh tokens.
    pub rotation: Rotation,
    /// How long its access tokens are valid for, in seconds.
    pub lifetime_s: u64,
    /// What may go wrong.
    pub budget: Budget,
    /// How late anybody may be without being stopped, in milliseconds.
    pub slack: Ms,
    /// How long a request and its answer take, each, in milliseconds.
    pub latency: Ms,
    /// How long a person takes to log in, in milliseconds.
    pub person: Ms,
    /// By how much each machine's clock is wrong, in milliseconds; process `n` is on the `n`th of
    /// them, counted round.
    pub drifts: Vec<i64>,
    /// True if a lock lies there that somebody left an hour ago.
    pub dead_lock: bool,
    /// What is broken on purpose.
    pub mutation: Option<Mutation>,
    /// True if every step is told.
    pub traced: bool,
}

impl Setup {
    /// These jobs at the same time, with an expired login at a provider that rotates.
    pub fn of(jobs: &[Job]) -> Self {
        Setup {
            jobs: jobs.iter().map(|job| (*job, 0)).collect(),
            errands: Vec::new(),
            name: Name::Auth,
            age: Age::Expired,
            copilot: false,
            rotation: Rotation::Rotates,
            lifetime_s: 28_800,
            budget: Budget::default(),
            slack: 1_000,
            latency: 100,
            person: 300,
            drifts: vec![0],
            dead_lock: false,
            mutation: None,
            traced: false,
        }
    }

    /// The same beside an agent that does this, begins at that time, and takes a lock for dead
    /// after that long; both are in milliseconds.
    #[must_use]
    pub fn beside(mut self, errand: Errand, at: Ms, stale: Ms) -> Self {
        self.errands.push((errand, at, stale));
        if errand == Errand::Migrate {
            self.name = Name::OAuth;
        }
        self
    }

    /// The same with this budget.
    #[must_use]
    pub fn with(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// The same with a host that is broken on purpose.
    #[must_use]
    pub fn broken(mut self, mutation: Mutation) -> Self {
        self.mutation = Some(mutation);
        self
    }

    /// The file of others, and these logins in it.
    pub(crate) fn file(&self, logins: &[(Account, String, u64)]) -> Rc<str> {
        let mut text =
            String::from("{\n  \"openai\": { \"type\":\"api_key\", \"key\" : \"0\" },\n");
        for (account, refresh, expires) in logins {
            let access = refresh.replacen("rt-", "at-", 1);
            text.push_str(&format!(
                "  \"{}\": {{\"type\": \"oauth\", \"refresh\": \"{refresh}\", \"access\": \"{access}\", \
                 \"expires\": {expires}, \"note\": \"n\"}},\n",
                account.id()
            ));
        }
        text.push_str("  \"elsewhere\": [1.50, {\"a\": null}]\n}\n");
        text.into()
    }
}

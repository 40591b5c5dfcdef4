//! What is tried in every schedule: two processes, or one beside the agent, and then three, each
//! with every kind of fault once.

use crate::provider::Rotation;
use crate::setup::{Account, Age, Budget, Errand, Job, Setup};

const TOKEN: Job = Job::Token(Account::Anthropic);

/// A kind of fault, as the table at the end calls it.
pub const FAULTS: [(&str, Budget); 13] = [
    ("nothing", NONE),
    ("a crash", Budget { crashes: 1, ..NONE }),
    ("a stop", Budget { stalls: 1, ..NONE }),
    ("a request in trouble", Budget { troubles: 1, ..NONE }),
    ("a disk that fails", Budget { disk: 1, ..NONE }),
    ("a signal", Budget { signals: 1, ..NONE }),
    ("a clock that jumps", Budget { jumps: 1, ..NONE }),
    ("a power cut", Budget { cuts: 1, ..NONE }),
    ("a sync that is not supported", Budget { unsupported: 1, ..NONE }),
    ("a sync that fails", Budget { syncs: 1, ..NONE }),
    ("a rename that is refused", Budget { renames: 1, ..NONE }),
    ("no file descriptor left", Budget { descriptors: 1, ..NONE }),
    ("an answer with an odd part", Budget { odd: 1, ..NONE }),
];

const NONE: Budget = Budget {
    crashes: 0,
    stalls: 0,
    troubles: 0,
    disk: 0,
    signals: 0,
    jumps: 0,
    cuts: 0,
    unsupported: 0,
    syncs: 0,
    renames: 0,
    descriptors: 0,
    odd: 0,
};

/// Two of ours at the same time.
pub fn pairs() -> Vec<Setup> {
    let mut setups: Vec<Setup> = [
        [TOKEN, TOKEN],
        [TOKEN, Job::Logout],
        [TOKEN, Job::Login],
        [TOKEN, Job::Store],
        [Job::Login, Job::Logout],
        [Job::Login, Job::Store],
        [Job::Logout, Job::Store],
        [Job::LongToken, Job::LongToken],
    ]
    .map(|jobs| Setup::of(&jobs))
    .into();
    let twice = || Setup::of(&[TOKEN, TOKEN]);
    setups.push(Setup { age: Age::Due, ..twice() });
    setups.push(Setup { rotation: Rotation::Omits, ..twice() });
    setups.push(Setup { rotation: Rotation::Repeats, ..twice() });
    let copilot = Setup::of(&[TOKEN, Job::Token(Account::Copilot)]);
    setups.push(Setup { copilot: true, ..copilot });
    setups
}

/// One of ours beside the agent, which may be impatient, come while we write or a minute later, or
/// find a dead lock just when we do; and beside a person with an editor.
pub fn beside_the_agent() -> Vec<Setup> {
    let mut setups = Vec::new();
    for job in [TOKEN, Job::Logout, Job::Login, Job::Store] {
        let alone = close(Setup::of(&[job]));
        for errand in [Errand::Refresh, Errand::StoreKey, Errand::Migrate, Errand::Edit] {
            for at in [0, MEANWHILE] {
                setups.push(alone.clone().beside(errand, at, PATIENT));
            }
        }
        setups.push(alone.clone().beside(Errand::StoreKey, 0, IMPATIENT));
        setups.push(alone.clone().beside(Errand::StoreKey, 60_000, PATIENT));
        for errand in [Errand::Refresh, Errand::StoreKey] {
            let found = Setup { dead_lock: true, ..alone.clone() };
            setups.push(found.beside(errand, 18_000, PATIENT));
        }
    }
    let slow = Setup { latency: 2_000, ..close(Setup::of(&[TOKEN])) };
    setups.push(slow.beside(Errand::Refresh, 0, PATIENT));
    setups
}

/// When an answer is there and about to be written, in milliseconds.
const MEANWHILE: u64 = 200;
/// After how long a lock is dead to the agent when it refreshes, in milliseconds.
const PATIENT: u64 = 30_000;
/// The same when it writes at once.
const IMPATIENT: u64 = 10_000;

/// Three at the same time.
pub fn triples() -> Vec<Setup> {
    let mut setups: Vec<Setup> = [
        [TOKEN, TOKEN, TOKEN],
        [TOKEN, TOKEN, Job::Logout],
        [TOKEN, TOKEN, Job::Store],
        [TOKEN, Job::Login, Job::Logout],
    ]
    .map(|jobs| Setup::of(&jobs))
    .into();
    for errand in [Errand::Refresh, Errand::StoreKey, Errand::Migrate] {
        for at in [0, MEANWHILE] {
            setups.push(close(Setup::of(&[TOKEN, TOKEN])).beside(errand, at, PATIENT));
        }
    }
    setups.push(close(Setup::of(&[TOKEN, TOKEN])).beside(Errand::StoreKey, MEANWHILE, IMPATIENT));
    let found = Setup { dead_lock: true, ..close(Setup::of(&[TOKEN])) };
    let one = found.beside(Errand::StoreKey, 18_000, PATIENT);
    setups.push(one.beside(Errand::StoreKey, 18_000, PATIENT));
    setups
}

/// The agent sleeps, so there are as many times as there are steps: nobody is late by more than a
/// request takes.
fn close(setup: Setup) -> Setup {
    Setup { slack: 100, ..setup }
}

/// What a setup is, in a few words.
pub fn name(setup: &Setup) -> String {
    let mut names: Vec<String> = setup.jobs.iter().map(|(job, _)| format!("{job:?}")).collect();
    for (errand, at, stale) in &setup.errands {
        let impatient = if *stale < PATIENT { "impatient " } else { "" };
        let later = match at {
            0 => String::new(),
            1..1_000 => format!(" after {at} ms"),
            _ => format!(" after {} s", at / 1_000),
        };
        names.push(format!("{impatient}agent: {errand:?}{later}"));
    }
    if setup.latency > 1_000 {
        names.push("a slow provider".into());
    }
    if setup.dead_lock {
        names.push("a dead lock".into());
    }
    if setup.rotation != Rotation::Rotates {
        names.push(format!("{:?}", setup.rotation));
    }
    if setup.age != Age::Expired {
        names.push(format!("{:?}", setup.age));
    }
    names.join(", ").replace("Token(Anthropic)", "Token")
}

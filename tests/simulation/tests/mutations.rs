//! The simulator finds mistakes: each that is made on purpose is noticed, in a world that is named
//! here.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::io::Write as _;

use pi_auth_simulation::Mutation;
use pi_auth_simulation::explore::explore;
use pi_auth_simulation::scenarios::{self, FAULTS};

/// Within how many states each is noticed.
const WITHIN: usize = 100_000;

/// Where each is noticed: the world and the fault, by their names.
const NOTICED: &[(Mutation, &str, &str)] = &[
    (Mutation::NoSecondRead, "Token, Token", "nothing"),
    (Mutation::NoReadBeforeWrite, "Token, agent: StoreKey", "a stop"),
    (Mutation::NoLock, "Token, Token", "nothing"),
    (Mutation::NoDirectoryLock, "Token, agent: Refresh", "nothing"),
    (Mutation::NoKernelLock, "Token, Token", "a stop"),
    (Mutation::NoLookAtTheLock, "Token, agent: StoreKey", "a clock that jumps"),
    (Mutation::TakeOverWithoutRename, "Token, agent: StoreKey after 18 s, a dead lock", "nothing"),
    (Mutation::TakeOverUnwatched, "Token, agent: Refresh", "a clock that jumps"),
    (Mutation::TakeOverEarly, "Token, agent: Refresh", "a request in trouble"),
    (Mutation::NoTouch, "Token, impatient agent: StoreKey", "a request in trouble"),
    (Mutation::ReleaseOthersLock, "Token, Login", "a signal"),
    (Mutation::DeleteOnFailure, "Token, Token", "a crash"),
    (Mutation::ForgetRefreshToken, "Token, Token, Omits", "nothing"),
    (Mutation::WriteInPlace, "Token, Token", "nothing"),
    (Mutation::NoSync, "Token, Token", "a power cut"),
    (Mutation::StopAtOnce, "Token, Token", "a signal"),
    (Mutation::NoBackoff, "Token, Token", "a request in trouble"),
    (Mutation::BelieveHalfFile, "Token, agent: Refresh", "nothing"),
    (Mutation::CorruptIsEmpty, "Token, agent: Refresh", "nothing"),
    (Mutation::GiveUpLostLock, "Token, agent: StoreKey", "a stop"),
    (Mutation::GiveUpFailedWrite, "Token, Token", "a disk that fails"),
    (Mutation::WaitForEver, "Token, Token", "a stop"),
    (Mutation::IgnoreMove, "Token, agent: Migrate", "nothing"),
    (
        Mutation::LetKernelLockGo,
        "Token, Token, impatient agent: StoreKey after 200 ms",
        "a clock that jumps",
    ),
    (Mutation::NoCompare, "Token, agent: Edit after 200 ms", "nothing"),
    (Mutation::NoLookForTheMove, "Token, agent: Migrate after 200 ms", "nothing"),
    (Mutation::TakeOverLate, "Token, Token", "a crash"),
    (Mutation::WatchBriefly, "Token, agent: Refresh, a slow provider", "a clock that jumps"),
    (
        Mutation::PutBackOverAnother,
        "Token, agent: StoreKey after 18 s, agent: StoreKey after 18 s, a dead lock",
        "nothing",
    ),
    (Mutation::NoSweep, "Token, Token", "a crash"),
    (Mutation::WriteNothing, "Token, Logout", "nothing"),
    (Mutation::WriteAnew, "Token, Token", "nothing"),
    (Mutation::DropOddAnswer, "Token, Token", "an answer with an odd part"),
    (Mutation::GiveUpFailedSync, "Token, Token", "a sync that fails"),
    (Mutation::GiveUpRefusedRename, "Token, Token", "a rename that is refused"),
    (Mutation::NoSpareDescriptors, "Token, Token", "no file descriptor left"),
    (Mutation::LetSparesOfAProbeGo, "Token, Login", "no file descriptor left"),
    (Mutation::NoTrial, "Token, Token", "a sync that fails"),
];

#[test]
fn every_mistake_that_is_made_on_purpose_is_noticed() {
    let setups: Vec<_> =
        [scenarios::pairs(), scenarios::beside_the_agent(), scenarios::triples()].concat();
    let (mut most, mut unnoticed) = (0, Vec::new());
    for (mutation, name, fault) in NOTICED {
        let setup = setups.iter().find(|setup| scenarios::name(setup) == *name);
        let setup = setup.unwrap_or_else(|| panic!("there is no {name:?}"));
        let (_, budget) = FAULTS.iter().find(|(it, _)| it == fault).unwrap();
        match explore(setup.clone().with(*budget).broken(*mutation), WITHIN) {
            Err(violation) => most = most.max(violation.after),
            Ok(covered) => unnoticed.push((mutation, name, fault, covered)),
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
    let line = format!(
        "simulated: broken on purpose: {} of {} mistakes noticed, each within {most} states\n",
        NOTICED.len(),
        Mutation::ALL.len()
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[test]
fn none_of_them_is_left_out() {
    let noticed: Vec<_> = NOTICED.iter().map(|(mutation, ..)| *mutation).collect();
    assert_eq!(noticed, Mutation::ALL);
}

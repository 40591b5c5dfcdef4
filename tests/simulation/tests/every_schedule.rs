//! Every interleaving of two, and of three as far as a bound allows, with every kind of fault once
//! at every step.
#![allow(clippy::panic)]

use std::io::Write as _;

use pi_auth_simulation::Setup;
use pi_auth_simulation::explore::{Covered, explore};
use pi_auth_simulation::scenarios::{self, FAULTS};

/// More than any of them has.
const ALL: usize = 2_000_000;
/// How far it goes with three: `cargo xtask simulate` goes further.
const BOUND: usize = 12_000;

#[test]
fn whatever_two_do_and_whatever_goes_wrong_nobody_is_logged_out() {
    let covered = survive(scenarios::pairs(), ALL, "two of ours");
    assert!(covered.is_complete);
    assert!(covered.states > 500_000, "{covered:?}");
}

#[test]
fn whatever_the_agent_does_beside_us_nobody_is_logged_out() {
    let covered = survive(scenarios::beside_the_agent(), ALL, "one beside the agent");
    assert!(covered.is_complete);
    assert!(covered.states > 300_000, "{covered:?}");
}

#[test]
fn whatever_three_do_nobody_is_logged_out_as_far_as_the_bound_goes() {
    let covered = survive(scenarios::triples(), BOUND, "three");
    assert!(covered.states > 500_000, "{covered:?}");
}

/// Tries them all, with each kind of fault, and tells what that was past the test runner.
fn survive(setups: Vec<Setup>, max_states: usize, what: &str) -> Covered {
    let (count, mut sum) = (setups.len() * FAULTS.len(), Covered::none());
    let mut complete = 0;
    for setup in setups {
        for (fault, budget) in FAULTS {
            match explore(setup.clone().with(budget), max_states) {
                Ok(covered) => {
                    complete += usize::from(covered.is_complete);
                    sum += covered;
                }
                Err(violation) => {
                    panic!("{} with {fault}: {violation}", scenarios::name(&setup));
                }
            }
        }
    }
    let line = format!(
        "simulated: {what}: {count} worlds in every schedule ({complete} to the end, the others up to \
         {max_states} states), {} states, {} ends, {} of them past what any program can mend\n",
        sum.states, sum.ends, sum.excused
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
    sum
}

//! Worlds that seeds make up, with up to a hundred processes, and those that once went wrong.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::io::Write as _;

use pi_auth_simulation::Mutation;
use pi_auth_simulation::random::{self, Survived};

/// How many of them: `cargo xtask simulate` tries more.
const WORLDS: u64 = 2_000;

#[test]
fn in_two_thousand_worlds_nobody_is_logged_out() {
    let survived = survive(0..WORLDS);
    let Survived { crashes, stalls, troubles, disk, signals, jumps, cuts, .. } = survived;
    let Survived { unsupported, syncs, renames, descriptors, odd, .. } = survived;
    // Each kind of fault is there, or this would show little.
    for faults in [
        [crashes, stalls, troubles, odd, signals, jumps].as_slice(),
        &[disk, unsupported, syncs, renames, descriptors, cuts],
    ]
    .concat()
    {
        assert!(faults > 20, "{survived:?}");
    }
    let line = format!("simulated: at random: {survived}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[test]
fn what_once_went_wrong_does_not_any_more_and_would_be_noticed() {
    let lines = include_str!("seeds.txt").lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let (seed, name) = line.split_once(' ').unwrap();
        let mutation = Mutation::ALL.iter().find(|it| format!("{it:?}") == name);
        let seed = seed.parse().unwrap();
        survive([seed]);
        let broken = random::run(seed, Some(*mutation.unwrap()));
        assert!(broken.is_err(), "{line} is not noticed");
    }
}

#[test]
fn a_seed_makes_the_same_world_each_time() {
    for seed in [0, 1, 2, 461, 1542] {
        assert_eq!(random::run(seed, None), random::tell(seed).1, "{seed}");
    }
}

fn survive(seeds: impl IntoIterator<Item = u64>) -> Survived {
    let mut sum = Survived::default();
    for seed in seeds {
        sum += random::run(seed, None).unwrap_or_else(|what| {
            panic!(
                "{}\nseed {seed}, to be kept in seeds.txt with the mistake that shows in it: {what}",
                random::tell(seed).0.join("\n")
            )
        });
    }
    sum
}

//! Every schedule: from each state, everything that can happen next, each state once.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::AddAssign;
use std::rc::Rc;

use crate::action::Action;
use crate::mind::Remembered;
use crate::setup::Setup;
use crate::world::World;

/// How far it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Different states.
    pub states: usize,
    /// Different ends.
    pub ends: usize,
    /// Ends in which something was done to us that no program can make good.
    pub excused: usize,
    /// True if that was all there is.
    pub is_complete: bool,
}

/// What must not be, and the shortest way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What is wrong.
    pub what: String,
    /// What happened, a line each.
    pub trace: Vec<String>,
    /// How many states, or worlds, were looked at before it was found.
    pub after: usize,
}

impl Covered {
    /// Nothing yet.
    pub fn none() -> Self {
        Covered { is_complete: true, ..Covered::default() }
    }
}

impl AddAssign for Covered {
    fn add_assign(&mut self, other: Self) {
        self.states += other.states;
        self.ends += other.ends;
        self.excused += other.excused;
        self.is_complete &= other.is_complete;
    }
}

impl fmt::Display for Violation {
    /// With the last of the trace: the whole of it may be thousands of lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (after {}, {} lines)", self.what, self.after, self.trace.len())?;
        let skipped = self.trace.len().saturating_sub(200);
        self.trace.iter().skip(skipped).try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Tries everything, shortest first, up to so many states.
pub fn explore(setup: Setup, max_states: usize) -> Result<Covered, Violation> {
    let setup = Rc::new(setup);
    let first = World::new(setup.clone(), Remembered::none());
    let mut covered = Covered::none();
    let mut seen = HashSet::from([fingerprint(&first)]);
    // Where each state came from, to tell the way once something is found.
    let mut ways: Vec<(usize, Action)> = Vec::new();
    let mut open = VecDeque::from([(first, usize::MAX)]);
    while let Some((world, way)) = open.pop_front() {
        covered.states += 1;
        let steps = world.steps();
        let is_over = world.is_over();
        if is_over {
            covered.ends += 1;
            covered.excused += usize::from(world.ledger.excuse.is_some());
            let mut later = world.clone();
            later.finish();
            if later.violation.is_some() {
                return Err(retell(&setup, &ways, way, None, covered.states));
            }
        }
        let steps = steps.into_iter().map(|(_, actor)| Action::Step(actor));
        let faults = if is_over { Vec::new() } else { world.faults() };
        let mut is_stuck = !is_over;
        for action in steps.chain(faults) {
            is_stuck = false;
            let mut next = world.clone();
            next.act(action);
            if next.violation.is_some() {
                return Err(retell(&setup, &ways, way, Some(action), covered.states));
            }
            if seen.len() >= max_states {
                covered.is_complete = false;
            } else if seen.insert(fingerprint(&next)) {
                ways.push((way, action));
                open.push_back((next, ways.len() - 1));
            }
        }
        if is_stuck {
            return Err(retell(&setup, &ways, way, None, covered.states));
        }
    }
    Ok(covered)
}

/// Goes the way once more, and tells it.
fn retell(
    setup: &Setup,
    ways: &[(usize, Action)],
    mut way: usize,
    last: Option<Action>,
    after: usize,
) -> Violation {
    let mut actions = Vec::from_iter(last);
    while let Some((before, action)) = ways.get(way) {
        actions.push(*action);
        way = *before;
    }
    let setup = Setup { traced: true, ..setup.clone() };
    let mut world = World::new(Rc::new(setup), Remembered::none());
    for action in actions.into_iter().rev() {
        world.act(action);
    }
    if world.violation.is_none() {
        match world.is_over() {
            true => world.finish(),
            false => world.check_stuck(),
        }
    }
    let what = world.violation.unwrap_or_else(|| "it cannot be told again".into());
    Violation { what, trace: world.trace.into_inner(), after }
}

/// 128 bits of everything: by chance, two states in a hundred million are never the same.
fn fingerprint(world: &World<Remembered>) -> (u64, u64) {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        world.hash(&mut hasher);
        hasher.finish()
    };
    (half(0), half(1))
}

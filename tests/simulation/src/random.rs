//! Worlds that a seed makes up: up to a hundred processes, two agents and every fault there is.

use std::fmt;
use std::mem;
use std::ops::AddAssign;
use std::rc::Rc;

use fastrand::Rng;

use crate::action::Action;
use crate::clock::Ms;
use crate::disk::Name;
use crate::disk_fault::DiskFault;
use crate::mind::Live;
use crate::mutation::Mutation;
use crate::provider::{Rotation, Trouble};
use crate::setup::{Account, Age, Budget, Errand, Job, Setup, Visit};
use crate::world::World;

/// What happened in a number of worlds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survived {
    /// The worlds.
    pub worlds: u64,
    /// The processes in them, agents included.
    pub processes: u64,
    /// The steps that they made.
    pub steps: u64,
    /// Processes that were killed, power cuts apart.
    pub crashes: u64,
    /// Processes that stood still for a minute.
    pub stalls: u64,
    /// Requests that met trouble.
    pub troubles: u64,
    /// Disk operations that failed.
    pub disk: u64,
    /// Signals.
    pub signals: u64,
    /// Jumps of the clock.
    pub jumps: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Disks that do not support a sync any more.
    pub unsupported: u64,
    /// Disks that fail each sync.
    pub syncs: u64,
    /// Renames that were refused, once or from then on.
    pub renames: u64,
    /// Processes to which no file descriptor was left.
    pub descriptors: u64,
    /// Answers with an odd part.
    pub odd: u64,
    /// Worlds in which something was done to us that no program can make good: the agent took a
    /// lock that was alive, say. In these it was checked that nothing else came of it.
    pub excused: u64,
}

impl AddAssign for Survived {
    fn add_assign(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.processes += other.processes;
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.stalls += other.stalls;
        self.troubles += other.troubles;
        self.disk += other.disk;
        self.signals += other.signals;
        self.jumps += other.jumps;
        self.cuts += other.cuts;
        self.unsupported += other.unsupported;
        self.syncs += other.syncs;
        self.renames += other.renames;
        self.descriptors += other.descriptors;
        self.odd += other.odd;
        self.excused += other.excused;
    }
}

impl Survived {
    /// Counts one more of these.
    fn count(&mut self, action: Action) {
        let of = match action {
            Action::Step(_) => return,
            Action::Trouble(_, Trouble::Odd(_)) => &mut self.odd,
            Action::Trouble(..) => &mut self.troubles,
            Action::FailDisk(_, fault) => match fault {
                DiskFault::NoSpace => &mut self.disk,
                DiskFault::SyncUnsupported => &mut self.unsupported,
                DiskFault::SyncFails => &mut self.syncs,
                DiskFault::RenameRefused | DiskFault::RenamesRefused => &mut self.renames,
                DiskFault::NoDescriptors => &mut self.descriptors,
            },
            Action::Crash(_) => &mut self.crashes,
            Action::Stall(_) => &mut self.stalls,
            Action::Signal(_) => &mut self.signals,
            Action::Jump(_) => &mut self.jumps,
            Action::Cut { .. } => &mut self.cuts,
        };
        *of += 1;
    }
}

impl fmt::Display for Survived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worlds, processes, steps, crashes, stalls, troubles, .. } = self;
        let Self { disk, signals, jumps, cuts, unsupported, syncs, renames, .. } = self;
        let Self { descriptors, odd, excused, .. } = self;
        write!(
            f,
            "{worlds} worlds, {processes} processes, {steps} steps; {crashes} crashes, {stalls} stops, \
             {troubles} requests in trouble, {odd} odd answers, {disk} times no room, {unsupported} times no \
             sync, {syncs} syncs and {renames} renames refused, {descriptors} times no descriptor, {signals} \
             signals, {jumps} clock jumps, {cuts} power cuts; {excused} worlds past what any program can mend"
        )
    }
}

/// The world of this seed, from its beginning to its end: what it survived, or what went wrong.
/// `mutation` is what is broken on purpose.
pub fn run(seed: u64, mutation: Option<Mutation>) -> Result<Survived, String> {
    play(seed, mutation, false).1
}

/// The same, with every step, a line each; that takes time.
pub fn tell(seed: u64) -> (Vec<String>, Result<Survived, String>) {
    play(seed, None, true)
}

fn play(
    seed: u64,
    mutation: Option<Mutation>,
    traced: bool,
) -> (Vec<String>, Result<Survived, String>) {
    let mut rng = Rng::with_seed(seed);
    let setup = Setup { mutation, traced, ..setup(&mut rng) };
    let fault_rate = [0.005, 0.02, 0.08][rng.usize(..3)];
    let processes = setup.jobs.len() + setup.errands.len();
    // Waiting takes few steps: each of them ends with something, or with a time that is up.
    let max_steps = 4_000 + 1_000 * processes as u64;
    let mut world = World::new(Rc::new(setup), Live::none());
    let mut survived = Survived { worlds: 1, processes: processes as u64, ..Survived::default() };
    while world.violation.is_none() && !world.is_over() {
        survived.steps += 1;
        if survived.steps > max_steps {
            world.fail("it goes on for ever".into());
            break;
        }
        let fault = (rng.f64() < fault_rate).then(|| fault(&mut rng, &world.faults())).flatten();
        let action = match (fault, rng.choice(world.steps())) {
            (Some(fault), _) => fault,
            (None, None) => {
                world.check_stuck();
                break;
            }
            (None, Some((_, actor))) => {
                let fitting = (rng.f64() < 10.0 * fault_rate).then(|| world.faults_of(actor));
                rng.choice(fitting.unwrap_or_default()).unwrap_or(Action::Step(actor))
            }
        };
        survived.count(action);
        world.act(action);
    }
    if world.violation.is_none() {
        survived.excused += u64::from(world.ledger.excuse.is_some());
        world.finish();
    }
    (world.trace.into_inner(), world.violation.map_or(Ok(survived), Err))
}

/// One of these: first of which kind, for some can happen at any time, and others rarely.
fn fault(rng: &mut Rng, faults: &[Action]) -> Option<Action> {
    let mut kinds: Vec<_> = faults.iter().map(mem::discriminant).collect();
    kinds.dedup();
    let kind = rng.choice(kinds)?;
    rng.choice(faults.iter().filter(|fault| mem::discriminant(*fault) == kind).collect::<Vec<_>>())
        .copied()
}

/// What the world of a seed begins with.
fn setup(rng: &mut Rng) -> Setup {
    let count = match rng.u32(..100) {
        0..60 => rng.usize(2..=6),
        60..95 => rng.usize(7..=25),
        _ => 100,
    };
    let within = [1, 1_000, 60_000, 1_200_000][rng.usize(..4)];
    let copilot = rng.u32(..100) < 40;
    let jobs = (0..count).map(|_| (job(rng, copilot), rng.u64(..within))).collect();
    let errands: Vec<Visit> = match rng.u32(..100) {
        0..50 => Vec::new(),
        50..90 => (0..rng.usize(1..=2)).map(|_| errand(rng, within)).collect(),
        _ => vec![(Errand::Migrate, rng.u64(..within), 30_000)],
    };
    let moves = errands.iter().any(|(errand, ..)| *errand == Errand::Migrate);
    let drifts = match rng.u32(..100) {
        // Where files move, how long ago they did is told by one clock.
        0..70 => vec![0],
        _ if moves => vec![0],
        _ => {
            let most = [4_000, 120_000][rng.usize(..2)];
            (0..rng.usize(1..=3)).map(|_| rng.i64(-most..most)).collect()
        }
    };
    Setup {
        jobs,
        errands,
        name: if moves || rng.u32(..100) < 10 { Name::OAuth } else { Name::Auth },
        age: [Age::Expired, Age::Expired, Age::Due, Age::Fresh][rng.usize(..4)],
        copilot,
        rotation: [Rotation::Rotates, Rotation::Rotates, Rotation::Repeats, Rotation::Omits]
            [rng.usize(..4)],
        lifetime_s: [360, 600, 1_800, 28_800][rng.usize(..4)],
        budget: budget(rng),
        slack: rng.u64(1..=1_000),
        latency: match rng.u32(..100) {
            0..85 => rng.u64(1..=2_000),
            _ => rng.u64(2_000..=14_000),
        },
        person: rng.u64(100..=60_000),
        drifts,
        dead_lock: rng.u32(..100) < 5,
        mutation: None,
        traced: false,
    }
}

fn job(rng: &mut Rng, copilot: bool) -> Job {
    match rng.u32(..100) {
        0..4 => Job::Logout,
        4..8 => Job::Login,
        8..11 => Job::Store,
        11..16 => Job::LongToken,
        16..32 if copilot => Job::Token(Account::Copilot),
        _ => Job::Token(Account::Anthropic),
    }
}

fn errand(rng: &mut Rng, within: Ms) -> Visit {
    let errand = match rng.u32(..100) {
        0..45 => Errand::Refresh,
        45..85 => Errand::StoreKey,
        _ => Errand::Edit,
    };
    (errand, rng.u64(..within), if rng.bool() { 30_000 } else { 10_000 })
}

/// One kind of fault, several, or all of them; in a quarter of the worlds, none. A disk that stays
/// broken keeps everybody from writing, so it is rarer.
fn budget(rng: &mut Rng) -> Budget {
    let likely = [0, 15, 40, 80][rng.usize(..4)];
    let breaks = u32::from(rng.u32(..100) < 30);
    let mut some = |most: u32| if rng.u32(..100) < likely { rng.u32(1..=most) } else { 0 };
    Budget {
        crashes: some(3),
        stalls: some(2),
        troubles: some(4),
        disk: some(4),
        signals: some(3),
        jumps: some(2),
        cuts: some(1),
        unsupported: breaks * some(1),
        syncs: breaks * some(1),
        renames: breaks * some(3),
        descriptors: breaks * some(2),
        odd: some(4),
    }
}

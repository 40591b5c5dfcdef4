//! A world: everything there is, what can happen next, and making it happen.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::action::{Action, Actor};
use crate::agent::{self, Agent};
use crate::clock::{Clock, Ms};
use crate::disk::{Disk, Mtime, Pid};
use crate::disk_fault::CUT_UNSYNCED;
use crate::ledger::Ledger;
use crate::mind::Mind;
use crate::mutation::Mutation;
use crate::network::Message;
use crate::process::{End, Process};
use crate::provider::{Provider, Trouble};
use crate::setup::{Account, Age, Budget, Job, Setup};

/// How long a process stands still when it is stopped, in milliseconds: longer than any lock is
/// waited for.
const STALL: Ms = 60_000;
/// By how much the clock jumps, in milliseconds.
const JUMP: i64 = 3_600_000;

/// Everything there is.
#[derive(Clone)]
pub(crate) struct World<M> {
    pub(crate) setup: Rc<Setup>,
    mint: M,
    pub(crate) now: Ms,
    /// By how much the clock has jumped so far, in milliseconds.
    pub(crate) jumped: i64,
    /// True if it ever has.
    has_jumped: bool,
    pub(crate) disk: Disk,
    pub(crate) provider: Provider,
    pub(crate) network: Vec<Message>,
    /// How many there were.
    pub(crate) messages: u32,
    pub(crate) processes: Vec<Process<M>>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) budget: Budget,
    pub(crate) ledger: Ledger,
    /// The first thing that must not be.
    pub(crate) violation: Option<String>,
    pub(crate) trace: RefCell<Vec<String>>,
}

/// All that the future depends on.
impl<M: Hash> Hash for World<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.now, self.jumped, self.has_jumped, self.messages, self.budget).hash(state);
        (&self.disk, &self.provider, &self.network).hash(state);
        (&self.processes, &self.agents, &self.ledger).hash(state);
    }
}

impl<M: Mind> World<M> {
    pub(crate) fn new(setup: Rc<Setup>, mint: M) -> Self {
        let (rotation, lifetime_s) = (setup.rotation, setup.lifetime_s);
        let mut provider = Provider { rotation, lifetime_s, families: Vec::new() };
        let (valid_until, expires) = match setup.age {
            Age::Expired => (0, -300_000),
            Age::Due => (180_000, -120_000),
            Age::Fresh => (600_000, 300_000),
        };
        let expires = Clock { off_by: expires }.at(0);
        let refresh = provider.old_login(false, valid_until);
        let mut logins = vec![(Account::Anthropic, refresh.text(), expires)];
        if setup.copilot {
            let refresh = provider.old_login(true, valid_until);
            logins.push((Account::Copilot, refresh.text(), expires));
        }
        let mut world = World {
            disk: Disk::with(setup.name, &setup.file(&logins)),
            provider,
            mint,
            now: 0,
            jumped: 0,
            has_jumped: false,
            network: Vec::new(),
            messages: 0,
            processes: Vec::new(),
            agents: setup.errands.iter().zip(agent::FIRST..).map(Agent::new).collect(),
            budget: setup.budget,
            // Where every request takes long, or each machine finds stale what another has just
            // got, a few in a row outlast the patience of those who wait.
            ledger: Ledger::of(setup.latency > 1_000 || setup.drifts.iter().any(|it| *it != 0)),
            violation: None,
            trace: RefCell::default(),
            setup: setup.clone(),
        };
        if setup.dead_lock {
            let at = Clock { off_by: -JUMP }.at(0);
            world.disk.directory = Some(Mtime { at, by: Pid::MAX });
        }
        for (job, at) in &setup.jobs {
            world.add(*job, *at);
        }
        world
    }

    /// One more process.
    pub(crate) fn add(&mut self, job: Job, at: Ms) {
        let login = match job {
            Job::Store => {
                let lifetime = self.setup.lifetime_s * 1000;
                let refresh = self.provider.old_login(false, at + lifetime).text();
                let access = refresh.replacen("rt-", "at-", 1);
                let expires = Clock::default().at(at + lifetime - 300_000);
                format!(r#"{{"refresh":"{refresh}","access":"{access}","expires":{expires}}}"#)
            }
            _ => String::new(),
        };
        let mind = self.mint.begin(&job.request(&login));
        self.processes.push(Process::new(job, mind, at));
    }

    pub(crate) fn is(&self, mutation: Mutation) -> bool {
        self.setup.mutation == Some(mutation)
    }

    /// The clock of the machine that a process is on.
    pub(crate) fn clock(&self, pid: usize) -> Clock {
        let drifts = &self.setup.drifts;
        Clock { off_by: self.jumped + drifts[pid % drifts.len()] }
    }

    /// Returns whether every clock has been right so far.
    pub(crate) fn has_true_clocks(&self) -> bool {
        self.setup.drifts.iter().all(|drift| *drift == 0) && !self.has_jumped
    }

    /// Writes a line of the trace.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        if self.setup.traced {
            let line = format!("{:>9} ms  {}", self.now, line());
            self.trace.borrow_mut().push(line);
        }
    }

    /// Something is as it must not be.
    pub(crate) fn fail(&mut self, what: String) {
        self.note(|| format!("VIOLATION: {what}"));
        self.violation.get_or_insert(what);
    }

    /// Whoever can do something, and when.
    fn actors(&self) -> Vec<(Ms, Actor)> {
        let mut actors = Vec::new();
        let mut add = |at: Option<Ms>, actor| actors.extend(at.map(|at| (at, actor)));
        for pid in 0..self.processes.len() {
            add(self.process_ready(pid), Actor::Process(pid));
            add(self.touch_ready(pid), Actor::Touch(pid));
        }
        for n in 0..self.agents.len() {
            add(self.agent_ready(n), Actor::Agent(n));
            add(self.agent_touch_ready(n), Actor::AgentTouch(n));
        }
        for message in self.network.iter().filter(|message| message.answer.is_none()) {
            add(Some(message.arrives), Actor::Message(message.id));
        }
        actors
    }

    /// Steps that can be made next, and the time of each: whoever is next, and whoever comes so
    /// shortly after that both could be as quick. Empty where everything is over.
    pub(crate) fn steps(&self) -> Vec<(Ms, Actor)> {
        let mut actors = self.actors();
        let first = actors.iter().map(|(at, _)| *at).min().unwrap_or(0);
        let is_moving = self.agents.iter().any(Agent::is_moving);
        let until = match is_moving {
            true => self.now,
            false => first + self.setup.slack,
        };
        actors.retain(|(at, _)| *at <= until);
        actors
    }

    /// Faults that can happen next.
    pub(crate) fn faults(&self) -> Vec<Action> {
        let mut faults = Vec::new();
        let living = || (0..self.processes.len()).filter(|pid| self.processes[*pid].end.is_none());
        if self.budget.crashes > 0 {
            faults.extend(living().map(Action::Crash));
        }
        if self.budget.stalls > 0 {
            faults.extend(living().map(|pid| Action::Stall(Actor::Process(pid))));
            let agents = (0..self.agents.len())
                .filter(|n| !self.agents[*n].is_over() && !self.agents[*n].is_moving());
            faults.extend(agents.map(|n| Action::Stall(Actor::Agent(n))));
        }
        if self.budget.signals > 0 {
            let unsuspecting = living().filter(|pid| !self.processes[*pid].was_signalled);
            faults.extend(unsuspecting.map(Action::Signal));
        }
        for pid in living() {
            if self.process_ready(pid).is_some_and(|at| at <= self.now) {
                faults.extend(self.faults_of(Actor::Process(pid)));
            }
        }
        if self.budget.troubles > 0 || self.budget.odd > 0 {
            for (_, actor) in self.steps() {
                if let Actor::Message(_) = actor {
                    faults.extend(self.faults_of(actor));
                }
            }
        }
        if self.budget.jumps > 0 && !self.agents.iter().any(Agent::is_moving) {
            faults.extend([Action::Jump(JUMP), Action::Jump(-JUMP)]);
        }
        // The agent syncs nothing, so what it wrote would be gone by its own fault.
        if self.budget.cuts > 0 && self.agents.is_empty() {
            faults.extend([Action::Cut { kept: true }, Action::Cut { kept: false }]);
        }
        faults
    }

    /// A fault that fits this step, if there is one: a request that meets trouble, a disk that
    /// fails.
    pub(crate) fn faults_of(&self, actor: Actor) -> Vec<Action> {
        match actor {
            Actor::Message(id) => {
                let troubles = self.troubles(id).into_iter();
                troubles.map(|trouble| Action::Trouble(id, trouble)).collect()
            }
            Actor::Process(pid) => {
                let faults = self.disk_faults(pid).into_iter();
                faults.map(|fault| Action::FailDisk(pid, fault)).collect()
            }
            Actor::Touch(_) | Actor::Agent(_) | Actor::AgentTouch(_) => Vec::new(),
        }
    }

    /// Makes it happen.
    pub(crate) fn act(&mut self, action: Action) {
        self.note(|| match action {
            Action::Step(Actor::Process(pid)) => {
                format!("process {pid} {}", self.processes[pid].op)
            }
            _ => action.to_string(),
        });
        match action {
            Action::Step(_) => {}
            // Half a minute, and its lock is dead: whoever waits has more patience than that, once.
            Action::Crash(_) => self.ledger.crashes += 1,
            _ => self.ledger.is_disturbed = true,
        }
        match action {
            Action::Step(actor) => self.step(actor),
            Action::Trouble(id, trouble) => {
                match trouble {
                    Trouble::Odd(_) => self.budget.odd -= 1,
                    _ => self.budget.troubles -= 1,
                }
                self.arrive(id, Some(trouble));
            }
            Action::FailDisk(pid, fault) => {
                self.budget.spend_disk(fault);
                self.break_disk(pid, fault);
                self.step_process(pid, Some(fault));
            }
            Action::Crash(pid) => {
                self.budget.crashes -= 1;
                self.excuse_torn_write(pid);
                self.crash(pid);
            }
            Action::Stall(Actor::Process(pid)) => {
                self.budget.stalls -= 1;
                self.excuse_torn_write(pid);
                let process = &mut self.processes[pid];
                process.ready = process.ready.max(self.now) + STALL;
                process.was_stalled = true;
            }
            Action::Stall(Actor::Agent(n)) => {
                self.budget.stalls -= 1;
                self.agents[n].ready = self.agents[n].ready.max(self.now) + STALL;
                self.agents[n].was_stalled = true;
            }
            Action::Stall(_) => {}
            Action::Signal(pid) => {
                self.budget.signals -= 1;
                self.processes[pid].is_signalled = true;
                self.processes[pid].was_signalled = true;
            }
            Action::Jump(ms) => {
                self.budget.jumps -= 1;
                self.jumped += ms;
                self.has_jumped = true;
                self.ledger.forget_all_quiet();
            }
            Action::Cut { kept } => {
                self.budget = Budget::default();
                if self.disk.holds_unsynced() {
                    self.ledger.excuse(CUT_UNSYNCED);
                }
                self.disk.lose_power(kept);
                for pid in 0..self.processes.len() {
                    if self.processes[pid].end.is_none() {
                        self.excuse_torn_write(pid);
                        self.crash(pid);
                    }
                }
                let left = self.disk.text(self.disk.name()).unwrap_or_default();
                self.ledger.left(&left);
            }
        }
    }

    fn step(&mut self, actor: Actor) {
        let at = self.actors().into_iter().find(|(_, it)| *it == actor).map_or(0, |(at, _)| at);
        self.now = self.now.max(at);
        match actor {
            Actor::Process(pid) => {
                self.processes[pid].ready = self.now;
                self.step_process(pid, None);
            }
            Actor::Touch(pid) => self.touch(pid),
            Actor::Agent(n) => {
                self.agents[n].ready = self.now;
                self.step_agent(n);
            }
            Actor::AgentTouch(n) => self.agent_touch(n),
            Actor::Message(id) => self.arrive(id, None),
        }
    }

    /// Returns whether whoever made this lock is alive and has not let go of it.
    pub(crate) fn holds(&self, lock: Mtime) -> bool {
        match self.agents.iter().find(|agent| agent.pid == lock.by) {
            Some(agent) => agent.directory == Some(lock),
            None => self
                .processes
                .get(lock.by as usize)
                .is_some_and(|process| process.end.is_none() && process.directory() == Some(lock)),
        }
    }

    /// Returns whether it is all over.
    pub(crate) fn is_over(&self) -> bool {
        self.processes.iter().all(|process| process.end.is_some())
            && self.agents.iter().all(Agent::is_over)
    }

    /// What everybody must find who comes later, when nothing goes wrong any more.
    pub(crate) fn finish(&mut self) {
        self.budget = Budget::default();
        self.disk.recover();
        let first = self.processes.len();
        // Late enough for every lock to be dead and every failure to be forgotten.
        let later = self.now + 1_200_000;
        self.note(|| String::from("and later:"));
        self.add(Job::Token(Account::Anthropic), later);
        if self.setup.copilot {
            self.add(Job::Token(Account::Copilot), later + 120_000);
        }
        while self.violation.is_none() && !self.is_over() {
            let Some((_, actor)) = self.actors().into_iter().min_by_key(|(at, _)| *at) else {
                break;
            };
            self.act(Action::Step(actor));
        }
        for pid in first..self.processes.len() {
            self.check_later(pid);
        }
        // Whoever takes the lock sweeps.
        let has_swept = self.processes[first..].iter().any(|process| process.has_sent);
        if has_swept && !self.disk.temporary.is_empty() {
            self.fail("temporary files are left behind".into());
        }
    }

    /// How a process ended, if it has.
    pub(crate) fn end_of(&self, pid: usize) -> Option<&End> {
        self.processes[pid].end.as_ref()
    }
}

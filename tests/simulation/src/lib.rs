//! A world in one thread: any number of processes that each run a real flow of the core, a disk
//! with the credential file and its locks, a provider that rotates tokens and revokes a login whose
//! token is used twice, the existing agent, clocks that are wrong, and crashes at any moment.
//!
//! Flows are pure, so all of this is a function of what happens next. [`explore`] tries everything
//! that can happen next, as far as it leads; [`random`] tries what a seed says.
//!
//! | file | what |
//! |---|---|
//! | `setup.rs` | what a world begins with |
//! | `world.rs`, `action.rs` | what can happen next, and making it happen |
//! | `process.rs`, `op.rs`, `lock.rs`, `release.rs`, `write.rs`, `told.rs` | a process of ours, one system call at a time |
//! | `agent.rs` | a process of the agent: proper-lockfile's rules, a file written in place |
//! | `provider.rs`, `odd.rs`, `network.rs`, `disk.rs`, `disk_fault.rs`, `clock.rs` | what they meet in |
//! | `checks.rs` | what must hold, always, judged by what has happened: `ledger.rs` |
//! | `mind.rs` | real flows, alive or remembered |
//! | `explore.rs`, `random.rs` | which worlds there are |
//! | `scenarios.rs` | what is tried in every schedule |
//! | `mutation.rs`, `broken.rs` | hosts that are broken on purpose, to show that it would be noticed |
//!
//! The locks and the write are modelled after `host/src/store/`, call by call; the flows are the
//! real ones.

mod action;
mod agent;
mod broken;
mod checks;
mod clock;
mod disk;
mod disk_fault;
pub mod explore;
mod ledger;
mod lock;
mod mind;
mod mutation;
mod network;
mod odd;
mod op;
mod process;
mod provider;
pub mod random;
mod release;
pub mod scenarios;
mod setup;
mod told;
mod world;
mod write;

pub use mutation::Mutation;
pub use provider::Rotation;
pub use setup::{Account, Age, Budget, Errand, Job, Setup};

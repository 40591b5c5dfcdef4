//! Simulates for as long as it is given: `cargo xtask simulate`.
//!
//! Every schedule of two and three, worlds at random, and how soon mistakes are noticed that are
//! made on purpose. What goes wrong is told step by step, with the seed or the name of its world;
//! then it exits with 1.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::Parser;
use pi_auth_simulation::explore::{Covered, explore};
use pi_auth_simulation::random::{self, Survived};
use pi_auth_simulation::scenarios::{self, FAULTS};
use pi_auth_simulation::{Mutation, Setup};

/// Many processes, a provider, a disk and their faults in one thread.
#[derive(Parser)]
struct Cli {
    /// How many worlds to make up.
    #[arg(default_value_t = 100_000)]
    worlds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Up to how many states to try every schedule of three; 0 tries none.
    #[arg(long, default_value_t = 1_000_000)]
    states: usize,
    /// Within how many worlds a mistake has to be noticed; 0 makes none.
    #[arg(long, default_value_t = 10_000)]
    mistakes: u64,
    /// Tells the world of this seed, step by step, and does nothing else.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.seed {
        Some(seed) => tell(seed),
        None => random_worlds(&cli).and_then(|()| schedules(&cli)).and_then(|()| mistakes(&cli)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// The world of one seed.
fn tell(seed: u64) -> Result<(), String> {
    let (steps, result) = random::tell(seed);
    println!("{}", steps.join("\n"));
    println!("{}", result.map_err(|what| format!("{what}\nin the world of seed {seed}"))?);
    Ok(())
}

fn random_worlds(cli: &Cli) -> Result<(), String> {
    let seeds: Vec<u64> = (cli.from..cli.from + cli.worlds).collect();
    let sum = Mutex::new(Survived::default());
    each(&seeds, |seed| {
        let survived = random::run(*seed, None).or_else(|what| tell(*seed).and(Err(what)))?;
        if let Ok(mut sum) = sum.lock() {
            *sum += survived;
        }
        Ok(())
    })?;
    println!("{}", sum.into_inner().map_err(|it| it.to_string())?);
    Ok(())
}

fn schedules(cli: &Cli) -> Result<(), String> {
    if cli.states == 0 {
        return Ok(());
    }
    for (what, setups, max) in [
        ("two of ours", scenarios::pairs(), usize::MAX),
        ("one beside the agent", scenarios::beside_the_agent(), usize::MAX),
        ("three", scenarios::triples(), cli.states),
    ] {
        let with = |setup: Setup| FAULTS.map(|(fault, budget)| (setup.clone().with(budget), fault));
        let worlds: Vec<_> = setups.into_iter().flat_map(with).collect();
        let sum = Mutex::new((Covered::none(), 0));
        each(&worlds, |(setup, fault)| {
            let name = scenarios::name(setup);
            let covered =
                explore(setup.clone(), max).map_err(|it| format!("{name}, {fault}: {it}"))?;
            if !covered.is_complete {
                println!("  {name}, {fault}: cut off at {} states", covered.states);
            }
            if let Ok(mut sum) = sum.lock() {
                sum.0 += covered;
                sum.1 += usize::from(covered.is_complete);
            }
            Ok(())
        })?;
        let (covered, complete) = sum.into_inner().map_err(|it| it.to_string())?;
        println!(
            "{what}: {} worlds in every schedule, {complete} of them to the end; {} states, {} ends, {} of \
             them past what any program can mend",
            worlds.len(),
            covered.states,
            covered.ends,
            covered.excused
        );
    }
    Ok(())
}

fn mistakes(cli: &Cli) -> Result<(), String> {
    if cli.mistakes == 0 {
        return Ok(());
    }
    println!("mistakes made on purpose, and the random world that notices each:");
    each(Mutation::ALL, |mutation| {
        let notice = |seed: &u64| random::run(*seed, Some(*mutation)).is_err();
        match (0..cli.mistakes).find(notice) {
            Some(seed) => println!("  {mutation:?}: seed {seed}, within {} worlds", seed + 1),
            None => println!("  {mutation:?}: not at random; tests/mutations.rs names where it is"),
        }
        Ok(())
    })
}

/// Does it with each, on as many threads as there are cores; stops at the first that goes wrong.
fn each<T: Sync>(all: &[T], act: impl Fn(&T) -> Result<(), String> + Sync) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let problem = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, |it| it.get()) {
            scope.spawn(|| {
                while let Some(it) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(found) = act(it) {
                        next.store(all.len(), Ordering::Relaxed);
                        if let Ok(mut problem) = problem.lock() {
                            *problem = Some(found);
                        }
                    }
                }
            });
        }
    });
    problem.into_inner().map_err(|it| it.to_string())?.map_or(Ok(()), Err)
}

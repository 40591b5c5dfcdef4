//! `cargo xtask demo`: the real `pi` against a provider on this machine, every step checked.
//!
//! | file | what is in it |
//! |---|---|
//! | `demo/steps.rs` | the steps, in the order in which they are shown |
//! | `demo/copilot.rs` | those about GitHub Copilot |
//! | `demo/stage.rs` | what a step stands on: the provider, the home, claims and their printing |
//! | `demo/running.rs` | a `pi` that runs: what it says as it says it, and what is typed into it |
//!
//! Nothing leaves this machine, and nothing outside a temporary directory is read or written.

mod copilot;
mod running;
mod stage;
mod steps;

use std::process::ExitCode;
use std::time::Instant;

use crate::cargo::Profile;
use crate::{Result, cargo, paint};
use stage::Stage;
use steps::STEPS;

/// Runs the demo. A claim that does not hold ends it with exit code 1.
pub(crate) fn run() -> Result<ExitCode> {
    println!("Building `pi`, and the robot that plays the person with a browser ...");
    // Apart from each other: the robot then shares all that was built for this program.
    let pi = cargo::build("pi-auth", "pi", Profile::Dev)?;
    let robot = cargo::build("pi-auth-tests", "pi-auth-sandbox", Profile::Dev)?;
    match play(Stage::set(pi, &robot)?) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(failure) => {
            println!("\n{}", paint::red(&format!("The demo ended early: {failure}")));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn play(mut stage: Stage) -> Result {
    let begun = Instant::now();
    for (number, step) in (1..).zip(STEPS) {
        println!("\n{}", paint::bold(&format!("{number}. {}", step.title)));
        (step.show)(&mut stage).map_err(|failure| format!("step {number}: {failure}"))?;
    }
    println!(
        "\n{} {} steps, {} claims, all true, in {:.1} s. No real provider was asked.",
        paint::green("Done:"),
        STEPS.len(),
        stage.claims(),
        begun.elapsed().as_secs_f64(),
    );
    Ok(())
}

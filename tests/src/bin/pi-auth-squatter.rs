//! Another user of this machine, who takes a port or keeps connections open. It says when it is
//! ready, and ends with its standard input.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Takes a port, or connects and says nothing", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Listens there, prints the port, and at the end how many connections came
    Hold {
        /// The address to listen at
        address: SocketAddr,
    },
    /// Connects, prints how often, and sends nothing
    Connect {
        /// The address to connect to
        address: SocketAddr,
        /// The number of connections
        count: usize,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Hold { address } => hold(address),
        Command::Connect { address, count } => connect(address, count),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn hold(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    say(usize::from(listener.local_addr()?.port()))?;
    wait()?;
    listener.set_nonblocking(true)?;
    say(listener.incoming().map_while(Result::ok).count())
}

fn connect(address: SocketAddr, count: usize) -> io::Result<()> {
    let open: Vec<_> =
        (0..count).map(|_| TcpStream::connect(address)).collect::<io::Result<_>>()?;
    say(open.len())?;
    wait()
}

/// Waits for the end of standard input.
fn wait() -> io::Result<()> {
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn say(number: usize) -> io::Result<()> {
    writeln!(io::stdout(), "{number}")
}

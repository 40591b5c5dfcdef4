//! The addresses that the callback server listens on: all of them on one port.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pi_auth_core::callback::Loopback;
use rustix::io::Errno;
use tokio::net::TcpListener;

/// How many free ports are tried, one of whose addresses may be taken.
const TRIES: usize = 16;

/// Listens on `preferred_port`, or on any port that is free on all addresses.
pub(super) async fn bind(on: Loopback, preferred_port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners = bind_port(on, preferred_port).await;
    for _ in 0..TRIES {
        if listeners.is_ok() {
            break;
        }
        listeners = bind_port(on, 0).await;
    }
    listeners
}

/// Listens on this port; 0 is any that is free on the first address.
async fn bind_port(on: Loopback, port: u16) -> io::Result<Vec<TcpListener>> {
    let [ipv4, ipv6] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let first = TcpListener::bind((if on == Loopback::Ipv6 { ipv6 } else { ipv4 }, port)).await?;
    if on != Loopback::Both {
        return Ok(vec![first]);
    }
    // Browsers try ::1 first: whoever else listens there would get the code.
    match TcpListener::bind((ipv6, first.local_addr()?.port())).await {
        Ok(second) => Ok(vec![first, second]),
        Err(error) if has_no_ipv6(&error) => Ok(vec![first]),
        Err(error) => Err(error),
    }
}

/// Returns whether this machine has no `::1` at all.
fn has_no_ipv6(error: &io::Error) -> bool {
    let absent = [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL, Errno::PROTONOSUPPORT];
    error.raw_os_error().is_some_and(|code| absent.iter().any(|it| it.raw_os_error() == code))
}

//! Whatever comes over the wire, or does not, in answer to every request that `pi` makes.
//!
//! | file | what is in it |
//! |---|---|
//! | `answers.rs` | answers that are none, as data, and what each means |
//! | `jobs.rs` | the requests: what makes each, and how the job ends that gets no answer to it |
//! | `faults.rs` | every request meets every such answer |
//! | `retry_after.rs` | what a server says about when to come back, sense or not |
//! | `time.rs` | answers that take for ever, and connections that break |
//! | `redirects.rs` | where a server would have secrets sent |

mod answers;
mod faults;
mod jobs;
mod redirects;
mod retry_after;
mod time;

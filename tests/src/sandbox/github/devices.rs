//! Device codes and user codes, from the device to the one grant (RFC 8628).

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::settings::GithubSettings;
use crate::sandbox::log::Poll;
use crate::sandbox::random::{random, random_of};

/// By how much `slow_down` makes the interval longer, in seconds (RFC 8628 section 3.5).
const SLOW_DOWN_S: u64 = 5;

/// What user codes are made of: nothing that is taken for something else, and no word by accident
/// (RFC 8628 section 6.1).
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";

/// A user code that waits for a person, and where that person is to enter it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingUserCode {
    /// The domain that the device wants to be let into.
    pub domain: String,
    /// What the device shows.
    pub user_code: String,
}

/// Every device that asked, in order.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Devices(Vec<Device>);

/// A device that asked to be let in.
#[derive(Debug)]
pub(super) struct Device {
    domain: String,
    pub(super) device_code: String,
    pub(super) user_code: String,
    /// None when it lies beyond what a clock can count to.
    expires: Option<Instant>,
    interval_s: u64,
    last_heard: Instant,
    standing: Standing,
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// Nobody has entered the user code.
    Waiting,
    /// Somebody has, and is being asked.
    Asked {
        request_id: String,
    },
    Approved {
        pending: u32,
    },
    Denied,
    Granted,
}

/// What a device hears that is not let in (RFC 8628 section 3.5).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotNow {
    Pending,
    /// With the interval that is in force from now on, in seconds.
    SlowDown(u64),
    Expired,
    Denied,
    /// No such code here, or it was granted before.
    Incorrect,
}

impl Devices {
    /// A device asks.
    pub(super) fn ask(&mut self, domain: &str, settings: &GithubSettings, now: Instant) -> &Device {
        let user_code = format!("{}-{}", random_of(LETTERS, 4), random_of(LETTERS, 4));
        self.0.push(Device {
            domain: domain.to_owned(),
            device_code: random(),
            user_code,
            expires: now.checked_add(Duration::from_secs(settings.code_lifetime_s)),
            interval_s: settings.interval_s,
            last_heard: now,
            standing: Standing::Waiting,
        });
        &self.0[self.0.len() - 1]
    }

    /// Notes that a device polls, and says how it kept to the interval. Of a code that is unknown
    /// at this domain there is nothing to note.
    pub(super) fn polled(&mut self, domain: &str, code: &str, now: Instant) -> Option<Poll> {
        let device = self.device(domain, code)?;
        let waited = now.saturating_duration_since(device.last_heard);
        device.last_heard = now;
        Some(Poll {
            waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
            interval_s: device.interval_s,
            too_early: waited < Duration::from_secs(device.interval_s),
        })
    }

    /// Lets a device in that was approved, once.
    pub(super) fn grant(
        &mut self,
        domain: &str,
        code: &str,
        poll: Option<Poll>,
        now: Instant,
    ) -> Result<(), NotNow> {
        let device = self.device(domain, code).ok_or(NotNow::Incorrect)?;
        if device.standing == Standing::Granted {
            return Err(NotNow::Incorrect);
        }
        if device.expires.is_some_and(|end| now >= end) {
            return Err(NotNow::Expired);
        }
        if poll.is_some_and(|poll| poll.too_early) {
            device.interval_s += SLOW_DOWN_S;
            return Err(NotNow::SlowDown(device.interval_s));
        }
        match &mut device.standing {
            Standing::Waiting | Standing::Asked { .. } => Err(NotNow::Pending),
            Standing::Approved { pending: 0 } => {
                device.standing = Standing::Granted;
                Ok(())
            }
            Standing::Approved { pending } => {
                *pending -= 1;
                Err(NotNow::Pending)
            }
            Standing::Denied => Err(NotNow::Denied),
            Standing::Granted => Err(NotNow::Incorrect),
        }
    }

    /// A `slow_down` was sent out of turn: it holds all the same.
    pub(super) fn slow_down(&mut self, domain: &str, code: &str, interval_s: Option<u64>) {
        if let Some(device) = self.device(domain, code) {
            device.interval_s = interval_s.unwrap_or(device.interval_s + SLOW_DOWN_S);
        }
    }

    /// A person entered a user code, as people type: gives the code as it was shown, and the id of
    /// the form that asks.
    pub(super) fn enter(
        &mut self,
        domain: &str,
        typed: &str,
        now: Instant,
    ) -> Option<(String, String)> {
        let typed = plain(typed);
        let device = self
            .waiting(now)
            .find(|device| device.domain == domain && plain(&device.user_code) == typed)?;
        let request_id = random();
        device.standing = Standing::Asked { request_id: request_id.clone() };
        Some((device.user_code.clone(), request_id))
    }

    /// The person decided: gives the user code that they decided on.
    pub(super) fn decide(
        &mut self,
        domain: &str,
        form: &str,
        authorized: bool,
        settings: &GithubSettings,
        now: Instant,
    ) -> Option<String> {
        let device = self.waiting(now).find(|device| {
            let Standing::Asked { request_id } = &device.standing else { return false };
            device.domain == domain && request_id == form
        })?;
        device.standing = if authorized {
            Standing::Approved { pending: settings.pending_after_approval }
        } else {
            Standing::Denied
        };
        Some(device.user_code.clone())
    }

    /// The codes that nobody has decided on, the newest last.
    pub(in crate::sandbox) fn pending(&mut self, now: Instant) -> Vec<PendingUserCode> {
        let pending = |device: &mut Device| PendingUserCode {
            domain: device.domain.clone(),
            user_code: device.user_code.clone(),
        };
        self.waiting(now).map(pending).collect()
    }

    fn waiting(&mut self, now: Instant) -> impl Iterator<Item = &mut Device> {
        self.0.iter_mut().filter(move |device| {
            let undecided = matches!(device.standing, Standing::Waiting | Standing::Asked { .. });
            undecided && device.expires.is_none_or(|end| now < end)
        })
    }

    fn device(&mut self, domain: &str, code: &str) -> Option<&mut Device> {
        self.0.iter_mut().find(|device| device.domain == domain && device.device_code == code)
    }
}

/// Case, dashes and spaces mean nothing in a user code.
fn plain(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
}

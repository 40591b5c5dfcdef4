//! Requests of a flow to its host.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Event;
use super::Output;
use crate::callback::Loopback;
use crate::error::Error;
use crate::http::{self, query_value};
use crate::json::tagged_by_type;
use crate::provider::Label;
use crate::secret::{Secret, exposed};

/// The words of a host for [`Effect::ProbeStore`] and [`Effect::LockStore`] when they take over a
/// second.
pub const LOCK_ACTIVITY: &str = "Waiting for another pi to let go of the credential file";

/// The next thing that a flow asks its host to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(test, ts(tag = "type", rename_all = "snake_case"))]
#[non_exhaustive]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Effect {
    /// Send an HTTP request. Answer: [`Event::Response`] or [`Event::TransportFailed`].
    Http {
        /// What to send.
        request: http::HttpRequest,
        /// What it is for, in plain words, to show when it takes over a second.
        activity: String,
        /// A deadline that is shown as a countdown.
        #[cfg_attr(test, ts(optional))]
        #[serde(skip_serializing_if = "Option::is_none")]
        countdown: Option<Countdown>,
    },
    /// Read the overrides file. Answer: [`Event::OverridesRead`] or [`Event::OverridesFailed`].
    ReadOverrides,
    /// Read the credential file. Answer: [`Event::StoreRead`] or [`Event::StoreFailed`].
    ReadStore,
    /// Prove that the credential file can be replaced (make its directory, take the lock, make a
    /// temporary file beside it, and let go of both) and read it under that lock.
    /// Answer: as for `ReadStore`, or [`Event::LockTimedOut`].
    ProbeStore,
    /// Take the credential file's lock, and make sure that there is room to write it: what comes
    /// next may not be repeatable. Taking a lock that is already held succeeds at once.
    /// Answer: [`Event::Locked`], [`Event::LockTimedOut`] or [`Event::StoreFailed`].
    LockStore,
    /// Let go of the lock, if it is held. Answer: [`Event::Unlocked`].
    UnlockStore,
    /// Replace the credential file, whole or not at all, and durably.
    /// Answer: [`Event::Written`], [`Event::LockLost`] or [`Event::StoreFailed`].
    WriteStore {
        /// The new contents.
        #[serde(serialize_with = "exposed")]
        contents: Secret,
        /// True to write although the lock could not be had: the last resort for a token that
        /// exists nowhere else. Otherwise a host whose lock was taken over writes nothing and
        /// answers [`Event::LockLost`].
        unlocked: bool,
    },
    /// Read the file in which failed refreshes are remembered, beside the credential file.
    /// Answer: [`Event::BackoffRead`].
    ReadBackoff,
    /// Replace that file, as well as it goes. Answer: [`Event::BackoffWritten`].
    WriteBackoff {
        /// The new contents.
        #[serde(serialize_with = "exposed")]
        contents: Secret,
    },
    /// Read one environment variable. Answer: [`Event::Variable`].
    ReadVariable {
        /// Its name.
        name: String,
    },
    /// Bind a callback server, for GET requests of exactly this path. Whatever the exchange of the
    /// code will need, such as an HTTP client, is made before.
    /// Answer: [`Event::Listening`] or [`Event::ListenFailed`].
    Listen {
        /// The addresses to bind, all of them on one port.
        on: Loopback,
        /// The port to try first, then any free one; 0 is any.
        preferred_port: u16,
        /// The path, beginning with a slash.
        path: String,
    },
    /// Show the URL, and take what comes first: the callback, or a pasted text. The browser is
    /// started first, but not waited for.
    /// Answer: [`Event::Callback`], [`Event::Pasted`] or [`Event::InputEnded`].
    Authorize(Authorize),
    /// Input has ended: wait for the callback alone, which answers the page with this
    /// state. Answer: [`Event::Callback`], [`Event::Woke`] when it is too late, or
    /// [`Event::InputEnded`] once nobody sees what is shown, either.
    AwaitCallback {
        /// The state that a callback must bring; see [`is_answered_by`].
        #[serde(serialize_with = "exposed")]
        state: Secret,
        /// The wait in plain words, to be shown at once.
        activity: String,
        /// When it is too late, in epoch milliseconds.
        until_ms: u64,
    },
    /// Have the person pick one. Answer: [`Event::Chosen`] or [`Event::InputEnded`].
    Select {
        /// The question.
        message: String,
        /// What there is to pick from; never empty.
        options: Vec<Label>,
        /// A line below the options that cannot be picked.
        remark: Option<String>,
    },
    /// Ask a yes-or-no question. Answer: [`Event::Confirmed`] or [`Event::InputEnded`].
    Confirm {
        /// The question.
        message: String,
    },
    /// Ask for a line of text, which may be empty. Answer: [`Event::Answered`] or
    /// [`Event::InputEnded`].
    Prompt {
        /// The question.
        message: String,
        /// Why the last answer was not taken.
        problem: Option<String>,
    },
    /// Show a code and the page where it is entered, and open that page if so asked.
    /// Answer: [`Event::Shown`], without waiting for the person.
    ShowCode(ShowCode),
    /// Sleep until then, in epoch milliseconds. Answer: [`Event::Woke`].
    WaitUntil {
        /// When.
        at_ms: u64,
        /// A deadline that is shown as a countdown.
        countdown: Option<Countdown>,
    },
    /// The job is done. Nothing more comes.
    Done {
        /// The result of a job.
        output: Output,
    },
    /// The job failed. Nothing more comes.
    Failed {
        /// Why.
        error: Error,
    },
}

tagged_by_type!(Effect);

impl Effect {
    /// Returns whether the flow has ended with this, so that no event answers it.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. })
    }

    /// A request during which the person has time for nothing.
    pub(super) fn http(request: http::HttpRequest, activity: String) -> Self {
        Effect::Http { request, activity, countdown: None }
    }
}

/// The page that a person is to open, and how its answer comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Authorize {
    /// The authorization URL, to be shown.
    pub url: String,
    /// True to open it in a browser; otherwise it is only shown.
    pub open_browser: bool,
    /// The address to give the browser in place of the URL.
    #[cfg_attr(test, ts(optional))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_time: Option<OneTime>,
    /// True if the callback server that was bound is waited for as well.
    pub callback: bool,
    /// The state that a callback must bring; see [`is_answered_by`].
    #[serde(serialize_with = "exposed")]
    pub state: Secret,
    /// What to say, such as `Opening browser to authorize...`.
    pub message: String,
    /// What to ask for, such as `Paste the authorization code here:`.
    pub prompt: String,
    /// Why the last answer was not taken. With it the page is not opened again.
    pub problem: Option<String>,
}

/// An address on the callback server that leads to the authorization URL, once. Other users of this
/// machine can read the arguments of a browser, and state and challenge must not be among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OneTime {
    /// The whole address, for the browser.
    pub url: String,
    /// Its path. The first GET of it is redirected (303) to the authorization URL.
    pub path: String,
}

/// Returns whether the query of a callback answers the page with this state. One with another state
/// may come from another tab, or from a page that wants to plant its own login here (RFC 6749,
/// 10.12): a host turns it away and goes on waiting, and the person's typing is not disturbed.
pub fn is_answered_by(state: &Secret, query: &str) -> bool {
    query_value(query, "state").is_some_and(|found| *state == found.into())
}

/// A code, and the page where a person enters it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ShowCode {
    /// The code, as it is to be entered.
    pub user_code: String,
    /// The page, to be shown.
    pub verification_uri: String,
    /// The page to open: the same, or one that has the code in it already.
    pub url: String,
    /// True to open it in a browser; otherwise it is only shown.
    pub open_browser: bool,
    /// What to do.
    pub message: String,
    /// What never to do.
    pub warning: String,
    /// When the code expires, in epoch milliseconds.
    pub expires_ms: u64,
}

/// A deadline that is shown as a countdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Countdown {
    /// What is waited for, such as `Waiting for you to authorize`.
    pub message: String,
    /// When it is too late, in epoch milliseconds.
    pub until_ms: u64,
}

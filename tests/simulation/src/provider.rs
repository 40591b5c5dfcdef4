//! A provider: families of tokens, rotation, and revocation of a whole family when a refresh token
//! is used twice (RFC 9700, 4.14.2).

use std::rc::Rc;

use pi_auth_core::http::{HttpRequest, HttpResponse, Method, TransportFailure};
use serde_json::{Value, json};

use crate::clock::{Clock, Ms};
use crate::odd::Odd;

/// Which refresh token an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Another one each time, and the one before is spent.
    Rotates,
    /// The same one.
    Repeats,
    /// None: the one that was sent stays good.
    Omits,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Trouble {
    /// It never arrived.
    NoConnection,
    /// 429, for so many seconds.
    TooMany(u64),
    /// 503.
    Unavailable,
    /// A page of somebody in between.
    Html,
    /// It was done, and the answer broke off.
    Cut,
    /// It was done, and the connection broke before the answer.
    Broken,
    /// It was done, and the answer comes so many milliseconds late.
    Late(Ms),
    /// It was done, and a part of the answer cannot be used.
    Odd(Odd),
}

/// Every kind of trouble, but for odd answers.
pub(crate) const TROUBLES: [Trouble; 7] = [
    Trouble::NoConnection,
    Trouble::TooMany(7),
    Trouble::Unavailable,
    Trouble::Html,
    Trouble::Cut,
    Trouble::Broken,
    Trouble::Late(31_000),
];

/// A refresh token: the login that it belongs to, and which one of that login's it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Refresh {
    pub(crate) family: usize,
    pub(crate) number: u32,
}

impl Refresh {
    /// As it is sent and stored.
    pub(crate) fn text(self) -> String {
        format!("rt-{}-{}", self.family, self.number)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (family, number) = text.strip_prefix("rt-")?.split_once('-')?;
        Some(Refresh { family: family.parse().ok()?, number: number.parse().ok()? })
    }
}

/// What the provider is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// Tokens of a new login.
    Code,
    /// A refresh, or the exchange of a token that stays as it is.
    Refresh(Refresh),
}

impl Ask {
    /// What a request of ours asks for.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        if request.method == Method::Get {
            let header = |it: &&pi_auth_core::http::Header| it.name == "Authorization";
            let value = request.headers.iter().find(header)?.value.expose();
            return Refresh::parse(value.rsplit(' ').next()?).map(Ask::Refresh);
        }
        let body: Value = serde_json::from_str(request.body.expose()).ok()?;
        match body["grant_type"].as_str()? {
            "authorization_code" => Some(Ask::Code),
            _ => Refresh::parse(body["refresh_token"].as_str()?).map(Ask::Refresh),
        }
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// A status, whether it says when to come again, and a body.
    Http { status: u16, retry_after_s: Option<u64>, body: Rc<str> },
    /// The request was never sent.
    NoConnection,
    /// The connection broke.
    Broken,
}

impl Answer {
    /// As a host tells it.
    pub(crate) fn response(&self) -> Result<HttpResponse, TransportFailure> {
        match self {
            Answer::NoConnection => Err(TransportFailure::Connect),
            Answer::Broken => Err(TransportFailure::Broken),
            Answer::Http { status, retry_after_s, body } => Ok(HttpResponse {
                status: *status,
                headers: retry_after_s
                    .iter()
                    .map(|s| ("Retry-After".to_owned(), s.to_string()))
                    .collect(),
                body: (&**body).into(),
            }),
        }
    }
}

/// A login as the provider knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Family {
    /// True if it is Copilot's, whose token is exchanged and never changes.
    pub(crate) is_copilot: bool,
    /// The refresh token that is good.
    pub(crate) current: u32,
    pub(crate) is_revoked: bool,
    /// When each of its access tokens ends.
    valid_until: Vec<Ms>,
}

/// The provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Provider {
    pub(crate) rotation: Rotation,
    /// How long an access token is valid for, in seconds.
    pub(crate) lifetime_s: u64,
    pub(crate) families: Vec<Family>,
}

impl Provider {
    /// A login that somebody has made long ago, whose access token is good until `valid_until`.
    pub(crate) fn old_login(&mut self, is_copilot: bool, valid_until: Ms) -> Refresh {
        let valid_until = vec![valid_until];
        let family = Family { is_copilot, current: 0, is_revoked: false, valid_until };
        self.families.push(family);
        Refresh { family: self.families.len() - 1, number: 0 }
    }

    /// Returns whether an access token is good at `now`.
    pub(crate) fn is_valid(&self, access: &str, now: Ms) -> bool {
        let valid_until = || {
            let (family, number) = access.strip_prefix("at-")?.split_once('-')?;
            let login = self.families.get(family.parse::<usize>().ok()?)?;
            let valid_until = login.valid_until.get(number.parse::<usize>().ok()?)?;
            (!login.is_revoked).then_some(*valid_until)
        };
        valid_until().is_some_and(|valid_until| now < valid_until)
    }

    /// Does what it is asked, or not. Tells the token that it granted, if it did.
    pub(crate) fn handle(
        &mut self,
        ask: Ask,
        trouble: Option<Trouble>,
        now: Ms,
        clock: Clock,
    ) -> (Answer, Option<Refresh>) {
        let status = |status, retry_after_s, body: &str| {
            (Answer::Http { status, retry_after_s, body: body.into() }, None)
        };
        match trouble {
            Some(Trouble::NoConnection) => return (Answer::NoConnection, None),
            Some(Trouble::TooMany(s)) => return status(429, Some(s), "{}"),
            Some(Trouble::Unavailable) => return status(503, None, ""),
            Some(Trouble::Html) => return status(200, None, "<!doctype html>"),
            Some(Trouble::Cut | Trouble::Broken | Trouble::Late(_) | Trouble::Odd(_)) | None => {}
        }
        let Some(granted) = self.grant(ask) else {
            return status(400, None, r#"{"error":"invalid_grant"}"#);
        };
        let answer = self.answer(ask, granted, trouble, now, clock);
        let body = match trouble {
            Some(Trouble::Broken) => return (Answer::Broken, Some(granted)),
            Some(Trouble::Odd(odd)) => odd.text(answer),
            Some(Trouble::Cut) => {
                let mut body = answer.to_string();
                body.truncate(body.len() / 2);
                body
            }
            _ => answer.to_string(),
        };
        let answer = Answer::Http { status: 200, retry_after_s: None, body: body.into() };
        (answer, Some(granted))
    }

    fn grant(&mut self, ask: Ask) -> Option<Refresh> {
        let Refresh { family, number } = match ask {
            Ask::Code => return Some(self.old_login(false, 0)),
            Ask::Refresh(refresh) => refresh,
        };
        let rotates = self.rotation == Rotation::Rotates;
        let login = self.families.get_mut(family)?;
        if login.is_revoked || number != login.current {
            login.is_revoked = true;
            return None;
        }
        if rotates && !login.is_copilot {
            login.current += 1;
        }
        Some(Refresh { family, number: login.current })
    }

    fn answer(
        &mut self,
        ask: Ask,
        granted: Refresh,
        trouble: Option<Trouble>,
        now: Ms,
        clock: Clock,
    ) -> Value {
        let login = &mut self.families[granted.family];
        let lifetime_s = match trouble {
            // An hour is assumed of a token whose lifetime is not said, and nobody can know better.
            Some(Trouble::Odd(Odd::Lifetime)) => self.lifetime_s.max(3600),
            _ => self.lifetime_s,
        };
        let valid_until = now + lifetime_s * 1000;
        let access = format!("at-{}-{}", granted.family, login.valid_until.len());
        login.valid_until.push(valid_until);
        if login.is_copilot {
            let expires_at = clock.at(valid_until) / 1000;
            let refresh_in = lifetime_s.saturating_sub(300);
            return json!({ "token": access, "expires_at": expires_at, "refresh_in": refresh_in });
        }
        let mut body =
            json!({ "token_type": "Bearer", "access_token": access, "expires_in": lifetime_s });
        if self.rotation != Rotation::Omits || ask == Ask::Code {
            body["refresh_token"] = granted.text().into();
        }
        body
    }
}

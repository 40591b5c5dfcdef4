//! HTTP dates (RFC 9110, 5.6.7): the format in use, and the two older ones that a recipient must
//! still understand.

use crate::text::{cut, cut_last};

/// An HTTP date as epoch milliseconds; `None` for anything else.
///
/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`.
pub fn parse(text: &str) -> Option<u64> {
    let (day, month, year, clock) = match cut(text, ", ") {
        Some((_, rest)) => {
            let (date, clock) = cut_last(rest.strip_suffix(" GMT")?, b' ')?;
            let mut fields = date.split(['-', ' ']);
            let found = (fields.next()?, fields.next()?, fields.next()?, clock);
            fields.next().is_none().then_some(found)?
        }
        None => {
            let mut fields = text.split_ascii_whitespace().skip(1);
            let (month, day, clock) = (fields.next()?, fields.next()?, fields.next()?);
            (day, month, fields.next()?, clock)
        }
    };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let day = number(day).filter(|day| (1..=31).contains(day))?;
    let year = number(year).map(|year| if year < 100 { full_year(year) } else { year })?;
    let mut clock = clock.split(':').map(number);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if !(1970..=9999).contains(&year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some((((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn number(digits: &str) -> Option<u64> {
    digits.parse().ok()
}

/// The years with two digits ended before the epoch's own century was over, or soon after.
fn full_year(year: u64) -> u64 {
    if year < 70 { 2000 + year } else { 1900 + year }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar. Counting the year from March puts
/// the leap day last, so that a month's offset does not depend on the year.
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Sat, 31 Dec 2033 23:59:59 GMT", 2_019_686_399),
        ] {
            assert_eq!(parse(text), Some(seconds * 1000), "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "soon",
            "Sun, 06 Nov 1994",
            "Sun, 6 Foo 1994 08:49:37 GMT",
            "x, y z",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 1 08:49:37 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

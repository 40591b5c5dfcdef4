//! HTTP dates (RFC 9110, 5.6.7), the one format that servers may still send.

/// `Sun, 06 Nov 1994 08:49:37 GMT` as epoch milliseconds; `None` for anything else.
pub fn parse(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(", ")?;
    let mut fields = rest.split(' ');
    let day = fields.next()?.parse::<u64>().ok().filter(|d| (1..=31).contains(d))?;
    let month_name = fields.next()?;
    let month = MONTHS.iter().position(|m| *m == month_name)? as u64 + 1;
    let year = fields.next()?.parse::<u64>().ok().filter(|y| (1970..=9999).contains(y))?;
    let mut clock = fields.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if fields.next() != Some("GMT") || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some((((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

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
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Sat, 31 Dec 2033 23:59:59 GMT", 2_019_686_399),
        ] {
            assert_eq!(parse(text), Some(seconds * 1000), "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "soon", "Sun, 06 Nov 1994", "Sun, 6 Foo 1994 08:49:37 GMT", "x, y z"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 CET"), None);
        assert_eq!(parse("Sun, 06 Nov 0000 08:49:37 GMT"), None);
    }
}

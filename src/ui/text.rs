//! Texts for people: what is safe to show, how long, when.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Makes a text from elsewhere safe to show on one line.
///
/// Control characters (a terminal would obey them) and those that reorder text (a name could look
/// like another) are written as Rust writes them: `\n`, `\u{1b}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if deceives(c) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "{}", c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// As [`escape`], but line breaks stay: for messages that may have several lines.
pub(super) fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200e}' | '\u{200f}' | '\u{061c}'
            | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How long something took: `850 ms`, `12 s`, `1 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn human_duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let pair = |large: u64, unit: &str, small: u64, part: &str| {
        if small == 0 {
            format!("{large} {unit}")
        } else {
            format!("{large} {unit} {small} {part}")
        }
    };
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds / 3600 % 24, "h"),
    }
}

/// A moment as `incus` shows it in tables: `2026/01/31 23:59 UTC`.
pub(super) fn local_time(moment: Timestamp, zone: &TimeZone) -> String {
    let time = moment.to_zoned_datetime(zone.clone());
    time.strftime("%Y/%m/%d %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("web-1 é 日本", "web-1 é 日本")]
    #[case("a\x1b[31mred\x07", r"a\u{1b}[31mred\u{7}")]
    #[case("a\nb\tc\r", r"a\nb\tc\r")]
    #[case("\u{9b}2J", r"\u{9b}2J")]
    #[case("x\u{202e}gpj", r"x\u{202e}gpj")]
    #[case("c:\\dir", "c:\\dir")]
    fn what_a_terminal_would_obey_is_escaped(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(escape(text), shown);
    }

    #[test]
    fn a_message_keeps_its_lines_and_loses_its_escapes() {
        assert_eq!(escape_lines("one\r\n\x1b[2Jtwo\n"), "one\n\\u{1b}[2Jtwo");
    }

    #[rstest]
    #[case(0, "0 ms")]
    #[case(850, "850 ms")]
    #[case(12_400, "12 s")]
    #[case(80_000, "1 min 20 s")]
    #[case(120_000, "2 min")]
    #[case(7_500_000, "2 h 5 min")]
    #[case(273_600_000, "3 d 4 h")]
    fn a_duration_has_two_units_at_most(#[case] milliseconds: u64, #[case] text: &str) {
        assert_eq!(human_duration(Duration::from_millis(milliseconds)), text);
    }

    #[test]
    fn a_moment_is_told_in_the_zone_of_the_user() {
        let moment: Timestamp = "2026-01-31T23:59:59Z".parse().unwrap();
        assert_eq!(local_time(moment, &TimeZone::UTC), "2026/01/31 23:59 UTC");
        let zone = TimeZone::posix("CET-1").unwrap();
        assert_eq!(local_time(moment, &zone), "2026/02/01 00:59 CET");
    }
}

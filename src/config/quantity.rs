//! Durations (`10m`, `2h30m`, `0s`) and sizes (`256MiB`) as people write them.

use std::time::Duration;

/// The longest duration taken: ten years. Beyond it a typing mistake is likelier than a plan.
const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);

/// Reads a duration: whole numbers with a unit (`w`, `d`, `h`, `m`, `s`, `ms`), the larger unit first.
/// The error says what is wrong, for a person.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write one such as 90s, 10m, 2h30m or 7d");
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    let mut last = u64::MAX;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let (unit, tail) = tail.split_at(letters);
        let unit = unit_millis(unit).filter(|unit| *unit < last).ok_or_else(wrong)?;
        let millis = number.parse::<u64>().map_err(|_| wrong())?.checked_mul(unit);
        let part = millis.map(Duration::from_millis).filter(|part| *part <= LONGEST);
        total += part.ok_or_else(|| format!("{text:?} is longer than ten years"))?;
        (rest, last) = (tail, unit);
    }
    if total > LONGEST { Err(format!("{text:?} is longer than ten years")) } else { Ok(total) }
}

fn unit_millis(unit: &str) -> Option<u64> {
    Some(match unit {
        "w" => 7 * 86_400_000,
        "d" => 86_400_000,
        "h" => 3_600_000,
        "m" => 60_000,
        "s" => 1_000,
        "ms" => 1,
        _ => return None,
    })
}

/// Reads a size in bytes: `256MiB`, `10MB`, `4096`.
pub fn size(text: &str) -> Result<u64, String> {
    let bytes = text.trim().parse::<bytesize::ByteSize>();
    bytes.map(|size| size.as_u64()).map_err(|_| format!("{text:?} is not a size; write one such as 256MiB"))
}

#[cfg(test)]
mod tests {
    use super::{duration, size};
    use std::time::Duration;

    #[test]
    fn durations_as_people_write_them_are_read() {
        let seconds = |text| duration(text).map(|d| d.as_secs());
        assert_eq!(seconds("10m"), Ok(600));
        assert_eq!(seconds("2h30m"), Ok(9000));
        assert_eq!(seconds("0s"), Ok(0));
        assert_eq!(seconds("1w2d"), Ok(9 * 86_400));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn impossible_durations_are_refused_with_an_example() {
        for text in ["", "10", "m", "-5m", "5 m", "1.5h", "30m2h", "5m5m", "10min", "∞", "5m x"] {
            assert!(duration(text).unwrap_err().contains("2h30m"), "{text}");
        }
        for text in ["99999999999999999999s", "5000w", "18446744073709551615ms", "520w530w"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_nonsense_is_refused() {
        assert_eq!(size("256MiB"), Ok(256 << 20));
        assert_eq!(size("10MB"), Ok(10_000_000));
        assert_eq!(size("4096"), Ok(4096));
        for text in ["", "MiB", "-1MiB", "12 parsecs", "1e400B"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}

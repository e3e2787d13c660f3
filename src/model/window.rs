//! When writes are allowed: `mon-fri 08:00-18:00 Europe/Berlin`. Pure; whoever asks brings the time. A window never
//! stops reading, and no window is ever widened because the clock was put forward or back.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Days, hours and a time zone in which a window is open. It belongs to the day it opens on: `fri 22:00-02:00` ends on
/// Saturday morning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    text: String,
    /// Monday first.
    days: [bool; 7],
    from: Time,
    /// On the next day where `overnight`.
    to: Time,
    overnight: bool,
    zone: TimeZone,
}

/// A text that is not a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a window: {wrong}; write one such as \"mon-fri 08:00-18:00 Europe/Berlin\"")]
pub struct WindowError {
    text: String,
    wrong: String,
}

/// Windows of which one must be open; without any, always open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule(Vec<Window>);

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Window {
    /// Reads `[DAYS] HH:MM-HH:MM [ZONE]`: days such as `mon-fri`, `sat,sun`, `daily` or `*` (left out: daily), hours
    /// that may pass midnight and end at `24:00`, an IANA zone (left out: UTC).
    pub fn parse(text: &str) -> Result<Self, WindowError> {
        Self::read(text).map_err(|wrong| WindowError { text: text.to_owned(), wrong })
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace().peekable();
        let days = words.next_if(|word| !word.contains(':')).map_or(Ok([true; 7]), days)?;
        let hours = words.next().ok_or("the hours are missing")?;
        let (from, to) = hours.split_once('-').ok_or_else(|| format!("{hours:?} is not HH:MM-HH:MM"))?;
        let (from, to) = (minutes(from)?, minutes(to)?);
        if from == to || from == 24 * 60 {
            return Err(format!("{hours} is an empty time (00:00-24:00 is the whole day)"));
        }
        let zone = words.next().unwrap_or("UTC");
        let zone = TimeZone::get(zone).map_err(|_| format!("{zone:?} is not an IANA time zone"))?;
        if let Some(rest) = words.next() {
            return Err(format!("{rest:?} is one word too many"));
        }
        Ok(Self {
            text: text.to_owned(),
            days,
            from: time(from),
            to: time(to),
            overnight: to < from || to == 24 * 60,
            zone,
        })
    }

    /// The window as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is open. The end is not part of it.
    pub fn open(&self, now: Timestamp) -> bool {
        self.around(now, -1..=0).any(|(start, end)| start <= now && now < end)
    }

    /// `now` where it is open, else when it opens next.
    pub fn next_open(&self, now: Timestamp) -> Option<Timestamp> {
        if self.open(now) { Some(now) } else { self.next_start(now) }
    }

    /// When it opens next, after `now`.
    pub fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        // Two weeks: the clock may jump over one week's only opening.
        self.around(now, 0..=15).map(|(start, _)| start).filter(|start| *start > now).min()
    }

    /// The openings of the days around `now`, counted from its date in the zone.
    fn around(
        &self,
        now: Timestamp,
        days: std::ops::RangeInclusive<i32>,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = now.to_zoned(self.zone.clone()).date();
        days.filter_map(move |offset| self.opening(today.checked_add(offset.days()).ok()?))
    }

    fn opening(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days[weekday(day.weekday())] {
            return None;
        }
        let last = if self.overnight { day.tomorrow().ok()? } else { day };
        let at = |day: Date, time| self.zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok();
        Some((at(day, self.from)?, at(last, self.to)?)).filter(|(start, end)| start < end)
    }
}

impl std::str::FromStr for Window {
    type Err = WindowError;
    fn from_str(text: &str) -> Result<Self, WindowError> {
        Self::parse(text)
    }
}

impl Schedule {
    /// A schedule of these windows; of none, it is always open.
    pub fn new(windows: Vec<Window>) -> Self {
        Self(windows)
    }

    /// Reads every text, or tells every one that is no window.
    pub fn parse(texts: &[String]) -> Result<Self, Vec<WindowError>> {
        let (good, bad): (Vec<_>, Vec<_>) = texts.iter().map(|text| Window::parse(text)).partition(Result::is_ok);
        if bad.is_empty() {
            Ok(Self(good.into_iter().filter_map(Result::ok).collect()))
        } else {
            Err(bad.into_iter().filter_map(Result::err).collect())
        }
    }

    /// The windows.
    pub fn windows(&self) -> &[Window] {
        &self.0
    }

    /// Whether writes are allowed.
    pub fn open(&self, now: Timestamp) -> bool {
        self.0.is_empty() || self.0.iter().any(|window| window.open(now))
    }

    /// When one of the windows opens next, after `now`.
    pub fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|window| window.next_start(now)).min()
    }

    /// `now` where writes are allowed, else when they next are.
    pub fn next_open(&self, now: Timestamp) -> Option<Timestamp> {
        if self.0.is_empty() { Some(now) } else { self.0.iter().filter_map(|window| window.next_open(now)).min() }
    }
}

fn weekday(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or_default()
}

fn days(word: &str) -> Result<[bool; 7], String> {
    if word == "*" || word.eq_ignore_ascii_case("daily") {
        return Ok([true; 7]);
    }
    let mut days = [false; 7];
    for part in word.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `fri-mon` goes over the weekend.
        let length = (last + 7 - first) % 7;
        (0..=length).for_each(|i| days[(first + i) % 7] = true);
    }
    Ok(days)
}

fn day(word: &str) -> Result<usize, String> {
    let lower = word.to_ascii_lowercase();
    let found = DAYS.iter().position(|name| *name == lower || name[..3] == lower);
    found.ok_or_else(|| format!("{word:?} is not a day (mon, tue, wed, thu, fri, sat, sun, daily)"))
}

/// Minutes since midnight, `24:00` included.
fn minutes(word: &str) -> Result<u16, String> {
    let wrong = || format!("{word:?} is not a time of day (HH:MM, up to 24:00)");
    let (hours, minutes) = word.split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str, width: std::ops::RangeInclusive<usize>| {
        let good = width.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours, 1..=2).ok_or_else(wrong)?, number(minutes, 2..=2).ok_or_else(wrong)?);
    let total = hours * 60 + minutes;
    if minutes < 60 && total <= 24 * 60 { Ok(total) } else { Err(wrong()) }
}

/// The time of day; `24:00` is midnight, on the next day.
fn time(minutes: u16) -> Time {
    let part = |value: u16| i8::try_from(value).unwrap_or_default();
    Time::new(part(minutes / 60 % 24), part(minutes % 60), 0, 0).unwrap_or(Time::midnight())
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;

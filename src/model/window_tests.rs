use super::{Schedule, Window};
use jiff::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse::<jiff::Zoned>().map_or_else(|_| text.parse().unwrap(), |zoned| zoned.timestamp())
}

fn window(text: &str) -> Window {
    Window::parse(text).unwrap()
}

#[test]
fn working_hours_are_open_on_working_days_in_their_zone() {
    let window = window("mon-fri 08:00-18:00 Europe/Berlin");
    // 2026-11-20 is a Friday.
    assert!(window.open(at("2026-11-20T08:00:00+01:00[Europe/Berlin]")));
    assert!(window.open(at("2026-11-20T17:59:59+01:00[Europe/Berlin]")));
    assert!(!window.open(at("2026-11-20T18:00:00+01:00[Europe/Berlin]")));
    assert!(!window.open(at("2026-11-20T07:30:00Z").checked_sub(jiff::SignedDuration::from_mins(31)).unwrap()));
    assert!(!window.open(at("2026-11-21T12:00:00+01:00[Europe/Berlin]")));
    assert_eq!(window.next_open(at("2026-11-20T19:00:00Z")), Some(at("2026-11-23T08:00:00+01:00[Europe/Berlin]")));
}

#[test]
fn an_open_window_opens_now() {
    let now = at("2026-11-20T12:00:00Z");
    assert_eq!(window("daily 00:00-24:00").next_open(now), Some(now));
    assert_eq!(Schedule::default().next_open(now), Some(now));
    assert!(Schedule::default().open(now));
}

#[test]
fn a_window_past_midnight_belongs_to_the_day_it_opens_on() {
    let window = window("fri 22:00-02:00");
    assert!(window.open(at("2026-11-20T23:00:00Z")));
    assert!(window.open(at("2026-11-21T01:59:00Z")));
    assert!(!window.open(at("2026-11-21T02:00:00Z")));
    assert!(!window.open(at("2026-11-20T01:00:00Z")));
    assert!(!window.open(at("2026-11-21T23:00:00Z")));
}

#[test]
fn the_whole_day_ends_at_midnight_and_days_default_to_all() {
    assert!(window("sat 00:00-24:00").open(at("2026-11-21T23:59:59Z")));
    assert!(!window("sat 00:00-24:00").open(at("2026-11-22T00:00:00Z")));
    assert!(window("22:00-24:00").open(at("2026-11-22T22:00:00Z")));
    assert!(window("* 9:00-10:00").open(at("2026-11-22T09:30:00Z")));
}

#[test]
fn days_are_lists_and_ranges_that_may_go_over_the_weekend() {
    for (days, sunday, wednesday) in
        [("sat,sun", true, false), ("fri-mon", true, false), ("Mon,wednesday", false, true)]
    {
        let window = window(&format!("{days} 00:00-24:00"));
        assert_eq!(window.open(at("2026-11-22T12:00:00Z")), sunday, "{days}");
        assert_eq!(window.open(at("2026-11-25T12:00:00Z")), wednesday, "{days}");
    }
}

#[test]
fn hours_follow_the_zones_clock_when_it_is_put_forward() {
    // On 2026-03-29 Berlin goes from 02:00 to 03:00.
    let early = window("daily 01:30-03:30 Europe/Berlin");
    assert!(early.open(at("2026-03-29T00:30:00Z")));
    assert!(early.open(at("2026-03-29T01:29:00Z")));
    assert!(!early.open(at("2026-03-29T01:30:00Z")));
    let jumped = window("daily 02:30-03:00 Europe/Berlin");
    assert!((0..1440).all(|minute| {
        !jumped.open(at("2026-03-28T23:00:00Z").checked_add(jiff::SignedDuration::from_mins(minute)).unwrap())
            || minute >= 1380
    }));
    let opens = jumped.next_open(at("2026-03-28T12:00:00Z"));
    assert_eq!(opens, Some(at("2026-03-30T02:30:00+02:00[Europe/Berlin]")));
}

#[test]
fn hours_follow_the_zones_clock_when_it_is_put_back() {
    // On 2026-10-25 Berlin has 02:00 to 03:00 twice.
    let window = window("sun 01:00-04:00 Europe/Berlin");
    assert!(window.open(at("2026-10-24T23:00:00Z")));
    assert!(window.open(at("2026-10-25T02:59:00Z")));
    assert!(!window.open(at("2026-10-25T03:00:00Z")));
}

#[test]
fn one_open_window_opens_the_schedule_and_the_first_to_open_counts() {
    let schedule = Schedule::parse(&["mon 10:00-11:00".to_owned(), "sun 12:00-13:00".to_owned()]).unwrap();
    assert!(!schedule.open(at("2026-11-21T12:30:00Z")));
    assert!(schedule.open(at("2026-11-22T12:30:00Z")));
    assert_eq!(schedule.next_open(at("2026-11-21T12:30:00Z")), Some(at("2026-11-22T12:00:00Z")));
}

#[test]
fn every_wrong_window_says_what_is_wrong_and_how_to_write_one() {
    for (text, wrong) in [
        ("", "the hours are missing"),
        ("mon-fri", "the hours are missing"),
        ("someday 08:00-18:00", "\"someday\" is not a day"),
        ("mon- 08:00-18:00", "\"\" is not a day"),
        ("mon 08:00", "\"08:00\" is not HH:MM-HH:MM"),
        ("mon 8-18", "\"8\" is not a time of day"),
        ("mon 08:00-25:00", "\"25:00\" is not a time of day"),
        ("mon 08:00-24:01", "\"24:01\" is not a time of day"),
        ("mon 08:60-09:00", "\"08:60\" is not a time of day"),
        ("mon +8:00-09:00", "\"+8:00\" is not a time of day"),
        ("mon 08:00-08:00", "empty time"),
        ("mon 24:00-08:00", "empty time"),
        ("mon 08:00-18:00 Mars/Olympus", "\"Mars/Olympus\" is not an IANA time zone"),
        ("mon 08:00-18:00 UTC please", "\"please\" is one word too many"),
    ] {
        let message = Window::parse(text).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains(wrong), "{text}: {message}");
        assert!(message.contains("mon-fri 08:00-18:00 Europe/Berlin"), "{message}");
    }
    let both = Schedule::parse(&["x".to_owned(), "daily 01:00-02:00".to_owned(), "y".to_owned()]).unwrap_err();
    assert_eq!(both.len(), 2);
}

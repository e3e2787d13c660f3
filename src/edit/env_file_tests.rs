//! Lines of variables: an edit changes exactly its value.

use super::{Refusal, Swap, apply};
use crate::model::Site;
use crate::yaml::{env_entries, text_at};
use proptest::prelude::*;

/// The site of a key's value.
fn site(bytes: &[u8], key: &str) -> Site {
    let entries = env_entries(bytes).unwrap();
    let entry = entries.iter().find(|entry| entry.key == key).unwrap();
    let value = entry.value.clone().unwrap();
    Site {
        file: "app/versions.env".into(),
        line: entry.line,
        column: entry.column,
        path: key.into(),
        start: value.start,
        end: value.end,
        text: std::str::from_utf8(&bytes[value]).unwrap().to_owned(),
        document: 0,
        inner: None,
    }
}

#[test]
fn comments_line_ends_a_mark_and_a_missing_last_line_end_stay() {
    let before = "\u{feff}# versions\r\n  A=1.0.0\r\n\r\nB=x=y\nC\nD=2.0.0";
    let swap = |key: &str, to: &str| Swap { site: site(before.as_bytes(), key), to: to.to_owned() };
    let after = apply(before.as_bytes(), &[swap("D", "2.1.0"), swap("A", "1.10.0")]).unwrap();
    assert_eq!(after, before.replace("1.0.0", "1.10.0").replace("2.0.0", "2.1.0").as_bytes());
    assert_eq!(site(before.as_bytes(), "B").text, "x=y");
    assert_eq!((site(before.as_bytes(), "A").line, site(before.as_bytes(), "A").column), (2, 5));
    assert_eq!(text_at(&after, &site(before.as_bytes(), "D")).as_deref(), Some("2.1.0"));
    for to in ["", "2.0 .0", "2\n", "2\r"] {
        assert!(matches!(apply(before.as_bytes(), &[swap("D", to)]), Err(Refusal::NotEditable(_))), "{to:?}");
    }
    let now = before.replace("2.0.0", "2.0.5");
    assert!(matches!(apply(now.as_bytes(), &[swap("D", "3.0.0")]), Err(Refusal::Moved { .. })));
    let renamed = before.replace("D=", "E=");
    assert!(matches!(apply(renamed.as_bytes(), &[swap("D", "3.0.0")]), Err(Refusal::Moved { .. })));
}

#[test]
fn blanks_around_a_value_stay() {
    let before = "A=1.0.0 \nB=\t1.0.0\t \r\nC= \n";
    let swaps = ["A", "B"].map(|key| Swap { site: site(before.as_bytes(), key), to: "2.0.0".to_owned() });
    let after = apply(before.as_bytes(), &swaps).unwrap();
    assert_eq!(after, b"A=2.0.0 \nB=\t2.0.0\t \r\nC= \n");
    assert_eq!(site(before.as_bytes(), "C").text, "");
}

#[test]
fn what_kustomize_refuses_is_no_list_of_variables() {
    for text in ["", "# only\n", "A\n", "1A=x\n", "A B=x\n", "a: b\n", "=x\n", "é=x\n"] {
        assert_eq!(env_entries(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(env_entries(b"A=\xff\n"), None);
    assert_eq!(env_entries(b"A=\n").unwrap()[0].value, Some(2..2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_changes_its_value_only(
        lines in prop::collection::vec("( {0,2}[A-Z]{1,2}=[ -~é]{0,6}|# ?[a-z]{0,4}| {0,2})\r?", 1..6),
        pick in any::<prop::sample::Index>(),
        new in prop_oneof!["[0-9]{1,2}\\.[0-9]\\.[0-9](-rc\\.1)?", "\\PC{0,5}", any::<String>()],
    ) {
        let before = lines.join("\n");
        let Some(entries) = env_entries(before.as_bytes()) else { return Ok(()) };
        let entry = pick.get(&entries);
        let Some(value) = entry.value.clone() else { return Ok(()) };
        let mut site = site(before.as_bytes(), &entry.key);
        (site.start, site.end) = (value.start, value.end);
        site.text = before[value.clone()].to_owned();
        if let Ok(after) = apply(before.as_bytes(), &[Swap { site, to: new.clone() }]) {
            let wanted = format!("{}{new}{}", &before[..value.start], &before[value.end..]);
            prop_assert_eq!(String::from_utf8(after.clone()).unwrap(), wanted);
            let now = env_entries(&after).unwrap();
            prop_assert_eq!(now.len(), entries.len());
            for (old, now) in entries.iter().zip(&now) {
                prop_assert_eq!(&old.key, &now.key);
                let expected = if old == entry { new.as_str() } else { old.value.clone().map_or("", |v| &before[v]) };
                let text = now.value.clone().map_or("", |v| std::str::from_utf8(&after[v]).unwrap());
                prop_assert_eq!(text, expected);
            }
        }
    }
}

use super::Version;

fn loose(text: &str) -> Version {
    Version::loose(text).unwrap_or_else(|| panic!("{text} should be a version"))
}

#[test]
fn flux_rule_04_strict_takes_three_numbers_and_an_optional_v() {
    for good in ["1.2.3", "v1.2.3", "0.0.0", "1.2.3-rc.1+build.7", "1.2.3+001"] {
        assert!(Version::strict(good).is_some(), "{good}");
    }
    for bad in ["1.2", "1", "V1.2.3", "vv1.2.3", "2024.01.15", "1.2.3-", "1.2.3+", "1.2.3-01", "latest", "", " 1.2.3"] {
        assert!(Version::strict(bad).is_none(), "{bad}");
    }
}

#[test]
fn loose_fills_in_missing_numbers_and_keeps_the_text() {
    for (text, core) in [("v1", (1, 0, 0)), ("1.2", (1, 2, 0)), ("2024.01.15", (2024, 1, 15)), ("1-rc.1", (1, 0, 0))] {
        assert_eq!(loose(text).core(), core, "{text}");
        assert_eq!(loose(text).text(), text);
    }
    for bad in ["", "v", "1.", "1.2.3.4", "1.2.3-", "1.2.3+", "1.2.3-a..b", "1.2.3-01", "+1.2.3", "1. 2", "1.2.3-ü"] {
        assert!(Version::loose(bad).is_none(), "{bad}");
    }
}

#[test]
fn numbers_beyond_64_bits_and_texts_beyond_256_bytes_are_not_versions() {
    assert!(Version::loose("18446744073709551615.0.0").is_some());
    assert!(Version::loose("18446744073709551616.0.0").is_none());
    assert!(Version::strict("18446744073709551616.0.0").is_none());
    let long = format!("1.2.3-{}", "a".repeat(250));
    assert!(Version::strict(&long).is_some() && Version::loose(&long).is_some());
    let longer = format!("1.2.3-{}", "a".repeat(251));
    assert!(Version::strict(&longer).is_none() && Version::loose(&longer).is_none());
}

#[test]
fn precedence_ignores_build_metadata_and_orders_prereleases_by_identifier() {
    let ascending = ["1.0.0-1", "1.0.0-2", "1.0.0-11", "1.0.0-a", "1.0.0-a.1", "1.0.0-b", "1.0.0", "1.0.1-0", "1.1.0"];
    for pair in ascending.windows(2) {
        assert!(loose(pair[0]) < loose(pair[1]), "{pair:?}");
    }
    assert_eq!(loose("1.0.0+a"), loose("v1.0.0+b"));
}

#[test]
fn a_numeral_beyond_64_bits_in_a_prerelease_is_text_as_in_masterminds() {
    assert!(loose("1.0.0-99999999999999999999") > loose("1.0.0-9"));
    assert!(loose("1.0.0-99999999999999999999") > loose("1.0.0-100000000000000000000"));
}

#[test]
fn a_loose_version_survives_being_written_and_read_again() {
    let json = serde_json::to_string(&loose("v2024.01")).unwrap();
    assert_eq!(json, "\"v2024.01\"");
    let back: Version = serde_json::from_str(&json).unwrap();
    assert_eq!((back.text(), back.core()), ("v2024.01", (2024, 1, 0)));
}

#[test]
fn a_tag_holds_an_underscore_where_the_version_has_a_plus() {
    let text = |tag| Version::of_tag(tag).map(|version| version.text().to_owned());
    assert_eq!(text("v1.2.3_build.7"), Some("v1.2.3+build.7".to_owned()));
    assert_eq!(text("1.2.3-rc.1"), Some("1.2.3-rc.1".to_owned()));
    for no in ["1_2", "1.2_build", "1.2.3_a_b", "1.2.3+a_b", "latest_1.2.3", ""] {
        assert_eq!(text(no), None, "{no}");
    }
}

use super::Tags;
use crate::model::TagRules;

fn texts(leading_v: bool, by_version: bool, underscore_is_plus: bool) -> (Vec<String>, usize) {
    let tags = Tags::from_names(["1.2.3", "v1.3.0", "1.4.0_build.1", "latest", "1.2", "1.5.0-rc.1", "sha256-abc.sig"]);
    let found = tags.candidates(&TagRules { leading_v, by_version, underscore_is_plus });
    (found.versions.iter().map(|c| c.text.clone()).collect(), found.ignored)
}

#[test]
fn flux_rule_04_a_helm_repository_does_not_see_a_leading_v_and_writes_the_version() {
    assert_eq!(texts(false, true, true), (vec!["1.2.3".into(), "1.4.0+build.1".into(), "1.5.0-rc.1".into()], 4));
}

#[test]
fn flux_rule_04_a_pin_with_a_leading_v_of_a_helm_repository_sees_these_tags_as_they_are() {
    let all = vec!["1.2.3".into(), "v1.3.0".into(), "1.4.0+build.1".into(), "1.5.0-rc.1".into()];
    assert_eq!(texts(true, true, true), (all, 3));
}

#[test]
fn flux_rule_05_an_oci_repository_sees_a_leading_v_and_writes_the_tag() {
    let all = vec!["1.2.3".into(), "v1.3.0".into(), "1.4.0_build.1".into(), "1.5.0-rc.1".into()];
    assert_eq!(texts(true, false, true), (all, 3));
    assert_eq!(texts(true, false, false).1, 4);
}

#[test]
fn a_tag_that_two_pages_name_is_one_version() {
    let tags = Tags::from_names(["1.0.0", "2.0.0", "2.0.0"]);
    let found = tags.candidates(&TagRules { leading_v: true, by_version: false, underscore_is_plus: true });
    assert_eq!(found.versions.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["1.0.0", "2.0.0"]);
}

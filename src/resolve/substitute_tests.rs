use super::{emit, read};
use crate::yaml::ScalarType;

#[test]
fn flux_rule_12_a_scalar_is_written_as_flux_writes_it_before_it_substitutes() {
    for (text, written) in [
        ("${V}", "${V}"),
        ("v${V}", "v${V}"),
        (">=${V}", "'>=${V}'"),
        ("1.10", "\"1.10\""),
        ("${V: 0:2}", "'${V: 0:2}'"),
        ("*", "'*'"),
        ("it's", "it's"),
        ("'${V}'", "'''${V}'''"),
        ("true", "\"true\""),
        ("", "\"\""),
    ] {
        assert_eq!(emit(text), written, "{text}");
    }
}

#[test]
fn flux_rule_12_the_text_after_substitution_is_read_again_with_its_type() {
    assert_eq!(read("1.2.3", "${V}"), Some(("1.2.3".to_owned(), ScalarType::String)));
    assert_eq!(read("1.10", "${V}"), Some(("1.10".to_owned(), ScalarType::Number)));
    assert_eq!(read("'>=1.2'", "'>=${V}'"), Some((">=1.2".to_owned(), ScalarType::String)));
    assert_eq!(read("", "${V}"), Some((String::new(), ScalarType::Null)));
    assert_eq!(read("a: b", "${V}"), None);
    assert_eq!(read("[a]", "${V}"), None);
}

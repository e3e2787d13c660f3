//! Any scalar in any place and quoting: an edit changes exactly its span, and the tree in exactly that node.

use super::{Swap, apply};
use crate::model::ScalarStyle;
use crate::yaml::{self, NodeKind, Route};
use proptest::prelude::*;

/// Surroundings of a scalar `@`, with its route and document.
pub(super) const PLACES: [(&str, usize, &str); 10] = [
    ("v: @\n", 0, "v"),
    ("a: 1\nm: {x: [y, @, z], w: 1}\nb: 2", 0, "m.x[1]"),
    ("\u{feff}- a\r\n- @ # c\r\n- b\r\n", 0, "[1]"),
    ("# c\n---\n---\nq: 'x'\nv: &v @\nw: *v\n---\nx: [\n", 1, "w"),
    ("{\"é\": {\"v\": @}, \"b\": \"c\"}", 0, "[\"é\"].v"),
    ("a:\n- b: |\n    @\n  v: @\n- >\n  x\n", 0, "a[0].v"),
    ("[@]", 0, "[0]"),
    ("@", 0, ""),
    ("--- @\n...\n---\nb: @\n", 1, "b"),
    ("a: &m {v: !!str @}\nb: {<<: *m, c: *m}\n", 0, "b.c.v"),
];

pub(super) fn quoted(text: &str, style: ScalarStyle) -> String {
    match style {
        ScalarStyle::Single => format!("'{}'", text.replace('\'', "''")),
        ScalarStyle::Double => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => text.to_owned(),
    }
}

pub(super) fn style() -> impl Strategy<Value = ScalarStyle> {
    prop_oneof![Just(ScalarStyle::Plain), Just(ScalarStyle::Single), Just(ScalarStyle::Double)]
}

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,2}\\.[0-9]{1,2}(\\.[0-9]{1,2})?(-rc\\.[0-9])?(\\+[a-z0-9]{1,3})?",
        "[ -~]{0,8}",
        "[-:#,\\[\\]{}&*!|>'\"%@`?~.<= a1\\\\]{0,6}",
        "\\PC{0,5}",
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_changes_its_span_and_its_node_only(
        (template, document, route) in prop::sample::select(&PLACES[..]),
        old in "[a-z0-9.'\"]{1,6}",
        style in style(),
        new in text(),
    ) {
        let before = template.replace('@', &quoted(&old, style));
        let route: Route = route.parse().unwrap();
        let stream = yaml::parse(before.as_bytes());
        // A plain text such as `"a` is another document than the template meant.
        let Some(Ok(Some(root))) = stream.documents.get(document).map(|d| &d.root) else { return Ok(()) };
        let Ok(site) = yaml::site("a.yaml", document, root, &route) else { return Ok(()) };
        prop_assume!(site.text == old);
        let after = match apply(before.as_bytes(), &[Swap { site: site.clone(), to: new.clone() }]) {
            Ok(after) => after,
            Err(refused) => {
                prop_assert!(style == ScalarStyle::Single, "{before:?} to {new:?}: {refused}");
                let invisible = ['\u{2028}', '\u{2029}', '\u{feff}', '\u{fffe}', '\u{ffff}'];
                let unfit = new.chars().any(|c| c.is_control() || invisible.contains(&c));
                prop_assert!(unfit, "{:?}", new);
                return Ok(());
            }
        };
        prop_assert_eq!(&after[..site.start], &before.as_bytes()[..site.start]);
        prop_assert!(after.ends_with(&before.as_bytes()[site.end..]));
        let again = yaml::parse(&after);
        prop_assert_eq!(again.documents.len(), stream.documents.len());
        let node = again.documents[document].root.as_ref().unwrap().as_ref().unwrap().find(&route).unwrap();
        prop_assert_eq!(node.text(), Some(new.as_str()));
        if let NodeKind::Scalar { style: now, .. } = &node.kind {
            prop_assert!(*now == style || (style == ScalarStyle::Plain && *now == ScalarStyle::Double));
        }
    }

    #[test]
    fn parsing_never_panics_and_spans_stay_inside(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = yaml::parse(&bytes);
    }

    #[test]
    fn yaml_like_noise_has_documents_in_order(noise in "([-a:{}\\[\\]'\"|>&*!#%?,. \t\r\n]|---\n|\\.\\.\\.\n){0,40}") {
        let stream = yaml::parse(noise.as_bytes());
        let mut last = 0;
        for (index, document) in stream.documents.iter().enumerate() {
            prop_assert_eq!(document.index, index);
            prop_assert!(document.start_line >= last);
            last = document.start_line;
            if let Ok(Some(root)) = &document.root {
                prop_assert!(root.start <= root.end && root.end as usize <= noise.len());
            }
        }
    }
}

//! Any scalar of any YAML that any scalar holds as text, and any part of a text: an edit changes exactly its span, and
//! the trees, outside and inside, in exactly that node. Judged by plain parsing of the texts, not by the proof.

use super::property_tests::{PLACES, quoted, style, text};
use super::{Swap, apply};
use crate::model::{ScalarStyle, Site};
use crate::yaml::{self, Embedded, Node, Route};
use proptest::prelude::*;

/// Surroundings of a scalar with text `@`, where it stands and the column of its key.
const HOLDERS: [(&str, usize, &str, usize); 7] = [
    ("p: @", 0, "p", 0),
    ("# c\na: 1\npatches:\n  - target: {kind: A}\n    patch: @\n  - x\n", 0, "patches[0].patch", 4),
    ("- @- b\n", 0, "[0]", 0),
    ("a: &p @b: *p\n", 0, "b", 0),
    ("x: [\n---\n---\nm:\n  ? k\n  : !!str @z: 1\n", 2, "m.k", 2),
    ("--- @...\n---\nb: 1\n", 0, "", 0),
    ("\u{feff}k: @l: {m: '@'}", 0, "k", 0),
];

/// How a text is written in a scalar.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// Indent, what stands behind the `|`, empty lines after it.
    Block {
        indent: usize,
        header: &'static str,
        empty: usize,
    },
    Double,
    Single,
}

fn form() -> impl Strategy<Value = Form> {
    let block = (1..7_usize, prop::sample::select(&["", "-", "+", " # c"][..]), 0..3_usize);
    prop_oneof![
        4 => block.prop_map(|(indent, header, empty)| Form::Block { indent, header, empty }),
        1 => Just(Form::Double),
        1 => Just(Form::Single),
    ]
}

/// The text as a scalar of its holder; nothing where the form can't hold it.
fn written(text: &str, form: Form, column: usize) -> Option<String> {
    match form {
        Form::Block { indent, header, empty } => {
            let space = " ".repeat(column + indent);
            let line = |line: &str| if line.is_empty() { String::new() } else { format!("{space}{line}") };
            let lines: Vec<String> = text.split('\n').map(line).collect();
            Some(format!("|{header}\n{}\n{}", lines.join("\n"), "\n".repeat(empty)))
        }
        Form::Double => {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
            Some(format!("\"{escaped}\"\n"))
        }
        Form::Single => (!text.contains(['\n', '\t'])).then(|| format!("'{}'\n", text.replace('\'', "''"))),
    }
}

/// A file that holds a document as text, once or twice over.
#[derive(Debug, Clone)]
struct File {
    text: String,
    document: usize,
    outer: Route,
    /// A second scalar between the outermost one and the document.
    between: Option<Route>,
}

fn file(
    inner: &str,
    holder: (&str, usize, &str, usize),
    form: Form,
    between: Option<Form>,
    crlf: bool,
) -> Option<File> {
    let (template, document, route, column) = holder;
    let (held, between) = match between {
        None => (inner.to_owned(), None),
        Some(form) => (format!("s:\n  q: {}", written(inner, form, 2)?), Some("s.q".parse().unwrap())),
    };
    let (before, after) = template.split_once('@')?;
    let text = format!("{before}{}{after}", written(&held, form, column)?);
    let text = if crlf { text.replace('\n', "\r\n") } else { text };
    Some(File { text, document, outer: route.parse().unwrap(), between })
}

/// The innermost text of a file, opened.
fn opened(text: &str, file: &File) -> Option<Embedded> {
    let stream = yaml::parse(text.as_bytes());
    let root = stream.documents.get(file.document)?.root.as_ref().ok()?.as_ref()?;
    let outer = yaml::embedded("a.yaml", text.as_bytes(), file.document, root, &file.outer).ok()?;
    match &file.between {
        None => Some(outer),
        Some(route) => outer.embedded(0, route).ok(),
    }
}

/// Every scalar of every document, keys included, with its route.
fn scalars(bytes: &[u8]) -> Vec<(String, String)> {
    fn collect(node: &Node, way: &str, found: &mut Vec<(String, String)>) {
        found.extend(node.text().map(|text| (way.to_owned(), text.to_owned())));
        for (index, item) in node.items().iter().enumerate() {
            collect(item, &format!("{way}[{index}]"), found);
        }
        for (index, entry) in node.entries().iter().enumerate() {
            collect(&entry.key, &format!("{way}.{index}?"), found);
            collect(&entry.value, &format!("{way}.{index}:"), found);
        }
    }
    let mut found = Vec::new();
    for document in yaml::parse(bytes).documents {
        match &document.root {
            Ok(Some(root)) => collect(root, &document.index.to_string(), &mut found),
            Ok(None) => found.push((document.index.to_string(), "empty".to_owned())),
            Err(error) => found.push((document.index.to_string(), error.message.clone())),
        }
    }
    found
}

/// What differs between two lists of scalars; nothing where it is more than texts.
fn changed(before: &[u8], after: &[u8]) -> Option<Vec<(String, String)>> {
    let (before, after) = (scalars(before), scalars(after));
    let same = before.len() == after.len() && before.iter().zip(&after).all(|((a, _), (b, _))| a == b);
    let pairs = before.into_iter().zip(after).filter(|(a, b)| a != b).map(|((_, a), (_, b))| (a, b));
    same.then(|| pairs.collect())
}

fn is_version(text: &str) -> bool {
    text.split('.').count() == 3
        && text.starts_with(|c: char| c.is_ascii_digit())
        && !text.contains([' ', '#'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c))
}

/// Checks an edit of a site whose innermost texts are all those that differ.
fn check(before: &str, site: &Site, new: &str, is: impl Fn(&str, &str) -> bool) -> Result<Vec<u8>, TestCaseError> {
    let after = match apply(before.as_bytes(), &[Swap { site: site.clone(), to: new.to_owned() }]) {
        Ok(after) => after,
        Err(refused) => {
            prop_assert!(!is_version(new), "{before:?} to {new:?}: {refused}");
            return Ok(Vec::new());
        }
    };
    prop_assert_eq!(&after[..site.start], &before.as_bytes()[..site.start]);
    prop_assert!(after.ends_with(&before.as_bytes()[site.end..]));
    let Some(mut differs) = changed(before.as_bytes(), &after) else {
        return Err(TestCaseError::fail(format!("{before:?} became {:?}", String::from_utf8_lossy(&after))));
    };
    let depth = site.inner.as_ref().map_or(0, |inner| inner.embedded.len());
    // An anchor's text is read several times; every time it must be the same.
    differs.dedup();
    prop_assert!(differs.len() == 1 || (site.text == new && differs.is_empty()), "{:?}", differs);
    for _ in 0..depth {
        let Some((old, new)) = differs.pop() else { break };
        differs = changed(old.as_bytes(), new.as_bytes()).unwrap_or_default();
        differs.dedup();
        prop_assert_eq!(differs.len(), 1);
    }
    if let Some((old, new)) = differs.pop() {
        prop_assert!(is(&old, &new), "{:?} became {:?}", old, new);
    }
    Ok(after)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_of_yaml_in_a_scalar_changes_its_span_and_its_node_only(
        (place, document, route) in prop::sample::select(&PLACES[..]),
        holder in prop::sample::select(&HOLDERS[..]),
        (outer, between, crlf) in (form(), prop::option::weighted(0.3, form()), any::<bool>()),
        (old, quotes, new) in ("[a-z0-9.'\"]{1,6}", style(), text()),
    ) {
        let inner = place.replace('@', &quoted(&old, quotes)).replace("\r\n", "\n");
        let inner = inner.trim_start_matches('\u{feff}');
        let Some(file) = file(inner, holder, outer, between, crlf) else { return Ok(()) };
        // A plain text such as `"a` is another document than the template meant.
        let route: Route = route.parse().unwrap();
        let Some(opened) = opened(&file.text, &file) else { return Ok(()) };
        let site = match opened.site(document, &route) {
            Ok(site) => site,
            Err(problem) => {
                let plain = !old.contains(['\'', '"']);
                prop_assert!(!(plain && is_version(&old)), "{:?}: {}", file.text, problem);
                return Ok(());
            }
        };
        prop_assume!(site.text == old);
        prop_assert_eq!(yaml::text_at(file.text.as_bytes(), &site), Some(old.clone()));
        let after = check(&file.text, &site, &new, |was, is| was == old && is == new)?;
        if !after.is_empty() {
            prop_assert_eq!(yaml::text_at(&after, &site), Some(new));
        }
    }

    #[test]
    fn an_edit_of_a_part_changes_that_part_only(
        (place, document, route) in prop::sample::select(&PLACES[..]),
        (before, part, after) in ("(\\$\\{[A-Z]{1,3}:[-=]|v|x |'|oci://h/c:)?", "[a-z0-9.]{1,6}", "(\\}|-y| z|\"|@sha)?"),
        (quotes, new) in (style(), text()),
    ) {
        let whole = format!("{before}{part}{after}");
        let text = place.replace('@', &quoted(&whole, quotes));
        let stream = yaml::parse(text.as_bytes());
        let Some(Ok(Some(root))) = stream.documents.get(document).map(|d| &d.root) else { return Ok(()) };
        let Ok(site) = yaml::site("a.yaml", document, root, &route.parse().unwrap()) else { return Ok(()) };
        prop_assume!(site.text == whole);
        let escaped = quoted(&whole, quotes) != quoted("", quotes) && site.end - site.start != whole.len();
        let Ok(site) = site.part(before.len()..before.len() + part.len()) else {
            prop_assert!(escaped, "{text:?}");
            return Ok(());
        };
        prop_assert_eq!(&text[site.start..site.end], part.as_str());
        let now = format!("{before}{new}{after}");
        let edited = check(&text, &site, &new, |was, is| was == whole && is == now)?;
        if !edited.is_empty() {
            prop_assert_eq!(yaml::text_at(&edited, &site), Some(new));
        }
    }

    #[test]
    fn any_text_in_a_scalar_is_laid_onto_its_bytes_or_refused(
        holder in prop::sample::select(&HOLDERS[..]),
        noise in "([-a:{}\\[\\]'\"|>&*!#%?,.é \t\n]|---\n|\n\n  ){0,24}",
        (form, crlf) in (form(), any::<bool>()),
    ) {
        let Some(file) = file(&noise, holder, form, None, crlf) else { return Ok(()) };
        let Some(opened) = opened(&file.text, &file) else { return Ok(()) };
        for (document, root) in opened.stream.roots() {
            let mut open = vec![(Route::root(), root)];
            while let Some((route, node)) = open.pop() {
                prop_assert!(node.start <= node.end && node.end as usize <= file.text.len());
                open.extend(node.items().iter().enumerate().map(|(index, item)| (route.index(index), item)));
                open.extend(node.pairs().into_iter().map(|(key, value)| (route.key(key), value)));
                let Ok(site) = opened.site(document.index, &route) else { continue };
                prop_assert_eq!(yaml::text_at(file.text.as_bytes(), &site), Some(site.text.clone()));
                let before = &file.text.as_bytes()[..site.start];
                let line = before.split(|byte| *byte == b'\n').count();
                prop_assert_eq!(site.line as usize, line);
                let edited = apply(file.text.as_bytes(), &[Swap { site: site.clone(), to: "1.2.3".to_owned() }]);
                prop_assert!(edited.is_ok() || site.text.is_empty(), "{:?} {:?}: {:?}", file.text, site, edited);
            }
        }
    }
}

#[test]
fn most_of_what_the_properties_make_is_edited() {
    let mut edited = 0;
    for holder in HOLDERS {
        for form in [Form::Block { indent: 2, header: "-", empty: 1 }, Form::Double] {
            for (place, document, route) in PLACES {
                let inner = place.replace('@', &quoted("1.2.3", ScalarStyle::Double)).replace("\r\n", "\n");
                let file = file(inner.trim_start_matches('\u{feff}'), holder, form, None, false).unwrap();
                let site = opened(&file.text, &file).and_then(|open| open.site(document, &route.parse().unwrap()).ok());
                let Some(site) = site else { continue };
                edited += usize::from(apply(file.text.as_bytes(), &[Swap { site, to: "2.0.0".to_owned() }]).is_ok());
            }
        }
    }
    assert!(edited >= 130, "{edited} of {}", HOLDERS.len() * 2 * PLACES.len());
}

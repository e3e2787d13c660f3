//! One file in two states: what stands at a site of the one in the other. Documents and items of lists are found by what
//! they are, not by their number: whoever adds one moves all that follow. Refuses to guess where that is not clear.

use super::embedded::text_at;
use super::env_file::is_env_file;
use super::source::Source;
use super::{Node, Route, Step, Stream};
use crate::model::Site;

/// A file as it is in one state, parsed once.
#[derive(Debug)]
pub struct State<'a> {
    bytes: &'a [u8],
    source: Source<'a>,
    stream: Stream,
}

impl<'a> State<'a> {
    /// Parses it.
    pub fn read(bytes: &'a [u8]) -> Self {
        let source = Source::file(bytes);
        let stream = source.parse();
        Self { bytes, source, stream }
    }

    /// What stands at a site of `before` in this state: the scalar on the same way or, for a part, what stands there
    /// between the same texts before and after it. Nothing where the way leads nowhere, or not surely there.
    pub fn text_of(&self, before: &State<'_>, site: &Site) -> Option<String> {
        if is_env_file(&site.file) {
            return text_at(self.bytes, site);
        }
        let inner = site.inner.as_deref();
        let ways = inner.map(|inner| inner.embedded.as_slice()).unwrap_or_default();
        let (mut document, mut path): (usize, &str) = (site.document, &site.path);
        let mut nested: Option<(Source<'static>, Source<'static>)> = None;
        for place in ways {
            let next = match &nested {
                None => within((&before.source, &before.stream), (&self.source, &self.stream), document, path),
                Some((then, now)) => within((then, &then.parse()), (now, &now.parse()), document, path),
            };
            nested = Some(next?);
            (document, path) = (place.document, place.path.as_str());
        }
        let found = match &nested {
            None => follow(&before.stream, &self.stream, document, path)?.1.text()?.to_owned(),
            Some((then, now)) => follow(&then.parse(), &now.parse(), document, path)?.1.text()?.to_owned(),
        };
        let Some(part) = inner.and_then(|inner| inner.part.as_ref()) else { return Some(found) };
        let (head, tail) = (part.whole.get(..part.from)?, part.whole.get(part.to..)?);
        Some(found.strip_prefix(head)?.strip_suffix(tail)?.to_owned())
    }
}

/// The texts that both scalars hold.
fn within(
    (then, then_stream): (&Source<'_>, &Stream),
    (now, now_stream): (&Source<'_>, &Stream),
    document: usize,
    path: &str,
) -> Option<(Source<'static>, Source<'static>)> {
    let (old, new) = follow(then_stream, now_stream, document, path)?;
    Some((then.within(old).ok()?, now.within(new).ok()?))
}

/// The node of the one stream, and the same thing's in the other.
fn follow<'a>(then: &'a Stream, now: &'a Stream, document: usize, path: &str) -> Option<(&'a Node, &'a Node)> {
    let route: Route = path.parse().ok()?;
    let mut old = root(then, document)?;
    let mut new = same_document(identity(old), now, document)?;
    for (depth, step) in route.steps().iter().enumerate() {
        (old, new) = match step {
            Step::Key(key) => (old.get(key)?, new.get(key)?),
            Step::Index(index) => {
                let item = old.items().get(*index)?;
                (item, same_item(item, old.items(), new.items(), *index, route.steps().get(depth + 1))?)
            }
        };
    }
    Some((old, new))
}

fn root(stream: &Stream, document: usize) -> Option<&Node> {
    stream.documents.get(document)?.root.as_ref().ok()?.as_ref()
}

/// Kind, namespace and name of an object, without the version of its API.
fn identity(root: &Node) -> [Option<&str>; 4] {
    let text = |route: &str| root.at(route).and_then(Node::text);
    let group = text("apiVersion").map(|version| version.split_once('/').map_or("", |(group, _)| group));
    [group, text("kind"), text("metadata.namespace"), text("metadata.name")]
}

fn same_document<'a>(wanted: [Option<&str>; 4], now: &'a Stream, document: usize) -> Option<&'a Node> {
    let here = root(now, document).filter(|root| identity(root) == wanted);
    here.or_else(|| only(now.roots().map(|(_, root)| root).filter(|root| identity(root) == wanted)))
}

/// The item in a list of as many, else the only one that says the same beside what `next` leads to.
fn same_item<'a>(item: &Node, old: &[Node], new: &'a [Node], index: usize, next: Option<&Step>) -> Option<&'a Node> {
    if old.len() == new.len() {
        return new.get(index);
    }
    let wanted = said(item, next);
    if wanted.is_empty() {
        return None;
    }
    only(new.iter().filter(|item| said(item, next) == wanted))
}

/// What a mapping says in scalars, but for one key.
fn said<'a>(item: &'a Node, but: Option<&Step>) -> Vec<(&'a str, &'a str)> {
    let but = but.and_then(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None });
    let mut said: Vec<_> = item
        .pairs()
        .into_iter()
        .filter(|(key, _)| Some(*key) != but)
        .filter_map(|(k, v)| Some((k, v.text()?)))
        .collect();
    said.sort_unstable();
    said
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    found.next().filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::State;
    use crate::model::Site;
    use crate::yaml::{parse, site};

    fn at(before: &str, document: usize, path: &str) -> Site {
        let stream = parse(before.as_bytes());
        let root = stream.documents[document].root.as_ref().unwrap().as_ref().unwrap();
        site("a.yaml", document, root, &path.parse().unwrap()).unwrap()
    }

    fn seen(before: &str, now: &str, site: &Site) -> Option<String> {
        State::read(now.as_bytes()).text_of(&State::read(before.as_bytes()), site)
    }

    fn source(name: &str, tag: &str) -> String {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: {name}}}\nspec: {{ref: {{tag: {tag}}}}}\n---\n"
        )
    }

    #[test]
    fn a_document_is_found_by_what_it_is_when_others_come_and_go() {
        let before = [source("a", "1.0.0"), source("b", "1.0.0")].concat();
        let (a, b) = (at(&before, 0, "spec.ref.tag"), at(&before, 1, "spec.ref.tag"));
        let added = [source("new", "9.0.0"), source("a", "1.0.0"), source("b", "2.0.0")].concat();
        assert_eq!(
            (seen(&before, &added, &a).unwrap(), seen(&before, &added, &b).unwrap()),
            ("1.0.0".into(), "2.0.0".into())
        );
        // The other one stands where the deleted one stood: it proposes nothing for it.
        let deleted = source("b", "2.0.0");
        assert_eq!((seen(&before, &deleted, &a), seen(&before, &deleted, &b)), (None, Some("2.0.0".into())));
        let newer = before.replace("fluxcd.io/v1\n", "fluxcd.io/v1beta2\n").replace("1.0.0", "3.0.0");
        assert_eq!(seen(&before, &newer, &b).unwrap(), "3.0.0");
        let twice = [source("a", "1.0.0"), source("x", "1.0.0"), source("b", "2.0.0"), source("b", "3.0.0")].concat();
        assert_eq!(seen(&before, &twice, &b), None);
    }

    #[test]
    fn an_item_is_found_by_what_else_it_says_when_the_list_grows_or_shrinks() {
        let before = "dependencies:\n  - {name: a, version: 1.0.0}\n  - {name: b, version: 1.0.0}\n";
        let b = at(before, 0, "dependencies[1].version");
        let moved = before.replace("b, version: 1.0.0", "b, version: 2.0.0");
        assert_eq!(seen(before, &moved, &b).unwrap(), "2.0.0");
        let grown = moved.replace("  - {name: a", "  - {name: new, version: 9.0.0}\n  - {name: a");
        assert_eq!(seen(before, &grown, &b).unwrap(), "2.0.0");
        let shrunk = "dependencies:\n  - {name: c, version: 9.0.0}\n";
        assert_eq!(seen(before, shrunk, &b), None);
    }
}

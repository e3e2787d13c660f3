//! YAML that a scalar holds as text (inline patches): its documents at their places in the file, and sites in them.
//! Refuses by name what can't be laid onto the file's bytes.

use super::env_file::{env_entries, is_env_file};
use super::source::Source;
use super::{Node, Route, Stream, Survey};
use crate::model::{EmbeddedPlace, Inner, Problem, Reason, Site};

/// Deepest nesting of YAML in scalars.
const MAX_NESTING: usize = 4;

/// The documents that a scalar holds as text.
#[derive(Debug, Clone)]
pub struct Embedded {
    file: String,
    document: usize,
    path: String,
    /// Scalars between the outermost one and this one.
    way: Vec<EmbeddedPlace>,
    source: Source<'static>,
    /// Its documents; every position is one of the file.
    pub stream: Stream,
}

/// Parses what the scalar at a route of a document of the file holds as text.
///
/// # Errors
/// [`Reason::NotEditable`], with the form named: what [`super::site()`] refuses on the way, and a plain or quoted scalar
/// over several lines. What is wrong with a document of the text stands in the stream.
pub fn embedded(file: &str, bytes: &[u8], document: usize, root: &Node, route: &Route) -> Result<Embedded, Problem> {
    embedded_in(&Survey::new(root), file, bytes, document, route)
}

/// As [`embedded`], with a survey of that document.
///
/// # Errors
/// As [`embedded`].
pub fn embedded_in(
    survey: &Survey<'_>,
    file: &str,
    bytes: &[u8],
    document: usize,
    route: &Route,
) -> Result<Embedded, Problem> {
    let source = open(file, &Source::file(bytes), survey, route, &route.to_string())?;
    let stream = source.parse();
    Ok(Embedded { file: file.to_owned(), document, path: route.to_string(), way: Vec::new(), source, stream })
}

/// The text of the scalar at a route.
fn open(
    file: &str,
    source: &Source<'_>,
    survey: &Survey<'_>,
    route: &Route,
    shown: &str,
) -> Result<Source<'static>, Problem> {
    let node = survey.holder(file, route)?;
    source.within(node).map_err(|form| {
        let message = format!("{file}:{}: `{shown}` {form}; Davit does not edit what it holds", node.line);
        Problem::new(Reason::NotEditable, message)
    })
}

/// What stands at a site in another state of its file: the scalar on the same way or, for a part, what stands there
/// between the same texts before and after it. Nothing where the way leads nowhere.
pub fn text_at(bytes: &[u8], site: &Site) -> Option<String> {
    if is_env_file(&site.file) {
        let entries = env_entries(bytes)?;
        let value = entries.iter().find(|entry| *entry.key == *site.path)?.value.clone()?;
        return std::str::from_utf8(bytes.get(value)?).ok().map(str::to_owned);
    }
    let inner = site.inner.as_deref();
    let mut source = Source::file(bytes);
    let (mut document, mut path) = (site.document, &*site.path);
    for place in inner.map(|inner| inner.embedded.as_slice()).unwrap_or_default() {
        source = source.within(scalar(&source.parse(), document, path)?).ok()?;
        (document, path) = (place.document, place.path.as_str());
    }
    let stream = source.parse();
    let text = scalar(&stream, document, path)?.text()?;
    let Some(part) = inner.and_then(|inner| inner.part.as_ref()) else { return Some(text.to_owned()) };
    let (before, after) = (part.whole.get(..part.from)?, part.whole.get(part.to..)?);
    Some(text.strip_prefix(before)?.strip_suffix(after)?.to_owned())
}

fn scalar<'a>(stream: &'a Stream, document: usize, path: &str) -> Option<&'a Node> {
    let root = stream.documents.get(document)?.root.as_ref().ok()?.as_ref()?;
    root.find(&path.parse().ok()?)
}

impl Embedded {
    /// The site of the scalar at a route of one of the documents.
    ///
    /// # Errors
    /// As [`super::site()`]; and [`Reason::NotEditable`] where an escape or a line break of a scalar around it lies in it.
    pub fn site(&self, document: usize, route: &Route) -> Result<Site, Problem> {
        self.surveyed(&Survey::new(self.root(document, route)?), document, route)
    }

    /// As [`Self::site`], with a survey of that document.
    ///
    /// # Errors
    /// As [`Self::site`].
    pub fn surveyed(&self, survey: &Survey<'_>, document: usize, route: &Route) -> Result<Site, Problem> {
        if let Some(node) = survey.find(route).filter(|node| node.text().is_some())
            && self.source.local(node.start as usize, node.end as usize).is_none()
        {
            return Err(self.refuse(node.line, route, "holds an escape or a line break of the text around it"));
        }
        let found = survey.site(&self.file, document, route)?;
        let mut embedded = self.way.clone();
        embedded.push(EmbeddedPlace { document, path: found.path.to_string() });
        let inner = Some(Box::new(Inner { embedded, part: None }));
        Ok(Site { path: self.path.as_str().into(), document: self.document, inner, ..found })
    }

    /// What the scalar at a route of one of the documents holds as text in its turn.
    ///
    /// # Errors
    /// As [`embedded`]; and where YAML is nested deeper in scalars than anybody writes it.
    pub fn embedded(&self, document: usize, route: &Route) -> Result<Self, Problem> {
        self.embedded_in(&Survey::new(self.root(document, route)?), document, route)
    }

    /// As [`Self::embedded`], with a survey of that document.
    ///
    /// # Errors
    /// As [`Self::embedded`].
    pub fn embedded_in(&self, survey: &Survey<'_>, document: usize, route: &Route) -> Result<Self, Problem> {
        if self.way.len() + 1 >= MAX_NESTING {
            return Err(self.refuse(survey.root().line, route, "is nested too deep"));
        }
        let mut way = self.way.clone();
        way.push(EmbeddedPlace { document, path: route.to_string() });
        let source = open(&self.file, &self.source, survey, route, &route.to_string())?;
        let stream = source.parse();
        Ok(Self { file: self.file.clone(), document: self.document, path: self.path.clone(), way, source, stream })
    }

    /// Where its text lies in the file.
    pub fn source(&self) -> &Source<'static> {
        &self.source
    }

    fn root(&self, document: usize, route: &Route) -> Result<&Node, Problem> {
        let root = self.stream.documents.get(document).and_then(|found| found.root.as_ref().ok()?.as_ref());
        root.ok_or_else(|| self.refuse(1, route, "is not there"))
    }

    fn refuse(&self, line: u32, route: &Route, form: &str) -> Problem {
        let message = format!("{}:{line}: `{}: {route}` {form}; Davit does not edit that", self.file, self.path);
        Problem::new(Reason::NotEditable, message)
    }
}

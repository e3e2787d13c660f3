//! Which scalars of a document hold a version, or may: their places are kept, so that a build can end at them. A value of
//! a patch, of a ConfigMap or of `postBuild.substitute` is kept where it looks like a version or a range of versions, or
//! stands where a version does; nothing else is.

use super::facts::{FileFacts, Kind, SiteFacts};
use crate::model::{Problem, Reason, Site, Version};
use crate::yaml::{self, Embedded, Node, NodeKind, Route, Step, Survey};
use std::collections::HashSet;

/// Finds them in one document.
pub(super) struct Finder<'a, 'n> {
    pub(super) facts: &'a mut FileFacts,
    pub(super) bytes: &'a [u8],
    /// Of the whole document, however many objects are listed in it.
    pub(super) survey: &'a Survey<'n>,
    pub(super) document: usize,
    /// Places that are kept: through aliases many routes lead to one, and the first counts.
    pub(super) first: &'a mut HashSet<u32>,
}

impl Finder<'_, '_> {
    /// The scalars of an object at a route of the document.
    pub(super) fn object(&mut self, kind: Kind, node: &Node, route: &Route) {
        for fixed in version_routes(kind) {
            let route = fixed.split('.').fold(route.clone(), |route, key| route.key(key));
            if node.at(fixed).is_some() {
                self.keep(&route);
            }
        }
        match kind {
            Kind::ConfigMap => self.mapping(node, route, &["data"]),
            Kind::FluxKustomization => {
                self.mapping(node, route, &["spec", "postBuild", "substitute"]);
                self.patches(node, route, &["spec"]);
            }
            Kind::FluxInstance => self.patches(node, route, &["spec", "kustomize"]),
            Kind::Kustomization => {
                self.patches(node, route, &[]);
                self.literals(node, route);
                self.listed(node, route, "helmCharts");
            }
            Kind::Chart => self.listed(node, route, "dependencies"),
            Kind::ResourceSet => self.inputs(node, route, "inputs"),
            Kind::ResourceSetInputProvider => self.inputs(node, route, "defaultValues"),
            Kind::JsonPatch => self.operations(node, route),
            _ => {}
        }
    }

    /// The YAML in inline patches, with the places of what it writes.
    fn patches(&mut self, node: &Node, route: &Route, keys: &[&str]) {
        let Some(holder) = keys.iter().try_fold(node, |node, key| node.get(key)) else { return };
        let route = keys.iter().fold(route.clone(), |route, key| route.key(key));
        for list in ["patches", "patchesStrategicMerge", "patchesJson6902"] {
            for (index, entry) in holder.get(list).map(Node::items).unwrap_or_default().iter().enumerate() {
                let route = route.key(list).index(index);
                match entry.get("patch") {
                    Some(patch) if patch.text().is_some() => self.text(&route.key("patch")),
                    Some(patch) => self.anything(patch, &route.key("patch")),
                    None if entry.text().is_some_and(|text| text.contains('\n') || text.contains(": ")) => {
                        self.text(&route);
                    }
                    None if entry.text().is_none() => self.anything(entry, &route),
                    None => {}
                }
            }
        }
    }

    /// `version` of each item of a list.
    fn listed(&mut self, node: &Node, route: &Route, list: &str) {
        for (index, item) in node.get(list).map(Node::items).unwrap_or_default().iter().enumerate() {
            if item.get("version").is_some() {
                self.keep(&route.key(list).index(index).key("version"));
            }
        }
    }

    /// What a template may be given.
    fn inputs(&mut self, node: &Node, route: &Route, field: &str) {
        if let Some(inputs) = node.get("spec").and_then(|spec| spec.get(field)) {
            let route = route.key("spec").key(field);
            let mut found = Vec::new();
            scalars(inputs, &route, &mut found);
            for (route, node) in found {
                // A range that floats is pointed to as well.
                if node.text().is_some_and(|text| text.len() <= 128 && !text.is_empty()) {
                    self.keep(&route);
                }
            }
        }
    }

    /// `KEY=1.2.3` of a generator.
    fn literals(&mut self, node: &Node, route: &Route) {
        let generators = node.get("configMapGenerator").map(Node::items).unwrap_or_default();
        for (index, generator) in generators.iter().enumerate() {
            let route = route.key("configMapGenerator").index(index).key("literals");
            for (number, literal) in generator.get("literals").map(Node::items).unwrap_or_default().iter().enumerate() {
                let value = literal.text().and_then(|text| text.split_once('=')).map(|(_, value)| value);
                if value.is_some_and(|value| may_be_version(value.trim_matches(['"', '\'']))) {
                    self.keep(&route.index(number));
                }
            }
        }
    }

    /// What the scalar at a route holds as text.
    fn text(&mut self, route: &Route) {
        let Some(start) = self.survey.find(route).map(|node| node.start) else { return };
        let Ok(embedded) = yaml::embedded_in(self.survey, "", self.bytes, self.document, route) else { return };
        self.inside(&embedded, start, 0);
    }

    /// The places in documents that are read by themselves.
    pub(super) fn documents(&mut self, embedded: &Embedded) {
        let kept = self.facts.embedded.len();
        self.inside(embedded, 0, MAX_DEPTH);
        self.facts.embedded.truncate(kept);
    }

    fn inside(&mut self, embedded: &Embedded, start: u32, depth: usize) {
        let roots: Option<Vec<Node>> = (embedded.stream.documents.iter())
            .filter_map(|document| document.root.clone().transpose())
            .map(Result::ok)
            .collect();
        let Some(roots) = roots else { return };
        for document in &embedded.stream.documents {
            let Ok(Some(root)) = &document.root else { continue };
            let survey = Survey::new(root);
            // Through aliases many routes lead to one place; the first counts.
            let (mut found, mut first) = (Vec::new(), HashSet::new());
            scalars(root, &Route::root(), &mut found);
            let written: HashSet<u32> = root.items().iter().filter_map(versioned).map(|value| value.start).collect();
            for (route, node) in found {
                match node.text() {
                    Some(text)
                        if may_be_version(text) || is_version_at(&route, text) || written.contains(&node.start) =>
                    {
                        let new = first.insert(node.start);
                        if new {
                            let site = embedded.surveyed(&survey, document.index, &route);
                            let site = on_one_line(site, self.bytes, &route);
                            self.facts.sites.push(kept(node.start, site, || survey.shared_by(&route)));
                        }
                    }
                    // A patch of a Kustomization gives it patches of its own.
                    Some(text) if depth < MAX_DEPTH && may_be_yaml(text) => {
                        if let Ok(below) = embedded.embedded_in(&survey, document.index, &route) {
                            self.inside(&below, node.start, depth + 1);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.facts.embedded.push((start, roots));
    }

    /// The values of a mapping that look like versions.
    fn mapping(&mut self, node: &Node, route: &Route, keys: &[&str]) {
        let Some(mapping) = keys.iter().try_fold(node, |node, key| node.get(key)) else { return };
        let route = keys.iter().fold(route.clone(), |route, key| route.key(key));
        for (key, value) in mapping.pairs() {
            if value.text().is_some_and(may_be_version) {
                self.keep(&route.key(key));
            }
        }
    }

    /// What JSON 6902 operations write.
    fn operations(&mut self, node: &Node, route: &Route) {
        for (index, operation) in node.items().iter().enumerate() {
            if versioned(operation).is_some() {
                self.keep(&route.index(index).key("value"));
            } else if let Some(value) = operation.get("value") {
                self.anything(value, &route.index(index).key("value"));
            }
        }
    }

    /// Every scalar below that looks like a version, or stands where one does.
    fn anything(&mut self, node: &Node, route: &Route) {
        match &node.kind {
            NodeKind::Scalar { text, .. } if may_be_version(text) || is_version_at(route, text) => self.keep(route),
            NodeKind::Scalar { .. } => {}
            NodeKind::Mapping(_) => {
                for (key, value) in node.pairs() {
                    self.anything(value, &route.key(key));
                }
            }
            NodeKind::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.anything(item, &route.index(index));
                }
            }
        }
    }

    /// The place of a scalar.
    fn keep(&mut self, route: &Route) {
        let Some(node) = self.survey.find(route) else { return };
        if !self.first.insert(node.start) {
            return;
        }
        let site = on_one_line(self.survey.site("", self.document, route), self.bytes, route);
        self.facts.sites.push(kept(node.start, site, || self.survey.shared_by(route)));
    }
}

/// A quoted scalar over several lines is one version to a reader, and nothing that an edit could swap.
fn on_one_line(site: Result<Site, Problem>, bytes: &[u8], route: &Route) -> Result<Site, Problem> {
    let site = site?;
    if bytes.get(site.start..site.end).is_some_and(|bytes| bytes.contains(&b'\n')) {
        let message = format!(":{}: `{route}` goes over several lines; Davit does not edit that", site.line);
        return Err(Problem::new(Reason::NotEditable, message));
    }
    Ok(site)
}

/// What is kept of a place.
fn kept(start: u32, site: Result<Site, Problem>, shared: impl FnOnce() -> Vec<Route>) -> SiteFacts {
    match site {
        Ok(site) => {
            let shared = shared().iter().map(ToString::to_string).collect();
            SiteFacts { start, site: Some(site), refusal: String::new(), shared }
        }
        Err(problem) => SiteFacts { start, site: None, refusal: problem.message, shared: Vec::new() },
    }
}

/// Deepest patches in patches that are looked into.
const MAX_DEPTH: usize = 2;

/// Whether a text may be a patch in its turn.
fn may_be_yaml(text: &str) -> bool {
    text.contains(':') && (text.contains('\n') || text.trim_start().starts_with(['{', '[', '-']))
}

/// Every scalar of a tree with its route.
fn scalars<'n>(node: &'n Node, route: &Route, found: &mut Vec<(Route, &'n Node)>) {
    match &node.kind {
        NodeKind::Scalar { .. } => found.push((route.clone(), node)),
        NodeKind::Mapping(_) => node.pairs().iter().for_each(|(key, value)| scalars(value, &route.key(key), found)),
        NodeKind::Sequence(items) => {
            items.iter().enumerate().for_each(|(index, item)| scalars(item, &route.index(index), found));
        }
    }
}

/// The routes at which an object of a kind holds its version.
fn version_routes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::HelmRelease => &["spec.chart.spec.version"],
        Kind::HelmChart => &["spec.version"],
        Kind::ChartInflation => &["version"],
        Kind::OciRepository => &["spec.ref.tag", "spec.ref.semver", "spec.ref.digest"],
        Kind::GitRepository => &["spec.ref.tag", "spec.ref.semver"],
        _ => &[],
    }
}

/// Keys under which a version or a range stands, whatever it looks like: `latest` is a tag.
fn is_version_key(key: &str) -> bool {
    matches!(key, "version" | "tag" | "semver" | "digest")
}

/// Whether the text at a route is a version by where it stands.
fn is_version_at(route: &Route, text: &str) -> bool {
    let key = matches!(route.steps().last(), Some(Step::Key(key)) if is_version_key(key));
    key && !text.is_empty() && text.len() <= 128
}

/// The scalar that a JSON 6902 operation writes to where a version stands.
fn versioned(operation: &Node) -> Option<&Node> {
    let path = operation.get("path")?.text()?;
    let value = operation.get("value")?;
    let last = path.rsplit('/').next().unwrap_or_default();
    (is_version_key(last) && value.text().is_some_and(|text| !text.is_empty() && text.len() <= 128)).then_some(value)
}

/// A version, or a range of versions.
fn may_be_version(text: &str) -> bool {
    looks_like_version(text) || looks_like_range(text)
}

/// What Masterminds/semver may read as a range: `1.x`, `>=1.2.0 <2`, `1.0.0 - 2.0.0`, `*`.
fn looks_like_range(text: &str) -> bool {
    let part =
        |part: &str| matches!(part, "x" | "X" | "*") || !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let term = |term: &str| {
        let bare = term.trim_start_matches(['<', '>', '=', '~', '^', '!']);
        let bare = bare.strip_prefix('v').unwrap_or(bare);
        let core = bare.split(['-', '+']).next().unwrap_or_default();
        term == "-" || bare.is_empty() || core.split('.').count() <= 3 && core.split('.').all(part)
    };
    let mut terms = text.split(|c: char| matches!(c, '|' | ',') || c.is_whitespace()).filter(|term| !term.is_empty());
    text.len() <= 128 && text.contains(|c: char| c.is_ascii_digit() || matches!(c, 'x' | 'X' | '*')) && terms.all(term)
}

/// A version, or the part of one that a template completes.
pub(super) fn looks_like_version(text: &str) -> bool {
    let text = text.trim();
    text.len() <= 128
        && (Version::loose(text).is_some()
            || text.starts_with("sha256:")
            || (text.contains("${") && !text.contains(char::is_whitespace)))
}

#[cfg(test)]
#[path = "sites_tests.rs"]
mod tests;

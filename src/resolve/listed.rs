//! A version that no Flux object holds: an entry of a list that names a chart, its version and the URL of a repository.
//! Chart dependencies and kustomize's charts share this; what may be said of them differs, and stands with each.

use super::object::Object;
use super::row::{Concerns, Weight};
use super::site;
use super::value::{Origin, Ref};
use super::version::{self, variable};
use super::world::World;
use crate::model::{
    Annotations, ChartKind, CrdUpgrade, Lookup, Note, NsName, Reason, Release, RowKind, SourceKind, SourceRef,
    shown_url,
};
use crate::yaml::Node;

/// One entry, as it is written.
pub(super) struct Entry<'e> {
    pub(super) kind: RowKind,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) file: usize,
    /// Line of the entry, from 1.
    pub(super) line: u32,
    /// The mapping with `version`.
    pub(super) node: &'e Node,
    pub(super) chart: &'e str,
    pub(super) repository: &'e str,
    /// Who reads the version.
    pub(super) reader: &'e str,
}

impl Entry<'_> {
    /// `file:line`
    pub(super) fn place(&self, world: &World<'_>) -> String {
        format!("{}:{}", world.inventory.path(self.file), self.line)
    }

    /// The question that the repository answers; what is wrong with its URL is a concern.
    pub(super) fn ask(&self, place: &str, concerns: &mut Concerns) -> Option<Lookup> {
        for (what, text) in [("chart", self.chart), ("URL", self.repository)] {
            if let Some(variable) = variable(text) {
                let message = format!(
                    "the {what} in {place} hangs on the variable {variable}, which nobody fills in there: {text}"
                );
                concerns.add(Weight::Source, Reason::VersionInSubstitution, message);
                return None;
            }
        }
        let version = self.node.get("version").and_then(Node::text).map(str::trim);
        let lookup = version::ask_url(self.repository.trim().trim_end_matches('/'), self.chart, version, false);
        let refused = |why| {
            let message = format!("{place} names a repository by a URL {why}: {}", shown_url(self.repository));
            concerns.add(Weight::Source, Reason::InvalidSource, message);
        };
        lookup.map_err(refused).ok()
    }

    /// The row. `by`: the cluster and the Flux Kustomization that it stands for.
    pub(super) fn row(
        self,
        world: &World<'_>,
        by: Option<(String, NsName)>,
        lookup: Option<Lookup>,
        mut notes: Vec<Note>,
        mut concerns: Concerns,
    ) -> Release {
        let place = self.place(world);
        let version = self.node.get("version");
        for (key, value) in ["name", "version"].into_iter().filter_map(|key| Some((key, self.node.get(key)?))) {
            if let Some(what) = Ref::Written(value, self.file).no_string() {
                let text = value.text().map(|text| format!(" {text}")).unwrap_or_default();
                let message = format!("{place}: {key}{text} is {what} and no string: put it in quotes");
                concerns.add(Weight::Invalid, Reason::InvalidRelease, message);
            }
        }
        let current = version.and_then(Node::text).filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(problem) = version::of_range_by(self.reader, current.as_deref(), &place) {
            let floats = problem.reason.status() == crate::model::Status::Floating;
            concerns.push(if floats { Weight::Floating } else { Weight::Version }, problem);
        }
        let origin = version.filter(|_| current.is_some());
        let origin = origin.map(|node| Origin::Scalar { file: self.file, start: node.start });
        let placed = origin.map(|origin| site::place(world, &origin, false, &mut notes, &mut concerns));
        // These rows are made anew each time: nothing remembers what they hang on.
        world.reads.take();
        let url = Some(self.repository).filter(|url| !url.is_empty()).map(shown_url);
        let (cluster, kustomization) = by.unzip();
        let pools = &world.pools;
        Release {
            kind: self.kind,
            cluster: cluster.map(|cluster: String| pools.texts.one(cluster)),
            kustomization: kustomization.map(|id| pools.names.one(id)),
            namespace: self.namespace,
            name: self.name,
            file: pools.texts.one(world.inventory.path(self.file)),
            line: self.line,
            chart: Some(self.chart.to_owned()),
            source: url.map(|url| {
                pools.sources.one(SourceRef {
                    kind: SourceKind::ChartRepository,
                    namespace: String::new(),
                    name: String::new(),
                    url: Some(url),
                })
            }),
            site: placed.and_then(|placed| placed.site),
            digest_site: None,
            digest_stays: false,
            frame: None,
            current,
            chart_kind: Some(ChartKind::Range),
            lookup: lookup.map(|lookup| pools.lookups.one(lookup)),
            annotations: pools.annotations.one(Annotations::default()),
            notes,
            problem: concerns.first(),
            chain: Vec::new(),
            // No HelmRelease here has a say in what becomes of its CRDs.
            crds: CrdUpgrade::CreateReplace,
            credentials: None,
        }
    }
}

/// `namespace/name` of an object.
pub(super) fn id(object: &Object) -> NsName {
    NsName { namespace: object.namespace().to_owned(), name: object.name().to_owned() }
}

//! Where a release's chart comes from (Flux rules 1 to 6): the source object, the field that holds the version, and the
//! question to ask.

use super::neighbours::Name;
use super::object::{At, Object, Say};
use super::patch_reach::Aspect;
use super::row::{Concerns, Weight};
use super::sources::{Sources, Wanted};
use super::substitute;
use super::value::{Origin, Ref as Look, Value};
use super::version::{self, Ref, variable};
use super::world::{Built, World};
use crate::inventory::{Kind, same_repository};
use crate::model::{
    ChartKind, CredentialsHint, Lookup, Note, NsName, Problem, Reason, References, SourceKind, SourceRef, Step,
    last_segment, shown_url,
};
use std::collections::HashMap;

/// What is known of a release's chart.
#[derive(Debug, Default)]
pub(super) struct Chart {
    pub(super) name: Option<String>,
    pub(super) source: Option<SourceRef>,
    pub(super) kind: Option<ChartKind>,
    pub(super) current: Option<String>,
    /// Where the version was last written.
    pub(super) site: Option<Origin>,
    /// Where the digest beside a tag was.
    pub(super) digest: Option<Origin>,
    /// There is one, whether it can move or not.
    pub(super) digest_beside: bool,
    /// Who had a say in the sources.
    pub(super) steps: Vec<Step>,
    pub(super) lookup: Option<Lookup>,
    pub(super) credentials: Option<Box<CredentialsHint>>,
    /// `davit.dev/…` annotations of the sources.
    pub(super) annotations: HashMap<String, String>,
    pub(super) notes: Vec<Note>,
    /// Something hangs on a variable that is not known: there is no question to ask.
    pub(super) unknown: bool,
    /// The version comes out of substitution.
    pub(super) substituted: bool,
    /// Who has a say in the sources.
    pub(super) says: Vec<Say>,
    /// The sources that the release uses, or may use.
    pub(super) used: Vec<At>,
    /// The sources that this repository does not build.
    pub(super) wants: Vec<Name>,
}

/// Follows a release to its chart.
pub(super) fn of(world: &World<'_>, sources: &Sources<'_>, built: &Built, concerns: &mut Concerns) -> Chart {
    let mut follow = Follow { world, sources, built, concerns, chart: Chart::default() };
    follow.release();
    follow.chart
}

struct Follow<'f, 'w> {
    world: &'w World<'w>,
    sources: &'f Sources<'w>,
    built: &'f Built,
    concerns: &'f mut Concerns,
    chart: Chart,
}

impl<'w> Follow<'_, 'w> {
    fn release(&mut self) {
        let object = &self.built.object;
        let place = self.world.place(object);
        self.strings(object, "metadata", &["name", "namespace"], &place);
        match object.kind {
            Kind::OciRepository => return self.oci(object.namespace(), object.name()),
            Kind::HelmChart => return self.helm_chart(object.namespace(), object.name()),
            _ => {}
        }
        let filled = |route: &str| object.get(route).is_some_and(Look::is_filled);
        match (filled("spec.chart"), filled("spec.chartRef")) {
            (true, false) => self.template(&place),
            (false, true) => self.chart_ref(&place),
            (true, true) => self.invalid(format!("{place} has both spec.chart and spec.chartRef")),
            (false, false) => self.invalid(format!("{place} has neither spec.chart nor spec.chartRef")),
        }
    }

    fn invalid(&mut self, message: String) {
        self.concerns.add(Weight::Invalid, Reason::InvalidRelease, message);
    }

    /// `spec.chart.spec`
    fn template(&mut self, place: &str) {
        let object = &self.built.object;
        let namespace = object.text("spec.chart.spec.sourceRef.namespace").unwrap_or_else(|| object.namespace());
        let namespace = namespace.to_owned();
        self.verify(object, "spec.chart.spec.verify", place);
        self.ranged(object, "spec.chart.spec", &namespace, place);
    }

    /// A chart, its version and its source, in a HelmRelease's template or in a HelmChart.
    fn ranged(&mut self, facts: &Object, base: &str, namespace: &str, place: &str) {
        let fields = ["chart", "version", "sourceRef.kind", "sourceRef.name", "sourceRef.namespace"];
        self.strings(facts, base, &fields, place);
        let text = |field: &str| facts.text(&format!("{base}.{field}"));
        let (chart, version) = (text("chart"), text("version"));
        let (kind, name) = (text("sourceRef.kind"), text("sourceRef.name"));
        let (Some(chart), Some(kind), Some(name)) = (chart, kind, name) else {
            return self.invalid(format!("{place} names no chart or no source ({base}.chart, {base}.sourceRef)"));
        };
        self.chart.name = Some(chart.to_owned());
        self.chart.current = version.map(str::to_owned);
        self.chart.kind = Some(ChartKind::Range);
        self.chart.site =
            facts.get(&format!("{base}.version")).filter(|_| version.is_some()).map(|value| self.origin(value));
        self.substituted(facts, place, &[("chart", chart), ("version", version.unwrap_or_default()), ("source", name)]);
        match kind {
            "HelmRepository" => {
                if variable(chart).is_none() && !is_chart_name(chart) {
                    self.invalid(format!(
                        "{place}: invalid chart name {chart:?}, which Flux refuses of a HelmRepository: lower case letters, \
                         digits and -, with / and . between"
                    ));
                }
                self.repository(namespace, name, chart);
                self.version(version::of_range(version, place));
            }
            "GitRepository" => self.git(namespace, name),
            "Bucket" => {
                self.source(Kind::Bucket, SourceKind::Bucket, namespace, name);
                self.in_git(format!("{place} takes its chart from the Bucket {name}, whatever the version says"));
            }
            _ => self.invalid(format!("{place} has a sourceRef of kind {kind}, which Flux does not know there")),
        }
    }

    fn repository(&mut self, namespace: &str, name: &str, chart: &str) {
        let Some(source) = self.source(Kind::HelmRepository, SourceKind::HelmRepository, namespace, name) else {
            return;
        };
        let version = self.chart.current.as_deref().map(str::trim);
        self.ask(version::ask_repository(&source.object, chart, version, &self.world.place(&source.object)));
    }

    fn git(&mut self, namespace: &str, name: &str) {
        // Flux rule 3: the version in the release is ignored for Git.
        (self.chart.kind, self.chart.current, self.chart.site) = (Some(ChartKind::GitTag), None, None);
        let Some(source) = self.source(Kind::GitRepository, SourceKind::GitRepository, namespace, name) else { return };
        let facts = &source.object;
        let place = self.world.place(facts);
        let ours = self.world.url.as_deref().zip(facts.text("spec.url"));
        if ours.is_some_and(|(ours, theirs)| same_repository(ours, theirs)) {
            return self.in_git(format!("{place}: the chart lies in this repository and moves with it"));
        }
        self.referenced(source, version::of_git(facts, &place));
        self.ask(version::ask_git(facts, &place));
    }

    fn in_git(&mut self, message: String) {
        (self.chart.kind, self.chart.current, self.chart.site) = (None, None, None);
        self.concerns.add(Weight::Version, Reason::ChartInGit, message);
    }

    /// `spec.chartRef`
    fn chart_ref(&mut self, place: &str) {
        let facts = &self.built.object;
        self.strings(facts, "spec.chartRef", &["kind", "name", "namespace"], place);
        let text = |field: &str| facts.text(&format!("spec.chartRef.{field}"));
        let namespace = text("namespace").unwrap_or_else(|| self.built.object.namespace()).to_owned();
        let (Some(kind), Some(name)) = (text("kind"), text("name")) else {
            return self.invalid(format!("{place} has a chartRef without kind or name"));
        };
        self.substituted(facts, place, &[("source", name)]);
        match kind {
            "OCIRepository" => self.oci(&namespace, name),
            "HelmChart" => self.helm_chart(&namespace, name),
            "ExternalArtifact" => {
                self.chart.source = Some(reference(SourceKind::ExternalArtifact, &namespace, name, None));
                let message =
                    format!("{place} takes its chart from the ExternalArtifact {name}, which Git does not show");
                self.concerns.add(Weight::Source, Reason::SourceUnsupported, message);
            }
            _ => self.invalid(format!("{place} has a chartRef of kind {kind}, which Flux does not know")),
        }
    }

    fn oci(&mut self, namespace: &str, name: &str) {
        self.chart.kind = Some(ChartKind::Tag);
        let Some(source) = self.source(Kind::OciRepository, SourceKind::OciRepository, namespace, name) else { return };
        let facts = &source.object;
        let place = self.world.place(facts);
        // Which of the versions on offer is the newest would be a guess.
        if version::filter(facts).is_none() {
            self.ask(version::ask_oci(facts, &place));
        }
        self.chart.name = facts.text("spec.url").map(|url| last_segment(url).to_owned());
        self.referenced(source, version::of_oci(facts, &place));
    }

    fn helm_chart(&mut self, namespace: &str, name: &str) {
        let Some(source) = self.source(Kind::HelmChart, SourceKind::HelmChart, namespace, name) else { return };
        let facts = &source.object;
        let place = self.world.place(facts);
        let shown = self.chart.source.take();
        // Flux rule 1: its sourceRef has no namespace.
        self.ranged(facts, "spec", source.object.namespace(), &place);
        let url = self.chart.source.take().and_then(|behind| behind.url);
        self.chart.source = shown.map(|shown| SourceRef { url, ..shown });
    }

    /// The version of a source with a `ref`.
    fn referenced(&mut self, source: &Built, found: Ref<'_>) {
        let facts = &source.object;
        let place = self.world.place(facts);
        self.strings(facts, "spec.ref", &["tag", "semver", "digest", "branch", "name", "commit"], &place);
        self.chart.current = found.current.map(str::to_owned);
        self.chart.site = found.route.and_then(|route| facts.get(route)).map(|value| self.origin(value));
        let digest = found.digest.and_then(|_| facts.get("spec.ref.digest"));
        self.chart.digest = digest.map(Look::origin);
        self.chart.digest_beside = facts.kind == Kind::OciRepository && facts.text("spec.ref.digest").is_some();
        self.substituted(facts, &place, &[("version", found.current.unwrap_or_default())]);
        self.version(found.problem);
    }

    /// Looks a source up and takes over what it says of itself.
    fn source(&mut self, kind: Kind, as_kind: SourceKind, namespace: &str, name: &str) -> Option<&'w Built> {
        self.chart.source = Some(reference(as_kind, namespace, name, None));
        let source = match self.sources.find(self.built, Wanted { kind, namespace, name }) {
            Ok(source) => source,
            Err(problem) => {
                self.concerns.push(Weight::Source, problem);
                self.want(kind, namespace, name);
                self.chart.used.extend(self.sources.named(kind, name).map(|source| source.object.at));
                return None;
            }
        };
        self.chart.used.push(source.object.at);
        let foreign = self.world.inventory.is_elsewhere(source.object.at.0);
        // One that a neighbour builds in that very namespace would be nearer.
        if foreign || source.object.namespace().is_empty() {
            self.want(kind, namespace, name);
        }
        let (object, facts) = (&source.object, &source.object);
        let place = self.world.place(object);
        self.chart.steps.extend(object.steps.iter().cloned());
        let namespace = if object.namespace().is_empty() { namespace } else { object.namespace() };
        self.chart.source = Some(reference(as_kind, namespace, name, facts.text("spec.url")));
        self.substituted(facts, &place, &[("URL", facts.text("spec.url").unwrap_or_default())]);
        if facts.encrypted {
            self.concerns.add(Weight::Unreadable, Reason::Encrypted, format!("{place} is encrypted with SOPS"));
        }
        if let Some(why) = &facts.unfilled {
            let message = format!("its source {place} is {why}");
            self.concerns.add(Weight::Unreadable, Reason::ResourceSet, message);
        }
        if facts.is_true("spec.suspend") {
            self.concerns.add(
                Weight::Suspended,
                Reason::Suspended,
                format!("spec.suspend of its source is true ({place})"),
            );
        }
        for say in source.context.iter().flat_map(|context| &context.says).chain(&object.says) {
            self.concerns.add(Weight::Say, say.reason, &say.message);
            self.chart.says.push(say.clone());
        }
        if foreign && (self.built.context.is_none() || source.context.is_none()) {
            let message = format!("{} {name} is taken for the one at {place}, of another repository", kind.as_str());
            self.chart.notes.push(Note::AssumedSource(message));
        } else if !foreign && self.built.context.is_some() && self.built.scope != source.scope {
            self.chart.notes.push(Note::Other(format!("the source {place} is not built in the release's own cluster")));
        }
        self.verify(facts, "spec.verify", &place);
        let id = NsName { namespace: namespace.to_owned(), name: name.to_owned() };
        if let Some(hint) = credentials(facts, as_kind, id) {
            self.chart.credentials = Some(Box::new(hint));
        }
        for (key, value) in facts.get("metadata.annotations").map(Look::pairs).unwrap_or_default() {
            if let Some(value) = value.text().filter(|_| key.starts_with("davit.dev/")) {
                self.chart.annotations.entry(key.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        Some(source)
    }

    /// What the others may lend.
    fn want(&mut self, kind: Kind, namespace: &str, name: &str) {
        if !self.world.neighbours.others.is_empty() && !namespace.is_empty() {
            self.chart.wants.push((kind, namespace.to_owned(), name.to_owned()));
        }
    }

    /// Where a version was last written.
    fn origin(&mut self, value: Look<'_>) -> Origin {
        self.chart.substituted |= matches!(value, Look::Value(Value::Made(_)));
        value.origin()
    }

    /// The API server takes nothing but strings there, and Flux's build makes none of a bare `1.10`.
    fn strings(&mut self, facts: &Object, base: &str, fields: &[&str], place: &str) {
        for field in fields {
            let route = format!("{base}.{field}");
            let Some((value, what)) = facts.get(&route).and_then(|value| Some((value, value.no_string()?))) else {
                continue;
            };
            // A layer that sets a name or a namespace makes a string of it.
            let set = match route.as_str() {
                "metadata.name" => Some(facts.name()),
                "metadata.namespace" => Some(facts.namespace()),
                _ => None,
            };
            if set.zip(value.text()).is_some_and(|(set, written)| set != written) {
                continue;
            }
            let text = value.text().map(|text| format!(" {text}")).unwrap_or_default();
            let made = if matches!(value, Look::Value(Value::Made(_))) { "after substitution " } else { "" };
            self.invalid(format!(
                "{place}: {made}{route}{text} is {what} and no string, which Flux refuses: put it in quotes"
            ));
        }
    }

    /// Flux rule 15.
    fn verify(&mut self, facts: &Object, route: &str, place: &str) {
        if facts.get(route).is_some_and(Look::is_filled) {
            let message = format!("{place} asks Flux to verify signatures; Davit did not check one");
            self.chart.notes.push(Note::SignatureUnchecked(message));
        }
    }

    /// Flux rule 12: whether the Kustomization substitutes or not, the text as it stands is not what a reader means.
    fn substituted(&mut self, facts: &Object, place: &str, values: &[(&str, &str)]) {
        for (what, value) in values {
            if let Some(variable) = variable(value) {
                self.chart.unknown = true;
                let why = substitute::why_not(facts, value).unwrap_or_else(|| {
                    format!(
                        "the variable {variable}, and nothing is substituted there (no spec.postBuild with variables)"
                    )
                });
                let message = format!("the {what} in {place} hangs on {why}: {value}");
                self.concerns.add(Weight::Substitution, Reason::VersionInSubstitution, message);
                self.chart.says.extend((*what == "URL").then(|| Say {
                    aspect: Aspect::Source,
                    key: None,
                    reason: Reason::VersionInSubstitution,
                    message: String::new(),
                }));
            }
        }
    }

    fn version(&mut self, problem: Option<Problem>) {
        let Some(problem) = problem else { return };
        let floats = problem.reason.status() == crate::model::Status::Floating;
        self.concerns.push(if floats { Weight::Floating } else { Weight::Version }, problem);
    }

    fn ask(&mut self, lookup: Result<Lookup, Problem>) {
        match lookup {
            Ok(lookup) => self.chart.lookup = Some(lookup),
            Err(problem) => self.concerns.push(Weight::Source, problem),
        }
    }
}

/// Whether source-controller takes a name for a HelmRepository's chart: `^([-a-z0-9]+/?\.?)+$`.
fn is_chart_name(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let mut before = b'.';
    for byte in name.bytes() {
        let follows = match byte {
            b'/' => plain(before),
            b'.' => plain(before) || before == b'/',
            other => plain(other),
        };
        if !follows || (before == b'.' && !plain(byte)) {
            return false;
        }
        before = byte;
    }
    !name.is_empty()
}

/// What a source says of the way to it (Flux rule 14), as its kind has it; nothing where it says nothing.
fn credentials(facts: &Object, kind: SourceKind, source: NsName) -> Option<CredentialsHint> {
    let text = |route: &str| facts.text(route).map(str::to_owned);
    let (helm, oci) = (kind == SourceKind::HelmRepository, kind == SourceKind::OciRepository);
    let references = References {
        secret: text("spec.secretRef.name"),
        certificates: text("spec.certSecretRef.name").filter(|_| helm || oci),
        proxy: text("spec.proxySecretRef.name").filter(|_| oci),
        service_account: text("spec.serviceAccountName").filter(|_| oci),
        pass_credentials: helm && facts.is_true("spec.passCredentials"),
    };
    let url = text("spec.url").unwrap_or_default();
    let hint = CredentialsHint { kind, source, url, references, provider: None };
    let provider = text("spec.provider").filter(|provider| hint.is_oci() && provider != "generic");
    (hint.references.names_any() || provider.is_some()).then_some(CredentialsHint { provider, ..hint })
}

fn reference(kind: SourceKind, namespace: &str, name: &str, url: Option<&str>) -> SourceRef {
    let url = url.map(shown_url);
    SourceRef { kind, namespace: namespace.to_owned(), name: name.to_owned(), url }
}

#[cfg(test)]
mod tests {
    use super::is_chart_name;

    #[test]
    fn a_chart_s_name_is_what_source_controller_takes_for_one() {
        for name in ["web", "my-web", "0", "a/b", "a.b", "a/.b", "a/b/c.d", "web/", "web."] {
            assert!(is_chart_name(name), "{name}");
        }
        for name in ["", "My_Chart", "Web", "web ", "/", "/web", ".web", "a//b", "a..b", "a./b", "../web", "wéb"] {
            assert!(!is_chart_name(name), "{name}");
        }
    }
}

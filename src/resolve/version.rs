//! What a version's text means where it stands: a pin, a range that floats, or nothing that can be newer (Flux rules 3
//! to 6), and the question that the source answers.

use super::object::Object;
use crate::inventory::Kind;
use crate::model::{Lookup, Problem, Reason, TagRules, Version};

/// Media type of a Helm chart's layer.
const HELM_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// Judges `chart.spec.version` of an HTTP or OCI HelmRepository: nothing where it pins.
pub(super) fn of_range(text: Option<&str>, place: &str) -> Option<Problem> {
    of_range_by("Flux", text, place)
}

/// [`of_range`], where somebody else than Flux may read it.
pub(super) fn of_range_by(who: &str, text: Option<&str>, place: &str) -> Option<Problem> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        let message = format!("{place} has no version: {who} takes the newest at every check");
        return Some(Problem::new(Reason::FloatingRange, message));
    };
    if Version::pin(text).is_some() {
        return None;
    }
    if text.contains("{{") || text.contains("<<") {
        let message = format!("{place} is a template: its version is {text}");
        return Some(Problem::new(Reason::InvalidDocument, message));
    }
    let message = format!("{place} has the range {text}: {who} moves within it without a commit");
    Some(Problem::new(Reason::FloatingRange, message))
}

/// What decides the version of an OCIRepository or a GitRepository.
pub(super) struct Ref<'a> {
    /// Route of the field that holds the version, where one does.
    pub(super) route: Option<&'static str>,
    /// Its text.
    pub(super) current: Option<&'a str>,
    /// The digest that stands beside it and moves with it.
    pub(super) digest: Option<&'a str>,
    /// Why it is no pin that can be raised.
    pub(super) problem: Option<Problem>,
}

/// Flux rules 5 and 6: digest, then semver, then tag, then `latest`. A tag beside a digest is only documentation, and yet
/// what names the version: both move together.
pub(super) fn of_oci<'a>(facts: &'a Object, place: &str) -> Ref<'a> {
    let (tag, semver) = (facts.text("spec.ref.tag"), facts.text("spec.ref.semver"));
    let read = |tag: &str| Version::pin(tag).or_else(|| Version::of_tag(tag).filter(|_| is_helm_layer(facts)));
    if let Some(digest) = facts.text("spec.ref.digest") {
        if semver.is_none() && is_sha256(digest) && tag.and_then(read).is_some() {
            return Ref { route: Some("spec.ref.tag"), current: tag, digest: Some(digest), problem: None };
        }
        let message = format!("{place} is pinned by the digest {digest}: the tag is only documentation");
        let route = tag.map(|_| "spec.ref.tag");
        return Ref { route, current: tag, digest: None, problem: Some(Problem::new(Reason::DigestPinned, message)) };
    }
    if let Some(range) = semver {
        let among = filter(facts).map(|filter| format!(" among the tags that match {filter}"));
        let message = format!("{place} follows ref.semver {range}{} without a commit", among.unwrap_or_default());
        let problem = Some(Problem::new(Reason::FloatingSemver, message));
        return Ref { route: Some("spec.ref.semver"), current: semver, digest: None, problem };
    }
    let problem = match tag {
        None => Some(format!("{place} names no tag: Flux follows `latest`")),
        Some(tag) if read(tag).is_none() => {
            Some(format!("{place} follows the tag {tag}, which is no full version: it may be moved to a newer chart"))
        }
        Some(_) => None,
    };
    let problem = problem.map(|message| Problem::new(Reason::FloatingTag, message));
    Ref { route: tag.map(|_| "spec.ref.tag"), current: tag, digest: None, problem }
}

/// The expression that leaves only some tags to a range: what Flux makes of it is not followed.
pub(super) fn filter(facts: &Object) -> Option<&str> {
    facts.text("spec.ref.semver").and(facts.text("spec.ref.semverFilter")).filter(|filter| !filter.is_empty())
}

/// Whether a digest is of the kind that registries answer with.
fn is_sha256(digest: &str) -> bool {
    let hash = digest.strip_prefix("sha256:");
    hash.is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// GitRepository: commit, then name, then semver, then tag, then branch.
pub(super) fn of_git<'a>(facts: &'a Object, place: &str) -> Ref<'a> {
    let text = |field: &str| facts.text(field);
    let tag = text("spec.ref.tag");
    let none = |reason, message| Ref {
        route: None,
        current: None,
        digest: None,
        problem: Some(Problem::new(reason, message)),
    };
    if let Some(commit) = text("spec.ref.commit") {
        return none(Reason::DigestPinned, format!("{place} is pinned to the commit {commit}"));
    }
    if let Some(name) = text("spec.ref.name") {
        return none(Reason::FloatingBranch, format!("{place} follows the reference {name}"));
    }
    if let Some(range) = text("spec.ref.semver") {
        let problem =
            Problem::new(Reason::FloatingSemver, format!("{place} follows ref.semver {range} without a commit"));
        return Ref { route: Some("spec.ref.semver"), current: Some(range), digest: None, problem: Some(problem) };
    }
    if let Some(tag) = tag {
        let message = format!("{place} pins the tag {tag}, which is not a full semantic version: nothing can be newer");
        let problem = Version::pin(tag).is_none().then(|| Problem::new(Reason::VersionNotSemver, message));
        Ref { route: Some("spec.ref.tag"), current: Some(tag), digest: None, problem }
    } else {
        let branch = text("spec.ref.branch").unwrap_or("master");
        none(Reason::FloatingBranch, format!("{place} follows the branch {branch}"))
    }
}

/// The question for a chart of a HelmRepository, for somebody who has that version.
pub(super) fn ask_repository(
    repository: &Object,
    chart: &str,
    version: Option<&str>,
    place: &str,
) -> Result<Lookup, Problem> {
    let invalid = |why: &str| Err(Problem::new(Reason::InvalidSource, format!("{place} {why}")));
    let Some(url) = repository.text("spec.url").map(|url| url.trim().trim_end_matches('/')) else {
        return invalid("has no spec.url");
    };
    if repository.text("spec.type") == Some("oci") && !has_scheme(url, &["oci"]) {
        return invalid("is of type oci, and its URL does not start with oci://");
    }
    let asked = ask_url(url, chart, version, repository.is_true("spec.insecure"));
    asked.or_else(|why| invalid(&format!("has a URL {why}")))
}

/// Of an `oci://` URL: Flux refuses it, and a name behind it would be a part of the query.
const WITH_QUERY: &str = "with a query or a fragment, which Flux refuses of oci://";

/// The question for a chart of the repository at a URL, as Helm asks it for somebody who has that version. A pin is the
/// tag itself (Flux rule 4): with a leading `v` it says that these tags count.
///
/// # Errors
/// What is wrong with the URL: it goes on as `a URL …`.
pub(super) fn ask_url(url: &str, chart: &str, version: Option<&str>, insecure: bool) -> Result<Lookup, &'static str> {
    if has_scheme(url, &["oci"]) {
        if url.contains(['?', '#']) {
            return Err(WITH_QUERY);
        }
        let leading_v = version.and_then(Version::strict).is_some_and(|version| version.has_leading_v());
        let rules = TagRules { leading_v, by_version: true, underscore_is_plus: true };
        return Ok(Lookup::oci(&format!("{url}/{}", chart.trim_matches('/')), rules, insecure));
    }
    let http = has_scheme(url, &["https", "http"]);
    http.then(|| Lookup::index(url, chart)).ok_or("that is neither http(s):// nor oci://")
}

/// Whether a URL has one of the schemes, in whatever case.
fn has_scheme(url: &str, schemes: &[&str]) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}

/// The question for an OCIRepository.
pub(super) fn ask_oci(facts: &Object, place: &str) -> Result<Lookup, Problem> {
    let url = facts.text("spec.url").map(|url| url.trim().trim_end_matches('/'));
    let Some(url) = url.filter(|url| url.starts_with("oci://")) else {
        return Err(Problem::new(Reason::InvalidSource, format!("{place} has no URL that starts with oci://")));
    };
    if url.contains(['?', '#']) {
        return Err(Problem::new(Reason::InvalidSource, format!("{place} has a URL {WITH_QUERY}")));
    }
    let rules = TagRules { leading_v: true, by_version: false, underscore_is_plus: is_helm_layer(facts) };
    Ok(Lookup::oci(url, rules, facts.is_true("spec.insecure")))
}

/// The question for a GitRepository.
pub(super) fn ask_git(facts: &Object, place: &str) -> Result<Lookup, Problem> {
    match facts.text("spec.url") {
        Some(url) => Ok(Lookup::git_tags(url)),
        None => Err(Problem::new(Reason::InvalidSource, format!("{place} has no spec.url"))),
    }
}

/// Whether an OCIRepository says that its layer is a Helm chart.
pub(super) fn is_helm_layer(facts: &Object) -> bool {
    facts.kind == Kind::OciRepository && facts.text("spec.layerSelector.mediaType") == Some(HELM_LAYER)
}

/// The first `${VAR}` of a text, without its default (Flux rule 12).
pub(super) fn variable(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("${")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::ask_url;
    use crate::model::Lookup;

    #[test]
    fn flux_rule_04_only_a_pin_with_a_leading_v_sees_tags_with_one() {
        let sees =
            |version: Option<&str>| match ask_url("oci://quay.io/jetstack/charts", "cert-manager", version, false) {
                Ok(Lookup::Oci { url, rules, .. }) => {
                    assert_eq!(url, "oci://quay.io/jetstack/charts/cert-manager");
                    assert!(rules.by_version && rules.underscore_is_plus);
                    rules.leading_v
                }
                other => panic!("{other:?}"),
            };
        assert!(sees(Some("v1.18.2")));
        assert!(![None, Some("1.18.2"), Some("v1.18"), Some(">=v1.18.0"), Some("*")].into_iter().any(sees));
    }
}

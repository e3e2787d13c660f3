//! What somebody whose doing is not followed may change of an object: every aspect that matters to a release.

use crate::inventory::Kind;

/// What of an object somebody else has a say in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aspect {
    /// Which version.
    Version,
    /// Which chart, from where.
    Source,
    /// Namespace or name.
    Identity,
    /// What a Flux Kustomization builds.
    Build,
}

impl Aspect {
    /// As a message names it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Version => "the version",
            Self::Source => "the chart's source",
            Self::Identity => "the name or the namespace",
            Self::Build => "what the Kustomization builds",
        }
    }
}

/// Everything that matters about an object of a kind.
pub(super) fn all(kind: Kind) -> &'static [Aspect] {
    match kind {
        Kind::FluxKustomization => &[Aspect::Build],
        Kind::Secret => &[],
        // What it holds may be a variable's value, and so a version.
        Kind::ConfigMap => &[Aspect::Version],
        _ => &[Aspect::Version, Aspect::Source],
    }
}

/// What the field at a path of kustomize's own form (`spec/ref/tag`, `spec.ref.tag`) means for an object.
pub(super) fn at(kind: Kind, path: &str) -> Option<Aspect> {
    let keys: Vec<&str> = path.split(['/', '.']).filter(|key| !key.is_empty()).collect();
    match (kind, keys.as_slice()) {
        (_, ["metadata", "name" | "namespace", ..] | ["metadata"]) => Some(Aspect::Identity),
        (Kind::ConfigMap, [] | ["data", ..]) => Some(Aspect::Version),
        (Kind::ConfigMap, _)
        | (Kind::FluxKustomization, ["spec", "interval" | "timeout" | "retryInterval" | "prune" | "wait", ..]) => None,
        (Kind::FluxKustomization, ["spec", ..]) => Some(Aspect::Build),
        (
            _,
            []
            | ["spec"]
            | ["spec", "ref" | "version", ..]
            | ["spec", "chart"]
            | ["spec", "chart", "spec"]
            | ["spec", "chart", "spec", "version", ..],
        ) => Some(Aspect::Version),
        (_, ["spec", "chart" | "chartRef" | "url" | "sourceRef" | "type" | "layerSelector" | "suspend", ..]) => {
            Some(Aspect::Source)
        }
        _ => None,
    }
}

/// The one key of `data` that a path writes to; nothing where it may be any.
pub(super) fn data_key(path: &str) -> Option<&str> {
    let key = path.strip_prefix("data.").or_else(|| path.strip_prefix("data/"))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (!key.is_empty() && key.bytes().all(plain)).then_some(key)
}

//! What the manifest of a tag says, and what each kind of Flux source takes of it: Helm's own client (a HelmRepository of
//! type `oci`) asks for both of Helm's media types, an OCIRepository for its layer alone. Pure; `manifest.rs` asks.

use crate::model::{Candidate, Inside, Problem, Reason, TagRules, Version};

pub(super) const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const HELM_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// As Helm wrote it before 3.7, and still takes.
const OLD_LAYER: &str = "application/tar+gzip";
/// Configs of container images: their layers are file systems, and are not fetched to find that out.
const IMAGES: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// What one manifest says; good for ever under its digest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(in crate::world::registry) struct Detail {
    /// Of what the tag names: the manifest, or the image index that leads to it.
    pub(super) digest: String,
    pub(super) created: Option<jiff::Timestamp>,
    pub(super) config: Config,
    /// In their order.
    pub(super) layers: Vec<Layer>,
    /// The tag names an image index with several manifests.
    pub(super) one_of_several: bool,
}

/// One layer of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::world::registry) struct Layer {
    pub(super) media_type: String,
    /// With its `sha256:`.
    pub(super) digest: String,
    /// Bytes, as the manifest says.
    pub(super) size: Option<u64>,
}

/// The config of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Config {
    /// Of Helm's type, with what it says.
    Helm(Said),
    /// Of Helm's type, and no JSON of a chart.
    Unreadable,
    /// Of Helm's type, and the registry does not have it.
    Missing,
    /// Of this other type; empty where there is none.
    Other(String),
}

/// What Helm's config says of the chart. The archive has the last word.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Said {
    pub(super) version: Option<String>,
    pub(super) app_version: Option<String>,
    pub(super) deprecated: bool,
}

impl Detail {
    /// The layer that a source of these rules takes for the chart.
    ///
    /// # Errors
    /// It takes none, and why.
    pub(in crate::world::registry) fn layer(&self, rules: &TagRules) -> Result<&Layer, String> {
        let of_type = |wanted: &str| self.layers.iter().find(|layer| layer.media_type == wanted);
        let helm = of_type(HELM_LAYER);
        if !rules.by_version {
            // Without Helm's type in `layerSelector` the first layer is taken, whatever it is.
            let any = !rules.underscore_is_plus && !self.is_image();
            return helm.or_else(|| self.layers.first().filter(|_| any)).ok_or_else(|| self.no_layer());
        }
        match &self.config {
            _ if self.one_of_several => {
                Err("an image index of several manifests: which of them Helm takes is left to chance".to_owned())
            }
            Config::Missing => Err("the manifest names a config that the registry does not have".to_owned()),
            Config::Unreadable => Err("its config is not a chart's in JSON".to_owned()),
            Config::Other(kind) => {
                Err(format!("no Helm chart: its config is of type {kind:?}; Flux asks for {HELM_CONFIG}"))
            }
            Config::Helm(_) => helm.or_else(|| of_type(OLD_LAYER)).ok_or_else(|| self.no_layer()),
        }
    }

    fn is_image(&self) -> bool {
        matches!(&self.config, Config::Other(kind) if IMAGES.contains(&kind.as_str()))
    }

    fn no_layer(&self) -> String {
        let config = match &self.config {
            Config::Other(kind) => format!(", and its config is of type {kind:?}"),
            Config::Helm(_) | Config::Unreadable | Config::Missing => String::new(),
        };
        format!("no Helm chart: none of its layers is of type {HELM_LAYER}{config}")
    }

    /// The candidate with what the manifest says.
    ///
    /// # Errors
    /// [`Reason::ChartInvalid`]: a source of these rules takes no chart from it.
    pub(in crate::world::registry) fn apply(
        &self,
        text: &str,
        url: &str,
        rules: &TagRules,
    ) -> Result<Candidate, Problem> {
        let Some(version) = Version::strict(&text.replacen('_', "+", 1)) else {
            return Err(Problem::new(Reason::VersionNotSemver, format!("{url}: the tag {text:?} is not a version")));
        };
        self.layer(rules).map_err(|why| Problem::new(Reason::ChartInvalid, format!("{url}:{text}: {why}")))?;
        // Flux reads the archive: a config of another version says nothing of it.
        let own =
            |said: &&Said| said.version.as_deref().is_none_or(|own| Version::loose(own).as_ref() == Some(&version));
        let said = match &self.config {
            Config::Helm(said) => Some(said).filter(own),
            Config::Unreadable | Config::Missing | Config::Other(_) => None,
        };
        Ok(Candidate {
            text: text.to_owned(),
            created: self.created,
            deprecated: said.is_some_and(|said| said.deprecated),
            app_version: said.and_then(|said| said.app_version.clone()),
            digest: Some(self.digest.clone()),
            detailed: true,
            inside: Inside::Unopened,
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Detail, HELM_CONFIG, HELM_LAYER, IMAGES, Layer, OLD_LAYER, Said};
    use crate::model::TagRules;

    const REPOSITORY: TagRules = TagRules { leading_v: false, by_version: true, underscore_is_plus: true };
    const SELECTED: TagRules = TagRules { leading_v: true, by_version: false, underscore_is_plus: true };
    const PLAIN: TagRules = TagRules { leading_v: true, by_version: false, underscore_is_plus: false };

    fn detail(config: Config, layers: &[&str]) -> Detail {
        let layer = |kind: &&str| Layer { media_type: (*kind).to_owned(), digest: (*kind).to_owned(), size: None };
        let layers = layers.iter().map(layer).collect();
        Detail { digest: "sha256:0".to_owned(), created: None, config, layers, one_of_several: false }
    }

    fn taken(detail: &Detail) -> [Option<&str>; 3] {
        [REPOSITORY, SELECTED, PLAIN].map(|rules| detail.layer(&rules).ok().map(|layer| layer.digest.as_str()))
    }

    #[test]
    fn flux_rule_09_each_kind_of_source_takes_the_layer_that_flux_takes() {
        let helm = || Config::Helm(Said::default());
        let other = |kind: &str| Config::Other(kind.to_owned());
        let (chart, odd) = (Some(HELM_LAYER), "application/vnd.cncf.flux.content.v1.tar+gzip");
        for (config, layers, expected) in [
            (helm(), vec![HELM_LAYER], [chart; 3]),
            (helm(), vec!["prov", HELM_LAYER], [chart; 3]),
            (helm(), vec![odd], [None, None, Some(odd)]),
            (helm(), vec![OLD_LAYER], [Some(OLD_LAYER), None, Some(OLD_LAYER)]),
            (helm(), vec![], [None; 3]),
            (Config::Missing, vec![HELM_LAYER], [None, chart, chart]),
            (Config::Unreadable, vec![HELM_LAYER], [None, chart, chart]),
            (other("application/vnd.oci.empty.v1+json"), vec![HELM_LAYER], [None, chart, chart]),
            (other("application/vnd.cncf.flux.config.v1+json"), vec![odd], [None, None, Some(odd)]),
            (other(IMAGES[0]), vec![HELM_LAYER], [None, chart, chart]),
            (other(IMAGES[0]), vec![odd], [None; 3]),
        ] {
            assert_eq!(taken(&detail(config.clone(), &layers)), expected, "{config:?} {layers:?}");
        }
        let several = Detail { one_of_several: true, ..detail(helm(), &[HELM_LAYER]) };
        assert_eq!(taken(&several), [None, chart, chart]);
    }

    #[test]
    fn a_version_that_no_chart_is_taken_from_is_refused_with_what_it_is() {
        let image = detail(Config::Other("text/odd".to_owned()), &[HELM_LAYER]);
        let problem = image.apply("2.0.0", "oci://r.example.com/web", &REPOSITORY).unwrap_err();
        assert_eq!(problem.reason, crate::model::Reason::ChartInvalid);
        let says = format!(
            "oci://r.example.com/web:2.0.0: no Helm chart: its config is of type \"text/odd\"; Flux asks for {HELM_CONFIG}"
        );
        assert_eq!(problem.message, says);
        assert!(image.apply("2.0.0", "oci://r.example.com/web", &SELECTED).is_ok());
    }

    #[test]
    fn a_config_of_another_version_says_nothing_of_the_chart() {
        for (own, heard) in [(Some("2.0.0"), true), (None, true), (Some("9.9.9"), false)] {
            let said = Said { version: own.map(str::to_owned), app_version: Some("7".to_owned()), deprecated: true };
            let candidate = detail(Config::Helm(said), &[HELM_LAYER]).apply("2.0.0", "oci://x/y", &REPOSITORY).unwrap();
            assert_eq!((candidate.app_version.is_some(), candidate.deprecated), (heard, heard), "{own:?}");
        }
    }
}

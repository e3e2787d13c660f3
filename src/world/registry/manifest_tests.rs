//! The forms in which a registry holds a version of a chart, as each kind of Flux source reads them.

use super::cache::digest;
use super::test_hosts::{registry, serve_requests, status};
use crate::demo::chart::{Chart, chart};
use crate::model::{Lookup, Reason, TagRules};
use axum::body::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// Manifests by tag and digest, and blobs by digest.
#[derive(Clone, Default)]
struct Stock(BTreeMap<String, Vec<u8>>);

impl Stock {
    /// Keeps bytes under their digest, and gives it.
    fn put(&mut self, bytes: impl Into<Vec<u8>>) -> String {
        let bytes = bytes.into();
        let name = format!("sha256:{}", digest(&bytes));
        self.0.insert(name.clone(), bytes);
        name
    }

    fn tag(&mut self, tag: &str, manifest: &Value) {
        self.0.insert(tag.to_owned(), manifest.to_string().into_bytes());
    }

    /// Its host and port. Every path ends in what is asked for.
    async fn serve(self) -> String {
        serve_requests(move |request| {
            let name = request.uri().path().rsplit('/').next().unwrap_or_default();
            match self.0.get(name) {
                Some(bytes) => status(200).body(Body::from(bytes.clone())).unwrap(),
                None => status(404).body(Body::empty()).unwrap(),
            }
        })
        .await
    }
}

fn web() -> Chart {
    chart("web", "2.0.0").app("9")
}

/// A chart's manifest, as Helm writes it.
fn manifest(stock: &mut Stock) -> Value {
    let (config, archive) = (web().metadata().to_string(), web().archive());
    let size = archive.len();
    let config = json!({"mediaType": CONFIG, "size": config.len(), "digest": stock.put(config)});
    json!({"schemaVersion": 2, "config": config, "layers": [{"mediaType": LAYER, "size": size, "digest": stock.put(archive)}]})
}

/// The chart as an OCIRepository with a `layerSelector` and as a HelmRepository ask for it.
fn both(host: &str) -> [Lookup; 2] {
    [false, true].map(|by_version| {
        let rules = TagRules { leading_v: !by_version, by_version, underscore_is_plus: true };
        Lookup::oci(&format!("oci://{host}/charts/web"), rules, true)
    })
}

/// What both kinds of source are told: the version that the archive says, or the refusal.
async fn told(stock: Stock) -> [Result<String, String>; 2] {
    let lookups = both(&stock.serve().await);
    let (_cache, registry) = registry(|_| {});
    let mut said = Vec::new();
    for lookup in lookups {
        said.push(match registry.detail(&lookup, "2.0.0").await {
            Ok(detail) => registry.open(&lookup, "2.0.0").await.map(|contents| {
                assert_eq!(detail.text, "2.0.0");
                contents.version.clone()
            }),
            Err(problem) => Err(problem),
        });
    }
    let told = |said: Result<String, crate::model::Problem>| {
        said.map_err(|problem| {
            assert_eq!(problem.reason, Reason::ChartInvalid, "{problem}");
            problem.message
        })
    };
    said.into_iter().map(told).collect::<Vec<_>>().try_into().unwrap()
}

#[tokio::test]
async fn an_image_index_leads_to_the_manifest_that_flux_takes() {
    for platform in [None, Some("amd64"), Some("arm64")] {
        let mut stock = Stock::default();
        let inner = manifest(&mut stock).to_string();
        let mut child = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": inner.len()});
        child["digest"] = stock.put(inner).into();
        if let Some(architecture) = platform {
            child["platform"] = json!({"os": "linux", "architecture": architecture});
        }
        let index = json!({"schemaVersion": 2, "manifests": [child]});
        stock.tag("2.0.0", &index);
        let host = stock.clone().serve().await;
        let (_cache, registry) = registry(|_| {});
        if platform == Some("arm64") {
            assert!(told(stock).await.iter().all(|said| said.as_ref().unwrap_err().contains("linux/amd64")));
            continue;
        }
        let detail = registry.detail(&both(&host)[0], "2.0.0").await.unwrap();
        let named = format!("sha256:{}", digest(index.to_string().as_bytes()));
        assert_eq!((detail.digest, detail.app_version.as_deref()), (Some(named), Some("9")), "what the tag names");
        assert_eq!(told(stock).await, [Ok("2.0.0".to_owned()), Ok("2.0.0".to_owned())]);
    }
}

#[tokio::test]
async fn a_config_that_is_gone_is_nothing_to_an_ocirepository_and_a_fault_of_the_version_to_helm() {
    let mut stock = Stock::default();
    let manifest = manifest(&mut stock);
    stock.tag("2.0.0", &manifest);
    stock.0.remove(manifest["config"]["digest"].as_str().unwrap());
    let [oci, helm] = told(stock).await;
    assert_eq!(oci, Ok("2.0.0".to_owned()));
    assert!(helm.as_ref().unwrap_err().contains("a config that the registry does not have"), "{helm:?}");
}

#[tokio::test]
async fn what_helm_pulls_by_its_media_types_alone_is_no_less_a_chart_to_an_ocirepository() {
    let mut stock = Stock::default();
    let mut manifest = manifest(&mut stock);
    manifest["config"]["mediaType"] = "application/vnd.oci.empty.v1+json".into();
    stock.tag("2.0.0", &manifest);
    let [oci, helm] = told(stock).await;
    assert_eq!(oci, Ok("2.0.0".to_owned()));
    assert!(helm.as_ref().unwrap_err().contains("no Helm chart: its config is of type"), "{helm:?}");
}

#[tokio::test]
async fn a_layer_of_another_size_than_its_manifest_says_is_refused_as_flux_does() {
    let mut stock = Stock::default();
    let mut manifest = manifest(&mut stock);
    manifest["layers"][0]["size"] = 1.into();
    stock.tag("2.0.0", &manifest);
    for said in told(stock).await {
        assert!(said.as_ref().unwrap_err().contains("says that this layer has 1 bytes"), "{said:?}");
    }
}

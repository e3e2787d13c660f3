//! Mirrors stand in for the real places, and messages name the places that stand in Git.

use super::test_hosts::{registry, serve, status};
use crate::config::Mirror;
use crate::model::{Lookup, Reason, TagRules};
use axum::body::Body;
use axum::http::{HeaderMap, Response};
use std::sync::{Arc, Mutex};

fn answer(path: &str) -> Response<Body> {
    let body = match path {
        "/index/charts.example.com/stable/index.yaml" => {
            "{apiVersion: v1, entries: {app: [{name: app, version: 1.0.0}]}}"
        }
        "/v2/" => "{}",
        "/v2/ghcr/org/app/tags/list" => "{\"tags\": [\"2.0.0\"]}",
        _ => return status(404).body(Body::empty()).unwrap(),
    };
    status(200).body(Body::from(body)).unwrap()
}

fn ghcr(name: &str) -> Lookup {
    Lookup::oci(
        &format!("oci://ghcr.io/{name}"),
        TagRules { leading_v: true, by_version: false, underscore_is_plus: true },
        false,
    )
}

#[tokio::test]
async fn index_and_oci_are_asked_at_the_longest_mirror_and_problems_name_the_original() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let host = serve(move |path: &str, _: &HeaderMap| {
        log.lock().unwrap().push(path.to_owned());
        answer(path)
    })
    .await;
    let (_cache, registry) = registry(|options| {
        let mirror = |from: &str, to: String| Mirror { from: from.to_owned(), to, insecure: true };
        options.registries.mirrors.0 = vec![
            mirror("https://", format!("http://{host}/index/")),
            mirror("oci://", "oci://nowhere.example/".to_owned()),
            mirror("oci://ghcr.io/", format!("oci://{host}/ghcr/")),
        ];
    });
    let app = Lookup::index("https://charts.example.com/stable", "app");
    assert_eq!(registry.candidates(&app).await.unwrap().versions[0].text, "1.0.0");
    assert_eq!(registry.candidates(&ghcr("org/app")).await.unwrap().versions[0].text, "2.0.0");
    let paths = seen.lock().unwrap().clone();
    assert!(paths.contains(&"/v2/ghcr/org/app/tags/list".to_owned()), "{paths:?}");

    let gone = Lookup::index("https://charts.example.com/gone", "app");
    for (lookup, reason, original) in [
        (gone, Reason::SourceNotFound, "https://charts.example.com/gone"),
        (ghcr("org/gone"), Reason::SourceNotFound, "oci://ghcr.io/org/gone"),
        (
            Lookup::index("https://charts.example.com/stable", "other"),
            Reason::ChartMissing,
            "https://charts.example.com/stable",
        ),
    ] {
        let problem = registry.candidates(&lookup).await.unwrap_err();
        assert_eq!(problem.reason, reason, "{problem}");
        assert!(problem.message.starts_with(original), "{problem}");
    }
}

//! Memory while a 200 MB index is read. A binary of its own: the peak of a process has no other tests in it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use axum::body::{Body, Bytes};
use davit::config::Config;
use davit::model::Lookup;
use davit::world::registry::{Options, Registry};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

const CHARTS: usize = 400;
const VERSIONS: usize = 1000;

/// One chart's block in Helm's layout, about 500 KB.
fn block(chart: usize) -> String {
    let mut text = format!("  chart-{chart:04}:\n");
    for version in 0..VERSIONS {
        writeln!(
            text,
            "  - apiVersion: v2\n    appVersion: 1.2.3\n    created: \"2026-01-02T03:04:05.678901234Z\"\n    description: >-\n      \
             A chart: {{{{ of }}}} many words, as \"charts\" are, which goes on for a while so that the index becomes\n      \
             as large as those of the largest repositories are\n    digest: \
             0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n    home: https://charts.example.com\n    \
             name: chart-{chart:04}\n    type: application\n    urls:\n    - \
             https://charts.example.com/chart-{chart:04}-{version}.0.{chart}.tgz\n    version: {version}.0.{chart}"
        )
        .unwrap();
    }
    text
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

async fn serve() -> String {
    let app = axum::Router::new().fallback(|| async {
        let head = futures_util::stream::iter(["apiVersion: v1\nentries:\n".to_owned()]);
        let all = futures_util::StreamExt::chain(head, futures_util::stream::iter((0..CHARTS).map(block)));
        Body::from_stream(futures_util::StreamExt::map(all, |text| Ok::<_, std::io::Error>(Bytes::from(text))))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn an_index_of_200_mb_is_read_in_memory_that_does_not_grow_with_it() {
    let bytes = block(7).len() * CHARTS;
    assert!(bytes > 200_000_000, "{bytes}");
    let cache = tempfile::tempdir().unwrap();
    let mut registries = Config::default().registries;
    registries.timeout = Duration::from_mins(5);
    let clock = Arc::new(jiff::Timestamp::now);
    let registry = Registry::new(Options::new(registries, cache.path().to_owned(), clock, &|_| None));
    let url = serve().await;
    let before = peak_kib();
    let found = registry.candidates(&Lookup::index(&url, "chart-0371")).await.unwrap();
    let grown = peak_kib() - before;
    assert_eq!((found.versions.len(), found.ignored), (VERSIONS, 0));
    assert!(found.versions.iter().any(|one| one.text == "999.0.371"));
    assert!(grown < 48 << 10, "{grown} KiB more at the peak");
}

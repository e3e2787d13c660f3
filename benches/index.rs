//! Reading one chart out of a chart index, against a YAML parser that builds the whole of it. Prints the ratio, which
//! is the figure; the goal is 10. `DAVIT_CORPORA` adds the real index of the corpora.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench says what it measured")]

use criterion::{Criterion, criterion_group, criterion_main};
use davit::world::registry::read_index;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// About 20 MB in Helm's layout: 100 charts of 360 versions.
fn generated() -> String {
    let mut text = "apiVersion: v1\nentries:\n".to_owned();
    for chart in 0..100 {
        writeln!(text, "  chart-{chart:03}:").unwrap();
        for version in 0..360 {
            writeln!(
                text,
                "  - apiVersion: v2\n    appVersion: 1.2.3\n    created: \"2026-01-02T03:04:05.678901234Z\"\n    dependencies:\n    - \
                 name: common\n      repository: https://charts.example.com\n      version: 2.x.x\n    description: A chart of \
                 the bench, with words as real ones have them\n    digest: \
                 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n    home: https://charts.example.com\n    \
                 maintainers:\n    - email: somebody@example.com\n      name: somebody\n    name: chart-{chart:03}\n    urls:\n    - \
                 https://charts.example.com/chart-{chart:03}-{version}.0.{chart}.tgz\n    version: {version}.0.{chart}"
            )
            .unwrap();
        }
    }
    text.push_str("generated: \"2026-01-02T03:04:05.678901234Z\"\n");
    text
}

/// The middle of three.
fn median(mut run: impl FnMut()) -> Duration {
    let mut times = [(); 3].map(|()| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    times.sort();
    times[1]
}

fn compare(criterion: &mut Criterion, name: &str, text: &str, chart: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let wanted = [chart.to_owned()];
    let ours = |path: &Path| read_index(path, &wanted).unwrap();
    // As many versions as the parser finds, or the figure means nothing.
    let parse = || serde_yaml::from_str::<serde_yaml::Value>(&std::fs::read_to_string(file.path()).unwrap()).unwrap();
    let versions = parse()["entries"][chart].as_sequence().unwrap().len();
    let found = &ours(file.path())[chart];
    assert_eq!(found.versions.len() + found.ignored, versions, "{name}");

    let theirs = median(|| drop(std::hint::black_box(parse())));
    let own = median(|| drop(std::hint::black_box(ours(file.path()))));
    let megabytes = text.len() >> 20;
    let ratio = theirs.as_secs_f64() / own.as_secs_f64();
    println!(
        "{name} ({megabytes} MiB, {versions} versions of {chart}): serde_yaml {theirs:.1?}, davit {own:.1?}: {ratio:.1} times faster"
    );
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).bench_function("davit", |bench| bench.iter(|| ours(file.path())));
    group.finish();
}

fn index(criterion: &mut Criterion) {
    compare(criterion, "generated index", &generated(), "chart-050");
    if let Some(corpora) = std::env::var_os("DAVIT_CORPORA") {
        let packed = std::fs::File::open(Path::new(&corpora).join("grafana.index.yaml.gz")).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
        compare(criterion, "grafana index", &text, "grafana");
    }
}

criterion_group!(benches, index);
criterion_main!(benches);

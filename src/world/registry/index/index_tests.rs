use super::{Extract, Sought, Wanted, events, json, places, read, slice};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;

fn spooled(text: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    file
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn texts(found: &BTreeMap<String, Extract>, chart: &str) -> Vec<String> {
    found[chart].candidates.as_ref().unwrap().versions.iter().map(|c| c.text.clone()).collect()
}

fn by_lines(text: &str, wanted: &[&str]) -> Option<BTreeMap<String, Extract>> {
    let file = spooled(text.as_bytes());
    slice::read(&File::open(file.path()).unwrap(), Wanted::new(&names(wanted), &Sought::new())).unwrap()
}

fn by_events(text: &str, wanted: &[&str]) -> BTreeMap<String, Extract> {
    events::read_index(text.as_bytes(), Wanted::new(&names(wanted), &Sought::new())).unwrap()
}

const HELM: &str = r#"apiVersion: v1
entries:
  app:
  - name: app
    annotations:
      artifacthub.io/changes: |
        - kind: added
          description: "an open quote
      artifacthub.io/links: |-
        - name: x
    apiVersion: v2
    appVersion: "1.0"
    created: "2026-08-06T23:01:31.821658025Z"
    deprecated: true
    description: 'it''s a long description that
      goes on: here'
    keywords:
    - one
    - 'two'
    urls: []
    version: 1.2.3
  - name: app
    created: 2020-01-01T00:00:00+02:00
    description: A plain one that is
      folded "here
    version: v1.3.0
  - name: app
    version: 1.4
  other:
  - name: other
    description: "said \"  app:\" and went
      on \
      until here"
    version: 0.1.0
  empty: []
generated: "2026-08-20T18:40:20.178597344Z"
"#;

#[test]
fn helms_own_layout_is_read_by_lines_and_gives_what_the_events_give() {
    let wanted = ["app", "other", "empty", "missing"];
    let found = by_lines(HELM, &wanted).expect("Helm's layout");
    assert_eq!(found, by_events(HELM, &wanted));
    assert_eq!(texts(&found, "app"), ["1.2.3", "v1.3.0"]);
    assert_eq!(texts(&found, "other"), ["0.1.0"]);
    let app = found["app"].candidates.as_ref().unwrap();
    assert_eq!(app.ignored, 1);
    let first = &app.versions[0];
    assert_eq!(first.app_version.as_deref(), Some("1.0"));
    assert!(first.deprecated && first.detailed);
    assert_eq!(first.created.unwrap().to_string(), "2026-08-06T23:01:31.821658025Z");
    assert_eq!(app.versions[1].created.unwrap().to_string(), "2019-12-31T22:00:00Z");
    assert!(found["empty"].candidates.as_ref().unwrap().versions.is_empty());
    assert_eq!(found["missing"].candidates, None);
}

#[test]
fn of_two_entries_of_one_version_the_first_counts_for_every_reader() {
    let text = "apiVersion: v1\nentries:\n  app:\n  - name: app\n    version: 2.0.0\n    created: \"2025-01-01T00:00:00Z\"\n  - name: app\n    version: 2.0.0\n    \
                created: \"2025-02-01T00:00:00Z\"\n  - name: app\n    version: 1.0.0\n  - name: app\n    version: 2.0.0\n";
    let by_json = serde_json::to_string(&serde_yaml::from_str::<serde_json::Value>(text).unwrap()).unwrap();
    let by_json = json::read(by_json.as_bytes(), Wanted::new(&names(&["app"]), &Sought::new())).unwrap();
    for found in [by_lines(text, &["app"]).expect("Helm's layout"), by_events(text, &["app"]), by_json] {
        assert_eq!(texts(&found, "app"), ["2.0.0", "1.0.0"]);
        let app = found["app"].candidates.as_ref().unwrap();
        assert_eq!(app.versions[0].created.unwrap().to_string(), "2025-01-01T00:00:00Z");
        assert_eq!(app.ignored, 2);
    }
}

/// Whether the lines alone told a chart's entries, or its block was left to the events.
fn told_by_lines(text: &str, chart: &str) -> bool {
    let file = spooled(text.as_bytes());
    let blocks =
        slice::find_blocks(&File::open(file.path()).unwrap(), &mut Wanted::new(&names(&[chart]), &Sought::new()));
    blocks.unwrap().expect("Helm's layout").iter().all(|block| block.entries.is_some())
}

#[test]
fn the_lines_tell_what_helm_writes_and_leave_the_rest_to_the_events() {
    for chart in ["app", "other", "empty"] {
        assert!(told_by_lines(HELM, chart), "{chart}");
    }
    for odd in [
        "  - name: app\n    version: |-\n      1.2.3\n",
        "  - name: app\n    version:\n      \"1.2.3\"\n",
        "  - name: app\n    version: \"1.2\\x2e3\"\n",
        "  - name: app\n    version: 1.2.3 # the newest\n",
        "  - name: app\n    urls:\n    - name: x\n    version: 1.2.3\n",
        "    - name: app\n      version: 1.2.3\n",
        "  -\n    name: app\n    version: 1.2.3\n",
    ] {
        let text = format!("apiVersion: v1\nentries:\n  app:\n{odd}");
        assert!(!told_by_lines(&text, "app"), "{odd}");
        let found = by_lines(&text, &["app"]).expect("Helm's layout");
        assert_eq!(texts(&found, "app"), ["1.2.3"], "{odd}");
    }
}

#[test]
fn other_layouts_are_left_to_the_events() {
    for text in [
        "apiVersion: v1\nentries:\n  app:\n  - &a\n    name: app\n    version: 1.2.3\n",
        "apiVersion: v1\nentries: {app: [{name: app, version: 1.2.3}]}\n",
        "apiVersion: v1\nentries:\n  \"app\":\n  - name: app\n    version: 1.2.3\n",
        "apiVersion: v1\nentries:\r\n  app:\r\n  - name: app\n    version: 1.2.3\r\n",
        "apiVersion: v1\nentries:\n    app:\n    - name: app\n      version: 1.2.3\n",
        "apiVersion: v1\nentries:\n  app:\n  - name: app\n    version: 1.2.3\n    x:\n      - [\n  other:\n    ]\n",
        "apiVersion: v1\nentries:\n  app:\n  - {name: app, version: 1.2.3}\n",
        "apiVersion: v1\nentries:\n  app:\n  - name: app\n    ? version\n    : 1.2.3\n",
        "apiVersion: v1\nentries:\n  app:\n  - !!map\n    name: app\n    version: 1.2.3\n",
    ] {
        assert_eq!(by_lines(text, &["app"]), None, "{text}");
        let file = spooled(text.as_bytes());
        assert_eq!(texts(&read(file.path(), &names(&["app"])).unwrap(), "app"), ["1.2.3"], "{text}");
    }
}

#[test]
fn a_quoted_scalar_that_hangs_over_the_margin_is_not_taken_for_a_chart() {
    assert_eq!(
        by_lines(
            "apiVersion: v1\nentries:\n  app:\n  - name: app\n    version: 1.2.3\n    x: \"open\n  other:\n     \"\n",
            &["other"]
        ),
        None
    );
}

#[test]
fn json_is_read_as_a_stream_and_flow_yaml_still_as_yaml() {
    let text = r#"{"apiVersion":"v1","entries":{"app":[{"name":"app","version":"1.2.3","deprecated":true,"appVersion":7},null,{"name":"app","version":"x"}],"b":null}}"#;
    let found = json::read(text.as_bytes(), Wanted::new(&names(&["app"]), &Sought::new())).unwrap();
    assert_eq!(found, by_events(text, &["app"]));
    assert_eq!(texts(&found, "app"), ["1.2.3"]);
    assert_eq!(found["app"].candidates.as_ref().unwrap().ignored, 2);
    let file = spooled(b"{apiVersion: v1, entries: {app: [{name: app, version: 1.2.3}]}}");
    assert_eq!(texts(&read(file.path(), &names(&["app"])).unwrap(), "app"), ["1.2.3"]);
}

#[test]
fn aliases_of_scalars_count_and_a_byte_order_mark_does_not() {
    let text = "\u{feff}apiVersion: v1\nx: &v 1.2.3\nentries:\n  app:\n  - name: app\n    version: *v\n    deprecated: \"true\"\n";
    let file = spooled(text.as_bytes());
    assert_eq!(texts(&read(file.path(), &names(&["app"])).unwrap(), "app"), ["1.2.3"]);
}

#[test]
fn what_is_no_index_says_so() {
    for (text, why) in [
        ("<!DOCTYPE html><html>", "web page"),
        ("\n\n  <html>", "web page"),
        ("", "empty"),
        ("just text", "not a mapping"),
        ("apiVersion: v1\n", "no entries"),
        ("entries:\n- a\n", "not a mapping"),
        ("entries:\n  app: text\n", "not a list"),
        ("entries:\n  app:\n  - text\n", "not a mapping"),
        ("{\"entries\": [}", "not a"),
        ("entries:\n  app:\n  - version: \"1.2", "not a chart index"),
    ] {
        let file = spooled(text.as_bytes());
        let error = read(file.path(), &names(&["app"])).unwrap_err().to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }
    let file = spooled(b"entries:\n  app:\n  - version: \xff\xfe\n");
    assert!(read(file.path(), &names(&["app"])).unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn what_flux_refuses_or_skips_of_an_index_is_refused_or_skipped_by_every_reader() {
    let good = "apiVersion: v1\nentries:\n  app:\n  - name: app\n    version: 1.0.0\n  - name: app\n    type: library\n    \
                created: \"2026-01-01T00:00:00Z\"\n    version: 2.0.0\n";
    let forms = |text: &str| {
        let json = serde_json::to_string(&serde_yaml::from_str::<serde_json::Value>(text).unwrap()).unwrap();
        [text.to_owned(), text.replace("- name: app", "- name: !!str app"), json]
    };
    let read = |text: &str| {
        let found = read(spooled(text.as_bytes()).path(), &names(&["app"]));
        found.map(|found| texts(&found, "app")).map_err(|error| error.to_string())
    };
    assert!(told_by_lines(good, "app"));
    for text in forms(good) {
        assert_eq!(read(&text).unwrap(), ["1.0.0", "2.0.0"], "{text}");
    }
    let second = "  - name: app\n    type: library";
    for skipped in ["  - type: library", "  - name: \"\"\n    type: library", "  - name: app\n    type: foo"] {
        for text in forms(&good.replace(second, skipped)) {
            assert_eq!(read(&text).unwrap(), ["1.0.0"], "{text}");
        }
    }
    for (from, to, says) in [
        ("apiVersion: v1\n", "", "no API version specified"),
        ("apiVersion: v1\n", "apiVersion: \"\"\n", "no API version specified"),
        ("\"2026-01-01T00:00:00Z\"", "yesterday", "created of a version is \"yesterday\""),
        ("version: 2.0.0", "version: {a: 1}", "version"),
        ("type: library", "urls: web.tgz", "urls"),
    ] {
        assert!(good.contains(from), "{from}");
        for text in forms(&good.replacen(from, to, 1)) {
            let refused = read(&text).unwrap_err();
            assert!(refused.contains(says), "{text}: {refused}");
        }
    }
    for (text, says) in [
        (format!("{good}  app:\n  - name: app\n    version: 3.0.0\n"), "key \"app\" already set in map"),
        (format!("{good}  other: []\n  other: []\n"), "key \"other\" already set in map"),
        (good.replace("  app:", "  other: &o\n  - {name: x}\n  app: *o\n  more:"), "behind a YAML alias"),
        (format!("{good}  - <<: {{name: app}}\n    version: 3.0.0\n"), "a merge key"),
    ] {
        let refused = read(&text).unwrap_err();
        assert!(refused.contains(says), "{text}: {refused}");
    }
}

#[test]
fn one_endless_value_is_refused_before_it_fills_the_memory() {
    let text =
        format!("apiVersion: v1\nentries:\n  app:\n  - name: app\n    version: &a \"{}\"\n", "x".repeat(5 << 20));
    let file = spooled(text.as_bytes());
    assert!(read(file.path(), &names(&["app"])).unwrap_err().to_string().contains("4 MiB"));
}

#[test]
fn a_missing_chart_comes_with_similar_names() {
    let found = by_events(
        "apiVersion: v1\nentries:\n  kube-state-metrics: []\n  state_metrics: []\n  redis: []\n",
        &["state-metrics"],
    );
    assert_eq!(found["state-metrics"].similar, ["kube-state-metrics", "state_metrics"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    /// Lines that mean different things in different contexts, in any order: whenever the line reader claims the
    /// layout and the YAML parser accepts the text, they agree.
    #[test]
    fn the_line_reader_never_disagrees_with_the_events(picks in prop::collection::vec((0_usize..32, 0_usize..11), 0..14)) {
        let values = [
            "x", "\"x\"", "\"open", "'open", "it's", "~", "null", "", "'it''s'", "\"a\\\"b\"", "[]",
        ];
        let mut text = String::from("apiVersion: v1\nentries:\n  app:\n  - name: app\n    version: 1.0.0\n");
        for (form, value) in picks {
            let value = values[value];
            let _ = match form {
                0 => writeln!(text, "  app:"),
                1 => writeln!(text, "  other:"),
                2 => writeln!(text, "  - version: 1.{value}.0\n    name: app"),
                3 => writeln!(text, "  - name: app\n    version: 2.0.0"),
                4 => writeln!(text, "    d: {value}"),
                5 => writeln!(text, "    d: |"),
                6 => writeln!(text, "      - {value}"),
                7 => writeln!(text, "      {value}"),
                8 => writeln!(text, "      k: {value}"),
                9 => writeln!(text, "    - {value}"),
                10 => writeln!(text, "    close\""),
                11 => writeln!(text, "    close'"),
                12 => writeln!(text, "    d:"),
                13 => writeln!(text, "      text \" more ' text"),
                14 => writeln!(text, "    - k: >-"),
                15 => writeln!(text, "# {value}"),
                16 => writeln!(text),
                17 => writeln!(text, "generated: {value}"),
                18 => writeln!(text, "  - name: {value}"),
                19 => writeln!(text, "  \""),
                20 => writeln!(text, "  '"),
                21 => writeln!(text, "    type: {value} # {value}"),
                22 => writeln!(text, "    version: {value}"),
                23 => writeln!(text, "    appVersion: {value}"),
                24 => writeln!(text, "  - appVersion: 1.{value}"),
                25 => writeln!(text, "    urls:"),
                26 => writeln!(text, "    urls: {value}"),
                27 => writeln!(text, "    deprecated: true"),
                28 => writeln!(text, "    - https://x/{value}"),
                29 => writeln!(text, "    created: \"2026-08-06T23:01:31Z\""),
                30 => writeln!(text, "    version: 3.0.0"),
                _ => writeln!(text, "    digest: {value} "),
            };
        }
        let wanted = ["app", "other"];
        let file = spooled(text.as_bytes());
        let fast = slice::read(&File::open(file.path()).unwrap(), Wanted::new(&names(&wanted), &Sought::new()));
        if let (Ok(Some(fast)), Ok(slow)) = (fast, events::read_index(text.as_bytes(), Wanted::new(&names(&wanted), &Sought::new()))) {
            prop_assert_eq!(fast, slow, "{}", text);
        }
    }
}

/// A real index, where `DAVIT_CORPORA` names the directory that holds it.
#[test]
fn the_real_grafana_index_reads_alike_by_lines_and_by_events() {
    let Some(directory) = std::env::var_os("DAVIT_CORPORA") else { return };
    let packed = File::open(std::path::Path::new(&directory).join("grafana.index.yaml.gz")).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed), &mut text).unwrap();
    let wanted = ["grafana", "loki", "tempo-distributed", "k8s-monitoring", "nothing"];
    let found = by_lines(&text, &wanted).expect("Helm's layout");
    assert_eq!(found, by_events(&text, &wanted));
    assert!(found["grafana"].candidates.as_ref().unwrap().versions.len() > 100);
}

/// Place of a version, as each reader of the text's form finds it.
fn place_of(text: &str, version: &str) -> Option<(Option<String>, Option<String>)> {
    let other = ("other".to_owned(), ["1.0.0".to_owned(), "9.0.0".to_owned()].into());
    let sought = Sought::from([("app".to_owned(), [version.to_owned()].into()), other]);
    let mut found = places(spooled(text.as_bytes()).path(), &sought).unwrap();
    if let Some(other) = found.get("other").filter(|other| !other.is_empty()) {
        assert_eq!((other.len(), other["1.0.0"].url.as_deref()), (1, Some("wrong")), "one reading finds all");
    }
    let found = found.remove("app")?.remove(version)?;
    Some((found.url, found.digest))
}

#[test]
fn the_archive_of_a_version_is_the_first_url_of_its_first_entry() {
    let entries = "  app:\n  - name: app\n    digest: abc\n    urls:\n    - charts/app-1.0.0.tgz\n    - https://example.com/second.tgz\n\
                   \x20   version: 1.0.0\n  - name: app\n    version: 1.0.0\n    urls: []\n  - name: app\n    version: 2.0.0\n    urls: []\n  - name: app\n    version: 3.0.0\n  \
                   other:\n  - name: app\n    version: 1.0.0\n    urls:\n    - wrong\n";
    let helm = format!("apiVersion: v1\nentries:\n{entries}");
    let flow = helm.replace("urls: []", "urls: [ ]").replace("digest: abc", "digest: !!str abc");
    let json = serde_json::to_string(&serde_yaml::from_str::<serde_json::Value>(&helm).unwrap()).unwrap();
    for text in [&helm, &flow, &json] {
        let first = Some((Some("charts/app-1.0.0.tgz".to_owned()), Some("abc".to_owned())));
        assert_eq!(place_of(text, "1.0.0"), first, "{text}");
        assert_eq!(place_of(text, "2.0.0"), Some((None, None)), "{text}");
        assert_eq!(place_of(text, "3.0.0"), Some((None, None)), "{text}");
        assert_eq!(place_of(text, "4.0.0"), None, "{text}");
    }
    let anchors = "apiVersion: v1\nentries:\n  app:\n  - {name: app, version: 1.0.0, urls: [&u a.tgz], digest: &d x}\n  - {name: app, version: 2.0.0, urls: [*u, b], digest: *d}\n";
    assert_eq!(place_of(anchors, "2.0.0"), Some((Some("a.tgz".to_owned()), Some("x".to_owned()))));
}

#[test]
fn a_missing_chart_gets_the_first_names_that_are_like_it_and_a_found_one_none() {
    let mut text = "apiVersion: v1\nentries:\n".to_owned();
    for name in ["Kube-State", "grafana", "kube_state_metrics", "my-kube-state", "kubestate2", "state", "ku"] {
        writeln!(text, "  {name}:\n  - name: app\n    version: 1.0.0").unwrap();
    }
    let wanted = ["kube-state", "grafana", "nothing", "ku-"];
    for found in [by_lines(&text, &wanted).expect("Helm's layout"), by_events(&text, &wanted)] {
        assert_eq!(found["kube-state"].similar, ["Kube-State", "kube_state_metrics", "my-kube-state"]);
        assert!(found["grafana"].similar.is_empty() && found["nothing"].similar.is_empty(), "{found:?}");
        assert!(found["ku-"].similar.is_empty(), "too short to be like anything");
    }
}

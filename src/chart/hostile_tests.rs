//! Every way in which an archive can be something else than a chart ends in one typed sentence.

use super::test_archives::{CHART, SMALL, entry, gzip, open, pack, packed, packed_in, record, sized};
use super::{Refusal, read};
use std::io::Read;

/// Chart.yaml, then these entries.
fn with(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut all = vec![entry(b"web/Chart.yaml", b'0', CHART.as_bytes())];
    all.extend_from_slice(entries);
    pack(&all)
}

fn refusal(archive: &[u8]) -> Refusal {
    open(archive).expect_err("it is refused")
}

fn small(archive: &[u8]) -> Refusal {
    read(&mut &archive[..], &SMALL).expect_err("it is over a limit")
}

#[test]
fn an_honest_chart_is_read_in_any_order_of_its_files() {
    let files = [("templates/a.yaml", "x"), ("crds/b.yaml", "two"), ("Chart.yaml", CHART), ("crds/a.yaml", "one")];
    let contents = open(&packed(&files)).unwrap();
    assert_eq!((contents.name.as_str(), contents.version.as_str()), ("web", "1.2.3"));
    let paths: Vec<_> = contents.crds.iter().map(|crd| crd.path.as_str()).collect();
    assert_eq!(paths, ["crds/a.yaml", "crds/b.yaml"]);
    // `printf one | sha256sum`
    assert_eq!(contents.crds[0].digest, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
}

#[test]
fn directories_global_headers_and_long_names_are_part_of_honest_archives() {
    let long = format!("web/templates/{}/a.yaml", "x".repeat(150));
    let crd = format!("web/crds/{}.yaml", "y".repeat(150));
    let archive = with(&[
        entry(b"pax_global_header", b'g', &record("comment", "0123456789")),
        entry(b"web/templates/", b'5', b""),
        entry(b"web/old/", 0, b""),
        entry(b"././@LongLink", b'L', format!("{long}\0").as_bytes()),
        entry(long.as_bytes(), b'0', b"long"),
        entry(b"web/PaxHeaders/x", b'x', &[record("mtime", "1.5"), record("path", &crd)].concat()),
        entry(b"web/crds/short.yaml", b'0', b"pax"),
    ]);
    let contents = open(&archive).unwrap();
    assert_eq!(contents.crds.len(), 1);
    assert_eq!(contents.crds[0].path, crd["web/".len()..], "the extended header's path counts");
}

#[test]
fn packed_on_windows_and_in_several_gzip_members_it_is_read_as_helm_does() {
    let windows = pack(&[entry(b"web\\Chart.yaml", b'0', CHART.as_bytes()), entry(b"web\\crds\\a.yaml", b'0', b"one")]);
    assert_eq!(open(&windows).unwrap().crds[0].path, "crds/a.yaml");
    let tar = [entry(b"web/Chart.yaml", b'0', CHART.as_bytes()), vec![0; 1024]].concat();
    let (head, tail) = tar.split_at(700);
    assert_eq!(open(&[gzip(head), gzip(tail)].concat()).unwrap().name, "web");
    let trailing = [packed(&[("Chart.yaml", CHART)]), b"garbage".to_vec()].concat();
    assert_eq!(open(&trailing).unwrap().name, "web", "what follows the end is not looked at");
}

#[test]
fn flux_rule_20_crds_of_packed_sub_charts_are_found_whatever_their_file_is_called() {
    let crd = ("crds/a.yaml", "deep");
    let chart = |name: &str| format!("name: {name}\nversion: 1.0.0\n");
    let deep = packed_in("deep", &[("Chart.yaml", &chart("deep")), crd]);
    let mut sub = vec![entry(b"sub/Chart.yaml", b'0', chart("sub").as_bytes()), entry(b"sub/crds/s.yaml", b'0', b"s")];
    sub.push(entry(b"sub/charts/deep-2.0.0.tgz", b'0', &deep));
    let archive = with(&[
        entry(b"web/charts/sub-1.0.0.tgz", b'0', &pack(&sub)),
        entry(b"web/charts/open/charts/deep-3.0.0.tgz", b'0', &deep),
        entry(b"web/charts/open/crds/o.yaml", b'0', b"o"),
        entry(b"web/charts/open/Chart.yaml", b'0', b"not even YAML: ["),
        entry(b"web/charts/_off/crds/o.yaml", b'0', b"o"),
    ]);
    let contents = open(&archive).unwrap();
    assert_eq!(contents.name, "web", "the sub-charts' own Chart.yaml are theirs");
    let paths: Vec<_> = contents.crds.iter().map(|crd| crd.path.as_str()).collect();
    let expected = [
        "charts/open/charts/deep/crds/a.yaml",
        "charts/open/crds/o.yaml",
        "charts/sub/charts/deep/crds/a.yaml",
        "charts/sub/crds/s.yaml",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn links_devices_sparse_files_and_unknown_entries_are_refused() {
    for (kind, expected) in [
        (b'1', Refusal::Link("web/x".into())),
        (b'2', Refusal::Link("web/x".into())),
        (b'3', Refusal::Device("web/x".into())),
        (b'4', Refusal::Device("web/x".into())),
        (b'6', Refusal::Device("web/x".into())),
        (b'S', Refusal::Sparse("web/x".into())),
        (b'V', Refusal::OddEntry("web/x".into())),
    ] {
        assert_eq!(refusal(&with(&[entry(b"web/x", kind, b"")])), expected);
    }
    let sparse = entry(b"web/PaxHeaders/x", b'x', &record("GNU.sparse.major", "1"));
    assert_eq!(refusal(&with(&[sparse, entry(b"web/x", b'0', b"")])), Refusal::Sparse("web/x".into()));
}

#[test]
fn two_sizes_of_one_file_are_refused() {
    for size in ["0", "99999999999999999999", "-1", "4"] {
        let said = entry(b"web/PaxHeaders/x", b'x', &record("size", size));
        let archive = with(&[said, entry(b"web/x", b'0', b"abc")]);
        assert_eq!(refusal(&archive), Refusal::Sparse("web/x".into()), "{size}");
    }
    let said = entry(b"web/PaxHeaders/x", b'x', &record("size", "3"));
    assert!(open(&with(&[said, entry(b"web/x", b'0', b"abc")])).is_ok());
}

#[test]
fn paths_that_lead_out_are_refused_also_in_extended_headers() {
    assert!(matches!(refusal(&with(&[entry(b"/etc/passwd", b'0', b"")])), Refusal::AbsolutePath(_)));
    assert!(matches!(refusal(&with(&[entry(b"C:\\web\\x", b'0', b"")])), Refusal::AbsolutePath(_)));
    assert!(matches!(refusal(&with(&[entry(b"web/../../x", b'0', b"")])), Refusal::ParentDirectory(_)));
    assert!(matches!(refusal(&with(&[entry(b"x", b'0', b"")])), Refusal::OutsideDirectory(_)));
    assert!(matches!(refusal(&with(&[entry(b"web/\xff", b'0', b"")])), Refusal::OddPath(_)));
    let long = entry(b"././@LongLink", b'L', b"web/../x\0");
    assert!(matches!(refusal(&with(&[long, entry(b"web/x", b'0', b"")])), Refusal::ParentDirectory(_)));
    let pax = entry(b"web/PaxHeaders/x", b'x', &record("path", "../x"));
    assert!(matches!(refusal(&with(&[pax, entry(b"web/x", b'0', b"")])), Refusal::ParentDirectory(_)));
}

#[test]
fn chart_yaml_must_be_there_once_and_be_readable() {
    assert_eq!(refusal(&packed(&[("templates/a.yaml", "")])), Refusal::NoChartYaml);
    assert_eq!(refusal(&pack(&[])), Refusal::NoChartYaml);
    assert_eq!(refusal(&packed(&[("sub/Chart.yaml", CHART)])), Refusal::NoChartYaml);
    assert!(matches!(refusal(&pack(&[entry(b"Chart.yaml", b'0', b"")])), Refusal::OutsideDirectory(_)));
    let twice = [entry(b"web/Chart.yaml", b'0', CHART.as_bytes()), entry(b"other/Chart.yaml", b'0', CHART.as_bytes())];
    assert_eq!(refusal(&pack(&twice)), Refusal::TwoChartYaml);
    assert!(matches!(refusal(&packed(&[("Chart.yaml", "{{ .Values.x }}")])), Refusal::ChartYaml(_)));
    assert!(matches!(refusal(&packed(&[("Chart.yaml", "\u{0}\u{1}")])), Refusal::ChartYaml(_)));
    let several = [entry(b"web/Chart.yaml", b'0', CHART.as_bytes()), entry(b"other/crds/a.yaml", b'0', b"one")];
    assert_eq!(open(&pack(&several)).unwrap().crds[0].path, "crds/a.yaml", "several directories are one, as in Helm");
}

#[test]
fn what_is_no_archive_or_not_a_whole_one_says_so() {
    assert_eq!(refusal(b""), Refusal::Truncated);
    assert_eq!(refusal(b"entries: {}"), Refusal::NotGzip { web_page: false });
    assert_eq!(refusal(b"\n <!doctype html>"), Refusal::NotGzip { web_page: true });
    let whole = packed(&[("Chart.yaml", CHART), ("values.yaml", &"noise ".repeat(900))]);
    for length in [1, 2, 9, 10, 20, whole.len() / 2] {
        let refusal = refusal(&whole[..length]);
        let cut = matches!(refusal, Refusal::Truncated | Refusal::NotGzip { .. });
        assert!(cut, "{length} bytes: {refusal:?}");
    }
    let tar =
        [entry(b"web/Chart.yaml", b'0', CHART.as_bytes()), entry(b"web/values.yaml", b'0', &[b'x'; 2000])].concat();
    assert_eq!(refusal(&gzip(&tar[..tar.len() - 900])), Refusal::Truncated, "the tar inside is cut");
    assert_eq!(refusal(&gzip(&tar[..tar.len() - 2660])), Refusal::Truncated, "in the middle of a header");
    let mut flipped = packed(&[("Chart.yaml", CHART)]);
    flipped[40] ^= 0xff;
    assert!(matches!(refusal(&flipped), Refusal::Damaged(_) | Refusal::Truncated | Refusal::NoChartYaml));
    assert!(matches!(refusal(&gzip(&[b'x'; 4096])), Refusal::Damaged(_)), "no tar");
}

#[test]
fn every_limit_holds() {
    let zeros = |length: usize| vec![0_u8; length];
    let file = |name: &str, length: usize| entry(name.as_bytes(), b'0', &zeros(length));
    assert!(matches!(small(&with(&[file("web/big", 8193)])), Refusal::FileTooLarge { limit: 8192, .. }));
    let three: Vec<_> = (0..3).map(|n| file(&format!("web/{n}"), 8000)).collect();
    assert_eq!(small(&with(&three)), Refusal::FilesTooLarge(16 << 10));
    let many: Vec<_> = (0..41).map(|n| file(&format!("web/{n}"), 0)).collect();
    assert_eq!(small(&with(&many)), Refusal::TooManyEntries(40));
    let crds: Vec<_> = (0..6).map(|n| file(&format!("web/crds/{n}.yaml"), 0)).collect();
    assert_eq!(small(&with(&crds)), Refusal::TooManyCrds(5));
    assert_eq!(small(&packed(&[("Chart.yaml", &"#".repeat(5000))])), Refusal::ChartYamlTooLarge(4096));
    let long = entry(b"././@LongLink", b'L', &[b'x'; 200]);
    assert_eq!(small(&with(&[long, file("web/x", 0)])), Refusal::PathTooLong(120));
    let longer = entry(b"././@LongLink", b'L', &vec![b'x'; 80 << 10]);
    assert!(matches!(open(&with(&[longer, file("web/x", 0)])), Err(Refusal::PathTooLong(_))));
    let mut nested = packed(&[("Chart.yaml", CHART)]);
    for _ in 0..3 {
        nested = with(&[entry(b"web/charts/sub-1.0.0.tgz", b'0', &nested)]);
    }
    assert_eq!(small(&nested), Refusal::TooDeep(2));
}

#[test]
fn a_bomb_ends_at_the_limit_wherever_its_bytes_are() {
    let claims = with(&[sized(b"web/x", b'0', b"", 1 << 33)]);
    assert!(matches!(refusal(&claims), Refusal::FileTooLarge { .. }));
    // A directory has no content, a global header is read within limits; a link name is skipped, and counted all the same.
    let large = |kind| small(&with(&[entry(b"web/x/", kind, &vec![0; 100 << 10])]));
    assert_eq!(large(b'5'), Refusal::OddEntry("web/x/".into()));
    assert_eq!(large(b'g'), Refusal::Bomb(64 << 10));
    assert_eq!(large(b'K'), Refusal::Bomb(64 << 10));
    // Four archives inside one share one budget with it.
    let inner = with(&[entry(b"web/a", b'0', &[0; 7000]), entry(b"web/b", b'0', &[0; 7000])]);
    let four: Vec<_> = (0..4).map(|n| entry(format!("web/charts/{n}.tgz").as_bytes(), b'0', &inner)).collect();
    assert_eq!(small(&with(&four)), Refusal::Bomb(64 << 10));
}

/// Gzip that never ends, as a server may send it.
struct Endless(Vec<u8>, usize);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.0.len() - self.1);
        buffer[..length].copy_from_slice(&self.0[self.1..self.1 + length]);
        self.1 = (self.1 + length) % self.0.len();
        Ok(length)
    }
}

#[test]
fn a_stream_without_an_end_is_left() {
    let member = gzip(&entry(b"web/templates/a.yaml", b'0', b"a"));
    assert_eq!(read(&mut Endless(member, 0), &SMALL), Err(Refusal::TooManyEntries(40)));
}

#[test]
fn every_refusal_says_what_to_do_and_shows_no_raw_bytes() {
    for refusal in [refusal(b""), refusal(b"<html>"), refusal(&with(&[entry(b"web/\x1b[31m", b'0', b"")]))] {
        let text = format!("{refusal}; {}", refusal.remedy());
        assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
        assert!(!refusal.remedy().is_empty());
    }
}

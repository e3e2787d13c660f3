//! Davit's reader of charts beside Helm's own loader: what Helm refuses, Davit never opens, and what both open, both call
//! the same. Davit may refuse more. And the check of `kubeVersion`, pair by pair.

use crate::flux_referee::Referee;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use davit::chart::{Limits, read};
use davit::model::{Contents, Version};
use davit::policy::kube_refusal;
use serde_json::{Value, json};
use std::io::Write as _;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.2.3\n";

/// What Helm refuses and Davit does not look at: files beside Chart.yaml, and sub-charts.
const UNREAD: [&str; 4] =
    ["cannot load values.yaml", "cannot load Chart.lock", "cannot load requirements.lock", "error unpacking subchart"];

/// What an opened archive is to Helm and to Davit: name, version, kubeVersion.
type Says = Result<(String, String, String), String>;

fn helm(referee: &mut Referee, archive: &[u8]) -> Says {
    let answer = referee.ask(&json!({"archive": STANDARD.encode(archive)}))?;
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    Ok((text("name"), text("version"), text("kubeVersion")))
}

fn davit(archive: &[u8]) -> Says {
    let contents = read(&mut &archive[..], &Limits::HELM).map_err(|refusal| refusal.to_string())?;
    // Neither is proposed: the engine refuses the one, Helm's loader the other.
    if !["", "application", "library"].contains(&contents.kind.as_str()) {
        return Err(format!("type {}", contents.kind));
    }
    Ok((contents.name, contents.version, contents.kube_version.unwrap_or_default()))
}

/// Files of one archive, as they are, packed below `web/` where their path does not begin with `=`.
fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, content) in files {
        let path = path.strip_prefix('=').map_or_else(|| format!("web/{path}"), str::to_owned);
        tar.extend(entry(path.as_bytes(), b'0', content));
    }
    gzip(&tar)
}

fn entry(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.as_old_mut().linkflag = [kind];
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(tar).unwrap();
    gzip.write_all(&[0; 1024]).unwrap();
    gzip.finish().unwrap()
}

/// Texts of Chart.yaml, the strange ones among them.
const CHART_YAMLS: &[&str] = &[
    "name: web\nversion: 1.2.3\n",
    "apiVersion: v2\nname: web\nversion: \"1.2.3\"\nkubeVersion: '>=1.25.0-0'\n",
    "apiVersion: v2\nname: web\nversion: v1.2.3+build.7\ntype: library\n",
    "\u{feff}apiVersion: v2\nname: web\nversion: 1.2.3\n",
    "apiVersion: v2\r\nname: web\r\nversion: 1.2.3\r\n",
    "{\"apiVersion\": \"v2\", \"name\": \"web\", \"version\": \"1.2.3\"}",
    // Numbers and truths where a text should be.
    "name: web\nversion: 1.10\n",
    "name: web\nversion: 1\n",
    "name: web\nversion: 1e3\n",
    "name: web\nversion: 0x10\n",
    "name: web\nversion: 010\n",
    "name: web\nversion: !!str 1.10\n",
    "name: 123\nversion: 1.2.3\n",
    "name: 0x1f\nversion: 1.2.3\n",
    "name: yes\nversion: 1.2.3\n",
    "name: web\nversion: 1.2.3\nkubeVersion: 1.20\n",
    "name: web\nversion: 1.2.3\nappVersion: 1.10\n",
    "name: web\nversion: 2026-11-21\n",
    "name: ~\nversion: 1.2.3\n",
    "name: [web]\nversion: 1.2.3\n",
    "name: web\nversion: {a: b}\n",
    "name: web\nversion: 1.2.3\nkubeVersion: [1.20]\n",
    // White space and letters that are not shown.
    "name: \" web\"\nversion: 1.2.3\n",
    "name: web\nversion: \" 1.2.3\"\n",
    "name: web\nversion: \"1.2.3\\n\"\n",
    "name: \"we\\u200bb\"\nversion: 1.2.3\n",
    "name: \"web\\u00a0\"\nversion: 1.2.3\n",
    "name: \"we\\u0000b\"\nversion: 1.2.3\n",
    "name: web\nversion: 1.2.3\nkubeVersion: \" >=1.20 \"\n",
    "name: web\nversion: 1.2.3\nkubeVersion: \">=1.\\u200b20\"\n",
    // Names and versions that are none.
    "name: .\nversion: 1.2.3\n",
    "name: ..\nversion: 1.2.3\n",
    "name: a/b\nversion: 1.2.3\n",
    "name: web/\nversion: 1.2.3\n",
    "name: ''\nversion: 1.2.3\n",
    "name: web\nversion: ''\n",
    "name: web\nversion: 1.2.3.4\n",
    "name: web\nversion: latest\n",
    "name: web\nversion: 1.02.3\n",
    "name: web\nversion: 1.2.3-01\n",
    "name: web\nversion: 1.2\n",
    // Twice, in other letters, merged in.
    "name: web\nversion: 1.2.3\nversion: 9.9.9\n",
    "name: web\nversion: 1.2.3\nVersion: 9.9.9\n",
    "name: web\nversion: 1.2.3\nver\u{17f}ion: 9.9.9\n",
    "name: web\nVERSION: 1.2.3\n",
    "name: web\nversion: 1.2.3\nkubeversion: '>=9'\n",
    "name: web\nversion: 1.2.3\nkubeVersion: '>=1'\nkubeversion: '>=9'\n",
    "name: web\nversion: 1.2.3\nname: other\n",
    "<<: {version: 9.9.9}\nname: web\nversion: 1.2.3\n",
    "<<: {version: 9.9.9}\nname: web\n",
    "name: web\nversion: 1.2.3\n<<: {version: 9.9.9}\n",
    "name: &a web\nversion: 1.2.3\ndescription: *a\n",
    "name: web\nversion: 1.2.3\n---\nname: other\nversion: 9.9.9\n",
    "---\nname: web\nversion: 1.2.3\n",
    "# nothing\n---\nname: web\nversion: 1.2.3\n",
    "%YAML 1.1\n---\nname: web\nversion: 1.2.3\n",
    // Other fields that Helm reads into something.
    "name: web\nversion: 1.2.3\ntype: operator\n",
    "name: web\nversion: 1.2.3\ntype: \" application\"\n",
    "name: web\nversion: 1.2.3\ndeprecated: yes\n",
    "name: web\nversion: 1.2.3\ndeprecated: \"true\"\n",
    "name: web\nversion: 1.2.3\ndeprecated: 1\n",
    "name: web\nversion: 1.2.3\nkeywords: web\n",
    "name: web\nversion: 1.2.3\nkeywords: [web, 1, ~]\n",
    "name: web\nversion: 1.2.3\nsources: {a: b}\n",
    "name: web\nversion: 1.2.3\nannotations: {a: [b]}\n",
    "name: web\nversion: 1.2.3\nannotations: {a: 1, b: true, c: ~}\n",
    "name: web\nversion: 1.2.3\nannotations: [a]\n",
    "name: web\nversion: 1.2.3\nmaintainers: [{name: a, email: 1}]\n",
    "name: web\nversion: 1.2.3\nmaintainers: [a]\n",
    "name: web\nversion: 1.2.3\nmaintainers: [~]\n",
    "name: web\nversion: 1.2.3\ndescription: [a]\n",
    "name: web\nversion: 1.2.3\nicon: {a: b}\n",
    "name: web\nversion: 1.2.3\nengine: [a]\nunknown: {a: [b]}\n",
    "name: web\nversion: 1.2.3\ndependencies: {name: a}\n",
    "name: web\nversion: 1.2.3\ndependencies: [~]\n",
    "name: web\nversion: 1.2.3\ndependencies: [a]\n",
    "name: web\nversion: 1.2.3\ndependencies: [{name: a, version: 1}, {name: a, version: 2}]\n",
    "name: web\nversion: 1.2.3\ndependencies: [{name: a, alias: x}, {name: b, alias: x}]\n",
    "name: web\nversion: 1.2.3\ndependencies: [{name: a, alias: 'x y'}]\n",
    "name: web\nversion: 1.2.3\ndependencies: [{name: a, tags: b}]\n",
    "name: web\nversion: 1.2.3\ndependencies: [{name: a, condition: a.enabled, tags: [b], import-values: [c, {child: d}]}]\n",
    "name: web\nversion: 1.2.3\ndependencies: [{name: a, enabled: 'yes'}]\n",
    "name: web\nversion: 1.2.3\ndependencies: [{name: [a]}]\n",
    "",
    "# nothing\n",
    "- a\n",
    "web\n",
    "name: {{ .Name }}\n",
    "name: web\n\tversion: 1.2.3\n",
    "name: *web\nversion: 1.2.3\n",
];

/// Files beside a good Chart.yaml.
fn beside() -> Vec<Vec<(&'static str, &'static [u8])>> {
    vec![
        vec![("values.yaml", b"a: 1\n")],
        vec![("values.yaml", b"- a\n")],
        vec![("values.yaml", b"a: [\n")],
        vec![("values.yaml", b"")],
        vec![("values.yaml", b"text\n")],
        vec![("Chart.lock", b"a: [\n")],
        vec![("Chart.lock", b"generated: never\n")],
        vec![("Chart.lock", b"dependencies: []\ngenerated: \"2026-01-01T00:00:00Z\"\n")],
        vec![("requirements.yaml", b"dependencies: [{name: a, version: 1.x}]\n")],
        vec![("requirements.yaml", b"version: 9.9.9\n")],
        vec![("requirements.yaml", b"name: other\n")],
        vec![("requirements.yaml", b"Version: 9.9.9\n")],
        vec![("requirements.yaml", b"kubeVersion: '>=9'\n")],
        vec![("requirements.yaml", b"dependencies: x\n")],
        vec![("requirements.yaml", b"a: [\n")],
        vec![("requirements.lock", b"a: [\n")],
        vec![("templates/broken.yaml", b"{{ a: [\n")],
        vec![("values.schema.json", b"{")],
        vec![("charts/README.md", b"text\n")],
        vec![("charts/.hidden", b"text\n")],
        vec![("charts/_off/Chart.yaml", b"a: [\n")],
        vec![("charts/sub/Chart.yaml", b"apiVersion: v2\nname: sub\nversion: 0.1.0\n")],
        vec![("charts/sub/Chart.yaml", b"name: sub\nversion: none\n")],
        vec![("charts/sub/Chart.yaml", b"a: [\n")],
        vec![("charts/sub/values.yaml", b"a: 1\n")],
        vec![("charts/sub/Chart.yaml", CHART.as_bytes()), ("charts/sub/values.yaml", b"a: [\n")],
        vec![("charts/sub-0.1.0.tgz", b"no archive")],
        vec![("charts/sub-0.1.0.tgz.prov", b"signed")],
        vec![("charts/sub/charts/deep/Chart.yaml", b"name: deep\n")],
        vec![("../Chart.yaml", b"name: other\nversion: 9.9.9\n")],
        vec![("=Chart.yaml", b"name: other\nversion: 9.9.9\n")],
        vec![("=README.md", b"text")],
        vec![("=/etc/passwd", b"text")],
        vec![("=other/values.yaml", b"a: 1\n")],
        vec![("=other/Chart.yaml", b"name: other\nversion: 9.9.9\n")],
        vec![("=web/./Chart.yaml", b"name: other\nversion: 9.9.9\n")],
        vec![("=web/x/../Chart.yaml", b"name: other\nversion: 9.9.9\n")],
        vec![("=web\\Chart.yaml", b"name: other\nversion: 9.9.9\n")],
        vec![("=web\\..\\Chart.yaml", b"name: other\nversion: 9.9.9\n")],
        vec![("chart.yaml", b"name: other\nversion: 9.9.9\n")],
        vec![("=C:/Chart.yaml", b"name: other\nversion: 9.9.9\n")],
        vec![("=web/c:/x", b"text")],
    ]
}

/// Archives that are odd as archives.
fn odd() -> Vec<(String, Vec<u8>)> {
    let chart = entry(b"web/Chart.yaml", b'0', CHART.as_bytes());
    let other = "name: other\nversion: 9.9.9\n".as_bytes();
    let whole = gzip(&chart);
    let mut odd = vec![
        ("nothing".to_owned(), Vec::new()),
        ("no gzip".to_owned(), chart.clone()),
        ("an empty tar".to_owned(), gzip(&[])),
        ("two members".to_owned(), [gzip(&chart), gzip(&entry(b"web/Chart.yaml", b'0', other))].concat()),
        ("bytes after the end".to_owned(), [whole.as_slice(), b"more"].concat()),
        ("a wrong sum".to_owned(), {
            let mut bad = chart.clone();
            bad[0] = b'x';
            gzip(&bad)
        }),
    ];
    for cut in [1, 10, 20, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        odd.push((format!("cut at {cut}"), whole[..cut].to_vec()));
    }
    for kind in [0, b'1', b'2', b'3', b'4', b'5', b'6', b'7', b'g', b'K', b'L', b'S', b'V', b'x', b'Z'] {
        let before = [entry(b"web/Chart.yaml", kind, other), chart.clone()].concat();
        odd.push((format!("an entry of kind {kind} before"), gzip(&before)));
        let after = [chart.clone(), entry(b"web/Chart.yaml", kind, other)].concat();
        odd.push((format!("an entry of kind {kind} after"), gzip(&after)));
    }
    for record in
        ["18 path=web/a.yaml\n", "23 path=web/Chart.yaml\n", "9 size=1\n", "9 size=9\n", "99 path=web/x\n", "x"]
    {
        let extended = entry(b"PaxHeaders/x", b'x', record.as_bytes());
        for next in [entry(b"web/x", b'0', other), chart.clone()] {
            odd.push((
                format!("extended: {record:?}"),
                gzip(&[chart.clone(), extended.clone(), next.clone()].concat()),
            ));
            odd.push((format!("extended alone: {record:?}"), gzip(&[extended.clone(), next].concat())));
        }
    }
    odd
}

fn all() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for text in CHART_YAMLS {
        all.push((format!("{text:?}"), packed(&[("Chart.yaml", text.as_bytes())])));
        // In a sub-chart it counts as well.
        let files = [("Chart.yaml", CHART.as_bytes()), ("charts/sub/Chart.yaml", text.as_bytes())];
        all.push((format!("in a sub-chart: {text:?}"), packed(&files)));
        let inner = packed(&[("Chart.yaml", text.as_bytes())]);
        let files = [("Chart.yaml", CHART.as_bytes()), ("charts/sub-1.tgz", inner.as_slice())];
        all.push((format!("in a packed sub-chart: {text:?}"), packed(&files)));
    }
    for files in beside() {
        for api in ["", "apiVersion: v1\n", "apiVersion: v2\n"] {
            let chart = format!("{api}name: web\nversion: 1.2.3\n");
            let named = format!(
                "{api:?} with {:?}",
                files.iter().map(|f| (f.0, String::from_utf8_lossy(f.1))).collect::<Vec<_>>()
            );
            let good = [("Chart.yaml", chart.as_bytes())];
            all.push((format!("{named} after"), packed(&[&good[..], &files].concat())));
            all.push((format!("{named} before"), packed(&[&files[..], &good].concat())));
        }
    }
    all.extend(odd());
    all
}

#[test]
fn what_helm_refuses_davit_never_opens_and_what_both_open_is_the_same_chart() {
    let mut referee = Referee::of("helm");
    let (mut wrong, mut both, mut unread) = (Vec::new(), 0, 0);
    for (named, archive) in all() {
        match (helm(&mut referee, &archive), davit(&archive)) {
            (Ok(theirs), Ok(ours)) if theirs == ours => both += 1,
            // Davit may refuse more.
            (_, Err(_)) => {}
            // What else is in the archive is not read: Flux will say it.
            (Err(theirs), Ok(_)) if UNREAD.iter().any(|words| theirs.contains(words)) => unread += 1,
            (theirs, ours) => wrong.push(format!("{named}\n    Helm  {theirs:?}\n    Davit {ours:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(both > 150 && unread > 10, "{both} archives are opened by both, {unread} by Davit alone");
}

/// Entries that are put together at random, and then damaged.
fn pool() -> Vec<Vec<u8>> {
    let other = b"name: other\nversion: 9.9.9\n";
    let long = "a".repeat(120);
    let directory = |name: &[u8]| entry(name, b'5', b"");
    vec![
        entry(b"web/Chart.yaml", b'0', CHART.as_bytes()),
        entry(b"web/Chart.yaml", 0, CHART.as_bytes()),
        entry(b"web/chart.yaml", b'0', other),
        entry(b"web/values.yaml", b'0', b"a: 1\n"),
        entry(b"Chart.yaml", b'0', other),
        entry(b"web/templates/a.yaml", b'7', b"a: 1\n"),
        vec![0; 512],
        directory(b"web/"),
        directory(b"web/templates"),
        [entry(b"PaxHeaders/x", b'x', b"23 path=web/Chart.yaml\n"), entry(b"web/x", b'0', CHART.as_bytes())].concat(),
        [entry(b"PaxHeaders/x", b'x', b"18 path=web/a.yaml\n"), entry(b"web/Chart.yaml", b'0', other)].concat(),
        [entry(b"././@LongLink", b'L', format!("web/{long}\0").as_bytes()), entry(b"web/aaaa", b'0', b"x")].concat(),
        [entry(b"././@LongLink", b'L', b"web/Chart.yaml\0"), entry(b"web/aaaa", b'0', CHART.as_bytes())].concat(),
        entry(b"pax_global_header", b'g', b"52 comment=0123456789012345678901234567890123456789\n"),
        [CHART.as_bytes(), &[0; 512 - CHART.len()]].concat(),
    ]
}

/// Changes a byte of a header, and mostly makes its sum right again.
fn damage(tar: &mut [u8], next: &mut impl FnMut(usize) -> usize) {
    const BYTES: &[u8] = b"\0 01247895xgLKVS/.\\\xffu";
    let block = next(tar.len() / 512) * 512;
    // Sizes, kinds, prefixes and magic numbers more often than the rest.
    let at = [next(512), 124 + next(12), 156, 257 + next(8), 100 + next(8), 345 + next(8), next(20)][next(7)];
    tar[block + at] = BYTES[next(BYTES.len())];
    if next(10) > 0 {
        tar[block + 148..block + 156].copy_from_slice(b"        ");
        let sum: u32 = tar[block..block + 512].iter().map(|byte| u32::from(*byte)).sum();
        tar[block + 148..block + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

#[test]
fn damaged_and_mixed_archives_are_no_other_chart_to_davit_than_to_helm() {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let (mut referee, pool) = (Referee::of("helm"), pool());
    let (mut wrong, mut both) = (Vec::new(), 0);
    for round in 0..6000 {
        let mut tar = if next(4) > 0 { pool[0].clone() } else { Vec::new() };
        (0..=next(4)).for_each(|_| tar.extend(&pool[next(pool.len())]));
        (0..next(4)).for_each(|_| damage(&mut tar, &mut next));
        let archive = gzip(&tar);
        match (helm(&mut referee, &archive), davit(&archive)) {
            (Ok(theirs), Ok(ours)) if theirs == ours => both += 1,
            (_, Err(_)) => {}
            (Err(theirs), Ok(_)) if UNREAD.iter().any(|words| theirs.contains(words)) => {}
            (theirs, ours) => wrong.push(format!("{round}: Helm {theirs:?}, Davit {ours:?}: {}", shown(&tar))),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(both > 500, "only {both} archives are opened by both");
}

/// The headers of an archive, for a message.
fn shown(tar: &[u8]) -> String {
    let header = |block: &[u8]| {
        let part = |from: usize, to: usize| String::from_utf8_lossy(&block[from..to]).replace('\0', "");
        format!(
            "[{} mode {} size {} kind {:?} {:?} {:?}]",
            part(0, 100),
            part(100, 108),
            part(124, 136),
            char::from(block[156]),
            part(257, 265),
            part(345, 500)
        )
    };
    tar.chunks(512).map(header).collect()
}

#[test]
fn the_check_of_kube_version_is_helms() {
    let versions: Vec<String> = (18..36)
        .step_by(3)
        .flat_map(|minor| {
            ["", "-0", "-gke.1200", "+k3s1", "-eks-1a2b3c4", "-rc.1+build"]
                .map(|s| format!("v1.{minor}.{}{s}", minor % 7))
        })
        .chain(["1.25", "v1.30", "2.0.0", "1.25.0", "v0.0.0-master+abc"].map(str::to_owned))
        .collect();
    let ranges = ranges();
    let pairs: Vec<_> = ranges.iter().flat_map(|r| versions.iter().map(move |v| (r.as_str(), v.as_str()))).collect();
    assert!(pairs.len() > 3000, "{}", pairs.len());
    let answer = Referee::of("helm").ask(&json!({"pairs": pairs})).unwrap();
    let theirs = answer["compatible"].as_array().unwrap();
    let mut wrong = Vec::new();
    for ((range, version), theirs) in pairs.iter().zip(theirs) {
        let contents = Contents { kube_version: Some((*range).to_owned()), ..Contents::default() };
        let cluster = Version::loose(version).unwrap();
        let ours = kube_refusal("1.0.0", &contents, Some(&cluster)).is_none();
        if *theirs != Value::Bool(ours) {
            wrong.push(format!("{range:?} on {version}: Helm {theirs}, Davit {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), pairs.len(), wrong.join("\n"));
}

/// What real charts write, and what is written wrongly.
fn ranges() -> Vec<String> {
    let mut ranges: Vec<String> = [
        "*",
        "",
        "x",
        ">=1.25.0-0",
        ">= 1.25.0-0",
        ">=1.25",
        ">1.24",
        "^1.25.0",
        "^1.25.0-0",
        "~1.25",
        "~1.25.0-0",
        "1.x",
        "1.25.x",
        "1.25",
        "=1.25.4",
        "!=1.25.4",
        "v1.25.4",
        ">=v1.25.0",
        ">=1.19 <1.34",
        ">=1.19, <1.34",
        ">=1.19-0 <1.34-0",
        ">= 1.19.0-0 < 2.0.0-0",
        "1.19 - 1.33",
        "1.19.0-0 - 1.33.0-0",
        "<1.22 || >=1.30-0",
        ">=1.16.0-0 || >= 1.30.0",
        "^1.16.0-0 || ^2",
        "~>1.25",
        "=>1.25",
        "=<1.30",
        ">=1.25.0-alpha",
        ">=1.25.0-0 !=1.27.4",
        "latest",
        ">=",
        ">= x",
        ">=1.25.0+build",
        "1.25.4-gke.1200",
        ">=1.25.*",
        ">=1.25.0-0.0",
        "==1.25.4",
        ">= 1.25.0-0,",
        "  >=1.25.0-0  ",
        ">=1.25.0-0|<2",
        ">=1,25",
        "1.25 1.27",
        ">=1.25.0 <1.24.0",
        "^0.0.0-0",
        ">0",
        "<=1.33.x",
        "!1.25",
    ]
    .map(str::to_owned)
    .to_vec();
    for operator in ["", "=", "!=", ">", ">=", "<", "<=", "~", "^"] {
        for operand in ["1", "1.27", "1.27.6", "1.27.6-0", "1.27.6-gke.1200", "v1.27", "1.27.x-0"] {
            ranges.push(format!("{operator}{operand}"));
        }
    }
    ranges
}

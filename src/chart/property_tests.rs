//! Any chart that is packed honestly reads back; any bytes whatever end in a result within the limits.

use super::read;
use super::test_archives::{SMALL, entry, open, pack};
use crate::model::{Contents, Dependency};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A Chart.yaml's text with what it says.
fn chart() -> impl Strategy<Value = (String, Contents)> {
    // `n` alone is no name: YAML takes it for a truth.
    let name = "c[a-z0-9-]{0,20}";
    let version = "[0-9]{1,3}\\.[0-9]{1,3}\\.(0|[1-9][0-9]{0,3})(-rc\\.[1-9])?(\\+b[0-9]{1,3})?";
    let dependencies = prop::collection::btree_map(name, "[0-9]\\.x", 0..4);
    (name, version, prop::option::of("[ -~]{1,20}"), any::<bool>(), dependencies).prop_map(
        |(name, version, app, deprecated, dependencies)| {
            let dependencies: Vec<_> =
                dependencies.into_iter().map(|(name, version)| Dependency { name, version }).collect();
            let listed: Vec<_> = dependencies
                .iter()
                .map(|dependency| serde_json::json!({"name": dependency.name, "version": dependency.version}))
                .collect();
            let mut yaml = serde_json::json!({
                "apiVersion": "v2", "name": name, "version": version, "deprecated": deprecated, "dependencies": listed,
            });
            let app = app.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            if let Some(app) = &app {
                yaml["appVersion"] = app.clone().into();
            }
            let text = serde_yaml::to_string(&yaml).unwrap();
            let api_version = "v2".to_owned();
            let said = Contents {
                name,
                version,
                api_version,
                app_version: app,
                deprecated,
                dependencies,
                ..Contents::default()
            };
            (text, said)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_packed_is_read(
        (yaml, said) in chart(),
        crds in prop::collection::btree_map("[a-z]{1,8}", prop::collection::vec(any::<u8>(), 0..600), 0..5),
        others in prop::collection::vec("[a-z]{1,8}", 0..5),
        first in any::<bool>(),
    ) {
        let chart_yaml = entry(b"any/Chart.yaml", b'0', yaml.as_bytes());
        let mut entries: Vec<_> = others.iter().map(|name| entry(format!("any/templates/{name}.yaml").as_bytes(), b'0', b"x")).collect();
        entries.extend(crds.iter().map(|(name, bytes)| entry(format!("any/crds/{name}.yaml").as_bytes(), b'0', bytes)));
        entries.insert(if first { 0 } else { entries.len() }, chart_yaml);
        let read = open(&pack(&entries)).unwrap();
        let digests: BTreeMap<String, String> = read.crds.iter().map(|crd| (crd.path.clone(), crd.digest.clone())).collect();
        let expected: BTreeMap<String, String> = crds
            .iter()
            .map(|(name, bytes)| (format!("crds/{name}.yaml"), hex::encode(<sha2::Sha256 as sha2::Digest>::digest(bytes))))
            .collect();
        prop_assert_eq!(digests, expected);
        prop_assert_eq!(Contents { crds: Vec::new(), ..read }, said);
    }

    #[test]
    fn a_mutated_archive_never_panics_and_stays_within_the_limits(
        (yaml, _) in chart(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        unpacked in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let sub = pack(&[entry(b"sub/Chart.yaml", b'0', yaml.as_bytes()), entry(b"sub/crds/a.yaml", b'0', b"a")]);
        let entries = [
            entry(b"any/Chart.yaml", b'0', yaml.as_bytes()),
            entry(b"././@LongLink", b'L', b"any/crds/long.yaml\0"),
            entry(b"any/x", b'0', b"x"),
            entry(b"any/charts/sub.tgz", b'0', &sub),
        ];
        // Changed outside, gzip's checks catch most; inside, every header is reached.
        let mut bytes = if unpacked { entries.concat() } else { pack(&entries) };
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let archive = if unpacked { super::test_archives::gzip(&bytes) } else { bytes };
        if let Ok(contents) = read(&mut &archive[..], &SMALL) {
            prop_assert!(contents.crds.len() <= SMALL.crds);
            prop_assert!(contents.crds.iter().all(|crd| !crd.path.contains("..") && !crd.path.starts_with('/')));
        }
    }

    #[test]
    fn any_bytes_end_in_a_result(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&mut &bytes[..], &SMALL);
        let _ = read(&mut &super::test_archives::gzip(&bytes)[..], &SMALL);
    }
}

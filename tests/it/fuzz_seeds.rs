//! The seeds of the fuzz targets hold in every test run; `make fuzz` goes on from them.

#[path = "../../fuzz/src/lib.rs"]
mod checks;

/// Every seed of a target; a folder without any is a mistake.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let seeds: Vec<_> = files.collect();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds
}

type Check = fn(&[u8]);

#[test]
fn the_seeds_of_every_fuzz_target_hold() {
    let targets: [(&str, Check); 5] = [
        ("archive", checks::archive),
        ("documents", checks::documents),
        ("edit", checks::edit),
        ("index", checks::index),
        ("range", checks::range),
    ];
    for (name, check) in targets {
        for seed in seeds(name) {
            check(&seed);
        }
    }
}

/// Bytes that mean something to YAML, and one that is no text.
const BYTES: &[u8] = b" \n\r:'\"|>&*-#{[,\\\xff";

/// What a fuzzer does first, without one: seeds cut short, and bytes of one put into another.
#[test]
fn what_is_close_to_the_seeds_holds() {
    for (name, check) in [("documents", checks::documents as Check), ("edit", checks::edit)] {
        for seed in seeds(name) {
            for at in 0..seed.len() {
                check(&seed[..at]);
                let mut other = seed.clone();
                other[at] = BYTES[at % BYTES.len()];
                check(&other);
            }
        }
    }
}

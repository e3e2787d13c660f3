//! Where each value of the configuration is written, so that a message can say so.

use std::collections::HashMap;

/// A place that a message can point to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Place {
    /// File as given on the command line, or the name of an environment variable.
    pub file: String,
    /// Line from 1; 0 where there is none (environment, a missing key of a missing section).
    pub line: u32,
    /// Column from 1, in UTF-8 bytes; 0 where there is none.
    pub column: u32,
}

/// Places by path (`policy.rules[2].range`).
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    by_path: HashMap<String, Place>,
    pub(super) file: String,
}

impl Places {
    pub(super) fn new(file: &str) -> Self {
        Self { by_path: HashMap::new(), file: file.to_owned() }
    }

    pub(super) fn insert(&mut self, path: &str, place: Place) {
        self.by_path.insert(path.to_owned(), place);
    }

    /// Whether the path is written anywhere.
    pub(super) fn has(&self, path: &str) -> bool {
        self.by_path.contains_key(path)
    }

    /// The place of a path, or of the nearest section around it.
    pub(super) fn locate(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.by_path.get(path) {
                return place.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return Place { file: self.file.clone(), line: 0, column: 0 },
            }
        }
    }
}

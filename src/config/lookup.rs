//! Questions to the checked configuration.

use super::{Config, Place, Registries, RegistryHost};

impl Config {
    /// Where a key is written, or the section around it; for messages of those who check a value further.
    pub fn locate(&self, path: &str) -> Place {
        self.places.locate(path)
    }
}

impl Registries {
    /// The entry for a host (`ghcr.io`, `localhost:5000`) and a path (`owner/charts/app`): that with the longest
    /// matching path prefix; prefixes end at a segment.
    pub fn host(&self, host: &str, path: &str) -> Option<&RegistryHost> {
        let path = path.trim_start_matches('/');
        self.hosts
            .iter()
            .filter(|entry| entry.host.eq_ignore_ascii_case(host))
            .filter_map(|entry| entry.prefix_length(path).map(|length| (length, entry)))
            .max_by_key(|(length, _)| *length)
            .map(|(_, entry)| entry)
    }
}

impl RegistryHost {
    fn prefix_length(&self, path: &str) -> Option<usize> {
        if self.paths.is_empty() {
            return Some(0);
        }
        let meets = |prefix: &&String| {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.paths.iter().filter(meets).map(|prefix| prefix.len() + 1).max()
    }
}

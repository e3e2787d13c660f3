//! URL prefixes that are replaced before anything is asked. The rest of the URL stays as it is.

/// One replaced prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Prefix of the URL as in Git.
    pub from: String,
    /// What stands in its place.
    pub to: String,
    /// The mirror's certificate is not checked, and plain HTTP is taken.
    pub insecure: bool,
}

/// All mirrors; the longest prefix wins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mirrors(pub Vec<Mirror>);

/// A URL after the mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// The URL to ask.
    pub url: String,
    /// Whether a mirror took part: then its address is one that the configuration names.
    pub mirrored: bool,
    /// The mirror is insecure.
    pub insecure: bool,
}

impl Mirrors {
    /// Replaces the longest matching prefix, once: index, chart and OCI URLs alike.
    pub fn rewrite(&self, url: &str) -> Mirrored {
        let longest = self.0.iter().filter(|m| url.starts_with(&m.from)).max_by_key(|m| m.from.len());
        match longest {
            Some(mirror) => Mirrored {
                url: format!("{}{}", mirror.to, &url[mirror.from.len()..]),
                mirrored: true,
                insecure: mirror.insecure,
            },
            None => Mirrored { url: url.to_owned(), mirrored: false, insecure: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mirror, Mirrors};

    fn mirrors() -> Mirrors {
        let mirror = |from: &str, to: &str, insecure| Mirror { from: from.into(), to: to.into(), insecure };
        Mirrors(vec![
            mirror("https://", "https://mirror.corp/https/", false),
            mirror("https://charts.example.com/", "http://127.0.0.1:1/c/", true),
            mirror("oci://ghcr.io/", "oci://mirror.corp/ghcr/", false),
        ])
    }

    #[test]
    fn the_longest_prefix_wins_and_the_rest_stays() {
        let got = mirrors().rewrite("https://charts.example.com/stable/index.yaml?x=1");
        assert_eq!(got.url, "http://127.0.0.1:1/c/stable/index.yaml?x=1");
        assert!(got.insecure && got.mirrored);
        assert_eq!(mirrors().rewrite("https://a.example/x").url, "https://mirror.corp/https/a.example/x");
        assert_eq!(mirrors().rewrite("oci://ghcr.io/o/c").url, "oci://mirror.corp/ghcr/o/c");
    }

    #[test]
    fn what_no_prefix_matches_stays_as_it_is() {
        let got = mirrors().rewrite("oci://quay.io/o/c");
        assert_eq!((got.url.as_str(), got.mirrored, got.insecure), ("oci://quay.io/o/c", false, false));
    }
}

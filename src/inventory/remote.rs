//! Whether two remotes are the same repository (Flux rule 24): host and path decide; the scheme, a user, a port and
//! `.git` do not.

/// `https://github.com/acme/fleet.git`, `ssh://git@github.com/acme/fleet` and `git@github.com:acme/fleet` are one place.
pub fn same_repository(a: &str, b: &str) -> bool {
    place(a) == place(b)
}

/// Host (lower case) and path.
fn place(url: &str) -> (String, String) {
    let url = url.trim();
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => match url.split_once(':') {
            Some((host, path)) if !host.contains('/') => (host, path),
            _ => ("", url),
        },
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    // The forges that people use compare owners and names without case.
    (host.to_ascii_lowercase(), path.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::same_repository;

    #[test]
    fn flux_rule_24_scheme_user_port_and_suffix_do_not_matter() {
        let forms = [
            "https://github.com/acme/fleet.git",
            "https://token@GitHub.com/acme/fleet/",
            "ssh://git@github.com:22/acme/fleet",
            "git@github.com:acme/fleet.git",
        ];
        for form in forms {
            assert!(same_repository(form, "https://github.com/acme/fleet"), "{form}");
        }
        assert!(!same_repository("https://github.com/acme/fleet", "https://github.com/acme/fleet-infra"));
        assert!(!same_repository("https://github.com/acme/fleet", "https://gitlab.com/acme/fleet"));
    }
}

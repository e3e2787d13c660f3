//! Whether two remotes are the same repository (Flux rule 24): host and path decide; the scheme, a user, a port and
//! `.git` do not. What a host is called inside a cluster or by a company's DNS is not known here.

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
    by_its_first_name(&host.to_ascii_lowercase(), path.to_ascii_lowercase())
}

/// The forges' second names: SSH over port 443 has a host of its own, and Azure DevOps one for SSH with another path.
fn by_its_first_name(host: &str, path: String) -> (String, String) {
    let first = match host {
        "ssh.github.com" | "www.github.com" => "github.com",
        "altssh.gitlab.com" | "www.gitlab.com" => "gitlab.com",
        "altssh.bitbucket.org" | "www.bitbucket.org" => "bitbucket.org",
        "ssh.dev.azure.com" => {
            let path = path.strip_prefix("v3/").unwrap_or(&path);
            let path = path.rsplit_once('/').map(|(project, name)| format!("{project}/_git/{name}"));
            return ("dev.azure.com".to_owned(), path.unwrap_or_default());
        }
        other => other,
    };
    (first.to_owned(), path)
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
        for (form, other) in [
            ("ssh://git@ssh.github.com:443/acme/fleet.git", "https://github.com/acme/fleet"),
            ("ssh://git@altssh.gitlab.com:443/acme/infra/fleet", "git@gitlab.com:acme/infra/fleet.git"),
            ("ssh://git@altssh.bitbucket.org:443/acme/fleet", "https://bitbucket.org/acme/fleet"),
            ("git@ssh.dev.azure.com:v3/acme/Platform/fleet", "https://acme@dev.azure.com/acme/platform/_git/fleet"),
        ] {
            assert!(same_repository(form, other), "{form}");
        }
        assert!(!same_repository("ssh://git@ssh.github.com:443/acme/fleet", "https://gitlab.com/acme/fleet"));
        assert!(!same_repository("https://github.com/acme/fleet", "https://github.com/acme/fleet-infra"));
        assert!(!same_repository("https://github.com/acme/fleet", "https://gitlab.com/acme/fleet"));
    }
}

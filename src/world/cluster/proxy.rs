//! Which proxy leads to an API server, as kubectl finds it: the kubeconfig's `proxy-url`, which nothing overrules, else
//! `HTTPS_PROXY` (for a server without TLS `HTTP_PROXY`) unless `NO_PROXY` names the server, or it is on this machine.
//! Pure: the environment is an argument. A proxy's user and password are in no message.

use http::Uri;
use std::net::IpAddr;

/// The proxy for a server; nothing where it is reached without one.
///
/// # Errors
/// A proxy is meant that can't be used, with where it comes from.
pub(super) fn proxy(
    own: Option<&str>,
    server: &Uri,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, String> {
    let set = |name: &str| {
        let either = [name.to_owned(), name.to_ascii_lowercase()].into_iter();
        either.filter_map(|name| variable(&name)).find(|text| !text.is_empty())
    };
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        return uri(own, "the kubeconfig's proxy-url").map(Some);
    }
    let name = if server.scheme_str() == Some("http") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    let Some(text) = set(name).filter(|_| !is_left_out(server, &set("NO_PROXY").unwrap_or_default())) else {
        return Ok(None);
    };
    uri(&text, name).map(Some)
}

/// `http://` where a proxy's address has no scheme.
fn uri(text: &str, from: &str) -> Result<Uri, String> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let found = text.parse::<Uri>().ok().filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    let found = found.ok_or_else(|| format!("{from} is not the address of a proxy"))?;
    match found.scheme_str() {
        Some("http" | "https") => Ok(found),
        other => Err(format!(
            "{from} is {}://, which Davit does not speak: it takes http:// and https://",
            other.unwrap_or_default()
        )),
    }
}

/// As Go reads `NO_PROXY`: names with what lies below them, addresses, networks, each with a port or without, and `*`.
fn is_left_out(server: &Uri, no_proxy: &str) -> bool {
    let host = bare(server.host().unwrap_or_default()).to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let entries = no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase());
    entries.filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((network, length)) = entry.split_once('/') {
            return address.is_some_and(|address| is_in(address, network, length));
        }
        let (name, only) = split_port(&entry);
        let name_is_host = match (bare(name).parse::<IpAddr>(), address) {
            (Ok(named), Some(address)) => named == address,
            (Err(_), None) => is_below(&host, name),
            _ => false,
        };
        name_is_host && only.is_none_or(|only| only == port)
    })
}

/// `.example.com` and `*.example.com` are what lies below, `example.com` that and the name itself.
fn is_below(host: &str, name: &str) -> bool {
    let above = name.strip_prefix('*').unwrap_or(name);
    match above.strip_prefix('.') {
        Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => host == above || host.strip_suffix(above).is_some_and(|rest| rest.ends_with('.')),
    }
}

/// A port behind a name, an IPv4 address or an IPv6 address in brackets.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// Whether an address lies in a network.
fn is_in(address: IpAddr, network: &str, length: &str) -> bool {
    let Ok(length) = length.parse::<u32>() else { return false };
    let same = |a: u128, b: u128, bits: u32| length <= bits && (length == 0 || (a ^ b) >> (bits - length) == 0);
    match (address, network.parse()) {
        (IpAddr::V4(a), Ok(IpAddr::V4(b))) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), Ok(IpAddr::V6(b))) => same(a.into(), b.into(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::proxy;

    fn found(own: Option<&str>, server: &str, environment: &[(&str, &str)]) -> Result<Option<String>, String> {
        let variable =
            |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned());
        proxy(own, &server.parse().unwrap(), variable).map(|uri| uri.map(|uri| uri.to_string()))
    }

    #[test]
    fn the_kubeconfigs_own_proxy_goes_before_the_environment_and_is_not_overruled() {
        let environment = [("HTTPS_PROXY", "http://other:1"), ("NO_PROXY", "*")];
        assert_eq!(
            found(Some("http://own:2"), "https://k.example.com", &environment),
            Ok(Some("http://own:2/".into()))
        );
        assert_eq!(found(Some(""), "https://k.example.com", &environment), Ok(None));
    }

    #[test]
    fn the_environments_proxy_is_for_servers_that_no_proxy_leaves_it() {
        let with = |server: &str, no: &str| {
            found(None, server, &[("HTTPS_PROXY", "proxy:3128"), ("NO_PROXY", no)]).unwrap().is_some()
        };
        assert_eq!(
            found(None, "https://k.example.com", &[("https_proxy", "proxy:3128")]),
            Ok(Some("http://proxy:3128/".into()))
        );
        for (server, no) in [
            ("https://10.1.2.3:6443", "127.0.0.1,10.1.2.3"),
            ("https://10.1.2.3:6443", "10.1.0.0/16"),
            ("https://[fd00::1]:6443", "fd00::/8"),
            ("https://[fd00::1]:6443", "[fd00::1]:6443"),
            ("https://k.example.com", "example.com"),
            ("https://k.example.com", ".example.com"),
            ("https://k.example.com", "other, *.example.com"),
            ("https://example.com:6443", "EXAMPLE.com:6443"),
            ("https://k.example.com", "*"),
            ("https://localhost:6443", ""),
            ("https://127.0.0.1:6443", ""),
        ] {
            assert!(!with(server, no), "{server} with {no}");
        }
        for (server, no) in [
            ("https://10.1.2.3:6443", "10.1.2.4,10.2.0.0/16,10.1.2.3:443"),
            ("https://k.example.com", "ample.com"),
            ("https://example.com", ".example.com"),
            ("https://k.example.com", "k.example.com:6443"),
            ("https://k.example.com", "10.0.0.0/8,, nonsense/x"),
        ] {
            assert!(with(server, no), "{server} with {no}");
        }
    }

    #[test]
    fn a_server_without_tls_has_a_variable_of_its_own() {
        let environment = [("HTTPS_PROXY", "http://secure:1"), ("HTTP_PROXY", "http://plain:1")];
        assert_eq!(found(None, "http://k.example.com", &environment), Ok(Some("http://plain:1/".into())));
        assert_eq!(found(None, "http://k.example.com", &environment[..1]), Ok(None));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_said_with_its_place_and_without_its_password() {
        for (own, environment, place) in [
            (Some("socks5://me:s3cret@p:1"), vec![], "the kubeconfig's proxy-url is socks5://"),
            (None, vec![("HTTPS_PROXY", "http://me:s3cret@")], "HTTPS_PROXY is not the address"),
        ] {
            let why = found(own, "https://k.example.com", &environment).unwrap_err();
            assert!(why.starts_with(place) && !why.contains("s3cret"), "{why}");
        }
    }
}

//! Connections that stay on this machine go through no proxy, whatever the environment says (Go's rule, so Flux's), and
//! one without TLS needs no bundle of certificates.

use url::{Host, Url};

/// What a client has to be fit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// Another machine, or a name that could be one.
    Elsewhere,
    /// This machine, with TLS.
    Here,
    /// This machine, in the clear.
    HerePlain,
}

impl Place {
    /// Judged by the URL alone: `localhost` and loopback addresses are here.
    pub fn of(url: &Url) -> Self {
        let here = match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match (here, url.scheme()) {
            (false, _) => Self::Elsewhere,
            (true, "http") => Self::HerePlain,
            (true, _) => Self::Here,
        }
    }

    /// The client for it.
    pub fn fit(self, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        match self {
            Self::Elsewhere => builder,
            Self::Here => builder.no_proxy(),
            Self::HerePlain => builder.no_proxy().tls_certs_only([]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_here() {
        let place = |text: &str| Place::of(&Url::parse(text).unwrap());
        assert_eq!(place("http://127.0.0.1:5000/v2/"), Place::HerePlain);
        assert_eq!(place("http://localhost/"), Place::HerePlain);
        assert_eq!(place("https://[::1]:8443/"), Place::Here);
        assert_eq!(place("https://localhost.example.com/"), Place::Elsewhere);
        assert_eq!(place("http://10.0.0.1/"), Place::Elsewhere);
    }
}

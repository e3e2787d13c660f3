//! Which addresses may be connected to: a public URL in Git must not lead Davit to a private machine.
//!
//! Judged on the address that is connected to, at every hop, never on the name. Every way out that Git's content can
//! choose goes through a [`Guard`]: chart indexes and OCI registries, the tags of Git repositories over HTTPS and SSH.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;
use url::{Host, Url};

/// Names and addresses; a test gives its own.
#[async_trait::async_trait]
pub trait Network: Send + Sync {
    /// Every address of a host name.
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
    /// Whether an address is no public one.
    fn is_private(&self, address: IpAddr) -> bool {
        is_private(address)
    }
}

/// The system's resolver.
pub struct SystemNetwork;

#[async_trait::async_trait]
impl Network for SystemNetwork {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// How far a chain of requests may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Public addresses only: the URL in Git is public.
    Public,
    /// Public addresses only, wherever the URL in Git leads: the configuration says so.
    NeverPrivate,
    /// Private ones too, but not link-local ones, where clouds keep their metadata service.
    Private,
    /// Everything: the configuration names the place.
    Any,
}

impl Reach {
    pub(crate) fn admits(self, address: IpAddr, network: &dyn Network) -> bool {
        match self {
            Self::Any => true,
            Self::Private => !is_metadata(address),
            Self::Public | Self::NeverPrivate => !network.is_private(address),
        }
    }
}

/// Every address of a host is out of reach. Says by which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is {}", rule(*.reach))]
pub struct OutOfReach {
    /// The name, or the address where one is written out.
    pub host: String,
    /// What would have been within reach.
    pub reach: Reach,
}

fn rule(reach: Reach) -> &'static str {
    match reach {
        Reach::NeverPrivate => {
            "a private address, and registries.allowPrivateAddresses is never: refused; if this is meant, name the host in \
             registries.hosts"
        }
        Reach::Private => {
            "an address where clouds keep their metadata service, and only the configuration may lead there: refused; if this \
             is meant, name the host in registries.hosts"
        }
        Reach::Public | Reach::Any => {
            "a private address, and the URL in Git is public: refused; if this is meant, name the host in registries.hosts \
             or set registries.allowPrivateAddresses"
        }
    }
}

/// Lets connections through to what is within reach. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    network: Arc<dyn Network>,
    reach: Reach,
    /// Hosts of the proxies in the environment: they are where the operator put them.
    proxies: Arc<HashSet<String>>,
}

impl Guard {
    /// A guard for one reach.
    pub fn new(network: Arc<dyn Network>, reach: Reach, proxies: Arc<HashSet<String>>) -> Self {
        Self { network, reach, proxies }
    }

    /// Everything goes: for what the configuration names.
    pub fn open() -> Self {
        Self::new(Arc::new(SystemNetwork), Reach::Any, Arc::default())
    }

    /// How far it lets connections go.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Judges an address that is written out in a URL: no resolver ever sees it. Names pass, and are judged when they
    /// are resolved.
    ///
    /// # Errors
    /// The address is out of reach.
    pub fn judge_literal(&self, url: &Url) -> Result<(), OutOfReach> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        if self.reach.admits(address, self.network.as_ref()) {
            return Ok(());
        }
        Err(OutOfReach { host: address.to_string(), reach: self.reach })
    }

    /// The addresses of a host that are within reach; [`OutOfReach`] inside the error where none is.
    async fn addresses(&self, host: &str, exempt: bool) -> std::io::Result<Vec<IpAddr>> {
        let mut all = self.network.resolve(host).await?;
        let found = !all.is_empty();
        all.retain(|address| exempt || self.reach.admits(*address, self.network.as_ref()));
        if found && all.is_empty() {
            return Err(std::io::Error::other(OutOfReach { host: host.to_owned(), reach: self.reach }));
        }
        Ok(all)
    }

    /// A connection to the first address within reach that takes it.
    ///
    /// # Errors
    /// No address, none within reach ([`OutOfReach`] inside), or none that takes the connection.
    pub async fn connect(&self, host: &str, port: u16) -> std::io::Result<TcpStream> {
        let mut last = None;
        for address in self.addresses(host, false).await? {
            match TcpStream::connect(SocketAddr::new(address, port)).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address")))
    }
}

/// As the resolver that reqwest connects through.
impl reqwest::dns::Resolve for Guard {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let within = guard.addresses(&host, guard.proxies.contains(&host)).await?;
            let within: Vec<SocketAddr> = within.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(Box::new(within.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// A cause of this type in an error's chain, also inside `std::io::Error`.
pub(crate) fn in_chain<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        if let Some(inner) = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && let Some(found) = in_chain::<T>(inner)
        {
            return Some(found);
        }
        next = current.source();
    }
    None
}

/// Loopback, private, link-local, carrier-grade NAT, benchmark, multicast and reserved ranges (IANA special-purpose
/// registries), and IPv6 forms that embed an IPv4 address of that kind.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => is_private_v4(v4),
            None => is_private_v6(v6),
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    address.is_loopback()
        || address.is_unspecified()
        || first & 0xfe00 == 0xfc00
        || first & 0xff80 == 0xfe80
        || first & 0xff00 == 0xff00
        || (first == 0x2001 && address.segments()[1] == 0)
}

/// IPv4 inside IPv6: mapped and compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match s {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
            if s[..7] != [0; 7] || low > 1 =>
        {
            of(high, low)
        }
        [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

/// Addresses of clouds' metadata services.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4 == Ipv4Addr::new(100, 100, 100, 200),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => is_metadata(IpAddr::V4(v4)),
            None => v6.segments()[0] & 0xffc0 == 0xfe80 || v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        },
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;

//! Which addresses may be connected to: a public URL in Git must not lead Davit to a private machine.
//!
//! Judged on the address that is connected to, at every hop, never on the name. It opens no connection itself.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

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
pub(super) enum Reach {
    /// Public addresses only.
    Public,
    /// Private ones too, but not link-local ones, where clouds keep their metadata service.
    Private,
    /// Everything: the configuration names the place.
    Any,
}

impl Reach {
    pub(super) fn admits(self, address: IpAddr, network: &dyn Network) -> bool {
        match self {
            Self::Any => true,
            Self::Private => !is_metadata(address),
            Self::Public => !network.is_private(address),
        }
    }
}

/// Raised by the resolver where every address of a name is out of reach.
#[derive(Debug, thiserror::Error)]
#[error("{host} has a private address")]
pub(super) struct OutOfReach {
    pub(super) host: String,
}

/// The resolver that reqwest connects through.
pub(super) struct GuardedResolver {
    pub(super) network: Arc<dyn Network>,
    pub(super) reach: Reach,
    /// Hosts of the proxies in the environment: they are where the operator put them.
    pub(super) proxies: Arc<HashSet<String>>,
}

impl reqwest::dns::Resolve for GuardedResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (network, reach) = (self.network.clone(), self.reach);
        let host = name.as_str().to_ascii_lowercase();
        let exempt = self.proxies.contains(&host);
        Box::pin(async move {
            let all = network.resolve(&host).await?;
            let found = !all.is_empty();
            let within: Vec<SocketAddr> = all
                .into_iter()
                .filter(|address| exempt || reach.admits(*address, network.as_ref()))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if found && within.is_empty() {
                return Err(OutOfReach { host }.into());
            }
            Ok(Box::new(within.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// Loopback, private, link-local, carrier-grade NAT, benchmark, multicast and reserved ranges (IANA special-purpose
/// registries), and IPv6 forms that embed an IPv4 address of that kind.
pub(super) fn is_private(address: IpAddr) -> bool {
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

//! Addresses: networks, and who a request really comes from when a proxy stands before us.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// A list of addresses and networks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Networks(Vec<IpNet>);

impl Networks {
    /// # Errors
    /// The item that is no address.
    pub(crate) fn parse(items: &[String]) -> Result<Self, String> {
        let network = |item: &String| {
            let parsed = item.parse::<IpNet>().or_else(|_| item.parse::<IpAddr>().map(IpNet::from));
            parsed.map_err(|_| item.clone())
        };
        items.iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// Whether the browser speaks TLS, to us or to a proxy that we believe.
    pub(crate) https: bool,
}

impl Client {
    /// Only a proxy that is believed may say who asks: the last address that is not such a proxy's.
    pub(crate) fn of(peer: IpAddr, tls: bool, headers: &HeaderMap, proxies: &Networks) -> Self {
        let peer = peer.to_canonical();
        if !proxies.contains(peer) {
            return Self { address: peer, https: tls };
        }
        let mut chain: Vec<&str> = Vec::new();
        for value in headers.get_all("x-forwarded-for") {
            chain.extend(value.to_str().unwrap_or_default().split(','));
        }
        let mut address = peer;
        for text in chain.iter().rev() {
            // What cannot be read says nothing of those before it.
            let Some(next) = forwarded(text) else { break };
            address = next;
            if !proxies.contains(next) {
                break;
            }
        }
        let scheme = headers.get_all("x-forwarded-proto").iter().next_back().and_then(|value| value.to_str().ok());
        let scheme = scheme.and_then(|text| text.rsplit(',').next()).map(str::trim);
        Self { address, https: tls || scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")) }
    }
}

/// `192.0.2.7`, `192.0.2.7:443`, `2001:db8::1`, `[2001:db8::1]:443`
fn forwarded(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.parse::<IpAddr>().or_else(|_| text.trim_matches(['[', ']']).parse());
    let address = bare.or_else(|_| text.parse::<std::net::SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(items: &[&str]) -> Networks {
        Networks::parse(&items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn client(peer: &str, headers: &[(&'static str, &'static str)], proxies: &[&str]) -> (String, bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let client = Client::of(peer.parse().unwrap(), false, &map, &networks(proxies));
        (client.address.to_string(), client.https)
    }

    #[test]
    fn networks_hold_addresses_of_both_families() {
        let list = networks(&["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"]);
        for inside in ["192.0.2.7", "10.1.2.3", "2001:db8::5", "::ffff:10.1.2.3"] {
            assert!(list.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["192.0.2.8", "11.0.0.1", "2001:db9::5"] {
            assert!(!list.contains(outside.parse().unwrap()), "{outside}");
        }
        assert_eq!(Networks::parse(&["10.0.0.0/99".to_owned()]).unwrap_err(), "10.0.0.0/99");
    }

    #[test]
    fn only_a_known_proxy_is_believed() {
        let headers = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")];
        assert_eq!(client("192.0.2.1", &headers, &[]), ("192.0.2.1".into(), false));
        assert_eq!(client("192.0.2.1", &headers, &["192.0.2.1"]), ("203.0.113.9".into(), true));
    }

    #[test]
    fn what_a_stranger_writes_before_the_proxy_is_not_believed() {
        let headers = [("x-forwarded-for", "10.9.9.9, 203.0.113.9"), ("x-forwarded-for", "192.0.2.2:1234")];
        assert_eq!(client("192.0.2.1", &headers, &["192.0.2.0/24"]).0, "203.0.113.9");
        let junk = [("x-forwarded-for", "10.9.9.9, <script>")];
        assert_eq!(client("192.0.2.1", &junk, &["192.0.2.1"]).0, "192.0.2.1");
    }
}

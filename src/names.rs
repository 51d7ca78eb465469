//! Host names to addresses, without the C library.
//!
//! The released binary is static and runs on any Linux. The C library's resolver is no part of such a binary: it loads
//! the host's NSS modules, which fit the host's own C library alone. So names are looked up in `/etc/hosts` and at the
//! name servers of `/etc/resolv.conf`; what only another NSS module knows (mDNS, LDAP) is not found. reqwest's own use
//! of the same crate asks public name servers where that file cannot be read, and a BMC's name is nobody's business.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Looks names up for one HTTP client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<OnceLock<TokioResolver>>);

/// A name without an address. What the resolver says is in the text and no cause, because people are shown the last one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NameError {
    #[error("the name servers cannot be read from /etc/resolv.conf: {0}; give an IP address, or set them up")]
    NoServers(String),
    #[error("the name `{0}` has no address, by /etc/hosts and the name servers of /etc/resolv.conf")]
    NoAddress(String),
    #[error("the name servers of /etc/resolv.conf were asked for `{0}`: {1}")]
    Failed(String, String),
}

impl Names {
    /// Made at the first name, because most BMCs are given by address.
    fn resolver(&self) -> Result<&TokioResolver, NameError> {
        if let Some(resolver) = self.0.get() {
            return Ok(resolver);
        }
        let made = TokioResolver::builder_tokio().and_then(|mut builder| {
            builder.options_mut().ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
            builder.build()
        });
        let made = made.map_err(|error| NameError::NoServers(error.to_string()))?;
        Ok(self.0.get_or_init(|| made))
    }

    /// The addresses of a host: its own where it is given by one, with or without brackets.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NameError> {
        let plain = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match plain.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => self.find(host).await,
        }
    }

    async fn find(&self, name: &str) -> Result<Vec<IpAddr>, NameError> {
        let found = self.resolver()?.lookup_ip(name).await.map_err(|error| {
            let name = name.to_owned();
            if error.is_no_records_found() {
                NameError::NoAddress(name)
            } else {
                NameError::Failed(name, error.to_string())
            }
        })?;
        Ok(found.iter().collect())
    }

    async fn look_up(self, name: Name) -> Result<Addrs, Box<dyn Error + Send + Sync>> {
        let found = self.find(name.as_str()).await?.into_iter();
        let addresses: Vec<SocketAddr> = found.map(|address| SocketAddr::new(address, 0)).collect();
        Ok(Box::new(addresses.into_iter()))
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(self.clone().look_up(name))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::dns::Resolve;

    use super::Names;

    #[tokio::test]
    async fn this_machines_own_name_is_found_without_a_server() {
        let found = Names::default().resolve("localhost".parse().unwrap()).await.unwrap();
        assert!(found.map(|address| address.ip()).all(|ip| ip.is_loopback()));
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_is_an_error_that_names_it() {
        let error = Names::default().resolve("bmc.invalid".parse().unwrap()).await.err().unwrap();
        assert!(error.to_string().contains("`bmc.invalid`"), "{error}");
    }
}

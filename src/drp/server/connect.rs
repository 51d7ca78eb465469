//! The HTTP client, and which certificates it takes from the server.

use std::time::Duration;

use crate::names::Names;
use crate::words::told;

/// Which certificates are taken from the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerTls {
    /// Any: the server makes its own at its first start, and every client that ships with it takes it.
    #[default]
    Accept,
    /// What chains to a known CA.
    Verify {
        /// The CA certificates as PEM; the system's where there are none.
        ca_pem: Option<String>,
    },
}

pub(super) fn client(tls: &ServerTls, connect: Duration) -> Result<reqwest::Client, String> {
    let builder = reqwest::Client::builder()
        // The plugin runs beside its server, and reqwest would use HTTPS_PROXY even without its system-proxy feature.
        .no_proxy()
        .dns_resolver(Names::default())
        // The event stream is an upgrade, which only HTTP/1.1 has.
        .http1_only()
        .gzip(true)
        // The token is for this server alone.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(connect)
        .pool_max_idle_per_host(8)
        .pool_idle_timeout(Duration::from_secs(30));
    let builder = match tls {
        ServerTls::Accept => builder.tls_danger_accept_invalid_certs(true),
        ServerTls::Verify { ca_pem: None } => builder,
        ServerTls::Verify { ca_pem: Some(pem) } => {
            let authorities = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|e| told(&e))?;
            if authorities.is_empty() {
                return Err("the CA certificates are no PEM".to_owned());
            }
            builder.tls_certs_only(authorities)
        }
    };
    builder.build().map_err(|e| told(&e))
}

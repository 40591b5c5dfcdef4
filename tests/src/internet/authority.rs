//! Who issues the certificates: an authority that the client knows, and one that it does not.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::locked;

/// What a server presents to a client that asks for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Certificate {
    /// For that name, from the authority in
    /// [`Internet::ca_pem_path`](super::Internet::ca_pem_path).
    Good,
    /// For that name, from an authority of the same name that is not the one.
    UnknownAuthority,
    /// For another name.
    OtherName,
    /// For that name, until the end of 2020.
    Expired,
    /// For that name, from the year 2200 on.
    NotYetValid,
    /// For that name, from nobody but the server itself.
    SelfSigned,
}

#[derive(Debug)]
pub(super) struct Authorities {
    known: Authority,
    unknown: Authority,
    issued: Mutex<HashMap<(String, Certificate), Arc<ServerConfig>>>,
}

#[derive(Debug)]
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authorities {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { known: Authority::new()?, unknown: Authority::new()?, issued: Mutex::default() })
    }

    /// The certificate of the authority that is known.
    pub(super) fn known_pem(&self) -> String {
        self.known.0.pem()
    }

    /// How a server talks TLS that presents such a certificate to who asks for this name. It stays
    /// the same one: a browser that was told to put up with it would not put up with another.
    pub(super) fn server(
        &self,
        name: &str,
        certificate: Certificate,
    ) -> io::Result<Arc<ServerConfig>> {
        let mut issued = locked(&self.issued);
        if let Some(server) = issued.get(&(name.to_owned(), certificate)) {
            return Ok(Arc::clone(server));
        }
        let usual = params(name)?;
        let server = Arc::new(match certificate {
            Certificate::Good => self.known.server(usual)?,
            Certificate::UnknownAuthority => self.unknown.server(usual)?,
            Certificate::OtherName => self.known.server(params("other.invalid")?)?,
            Certificate::Expired => self.known.server(valid(usual, 2020))?,
            Certificate::NotYetValid => self.known.server(valid(usual, 2200))?,
            Certificate::SelfSigned => {
                let key = KeyPair::generate().map_err(io::Error::other)?;
                let certificate = usual.self_signed(&key).map_err(io::Error::other)?;
                talking(&certificate, &key)?
            }
        });
        issued.insert((name.to_owned(), certificate), Arc::clone(&server));
        Ok(server)
    }
}

impl Authority {
    fn new() -> io::Result<Self> {
        let mut params = CertificateParams::new([]).map_err(io::Error::other)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = called("Sandbox authority");
        let key = KeyPair::generate().map_err(io::Error::other)?;
        CertifiedIssuer::self_signed(params, key).map(Self).map_err(io::Error::other)
    }

    fn server(&self, params: CertificateParams) -> io::Result<ServerConfig> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        talking(&params.signed_by(&key, &self.0).map_err(io::Error::other)?, &key)
    }
}

/// What a certificate for this name says, whoever signs it.
fn params(name: &str) -> io::Result<CertificateParams> {
    let mut params = CertificateParams::new([name.to_owned()]).map_err(io::Error::other)?;
    params.distinguished_name = called(name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// The same, but in this year only.
fn valid(mut params: CertificateParams, year: i32) -> CertificateParams {
    params.not_before = date_time_ymd(year, 1, 1);
    params.not_after = date_time_ymd(year, 12, 31);
    params
}

fn talking(certificate: &rcgen::Certificate, key: &KeyPair) -> io::Result<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

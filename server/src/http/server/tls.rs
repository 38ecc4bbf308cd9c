//! TLS: a certificate and its key from two files, which are read again when they change.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpStream, time::MissedTickBehavior};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        Error, InconsistentKeys, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};
use zeroize::Zeroizing;

use crate::service::{Clock, Timestamp};

/// How often is looked whether the files have changed.
const LOOK: Duration = Duration::from_secs(2);
/// The first byte of whoever wants to shake hands: the type of the record that holds it.
const HANDSHAKE: u8 = 22;

/// Where the certificate and its key are, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate, and then those of the authorities between it and one that clients know.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What shakes hands with clients.
pub struct Tls {
    files: TlsFiles,
    serving: ArcSwap<ServerConfig>,
    /// Of the files as they were read first.
    first: Print,
}

/// How a connection has begun.
pub enum Opening {
    /// With a handshake, which is done.
    Secure(Box<TlsStream<TcpStream>>),
    /// With something else. Nothing of it was read.
    Plain(TcpStream),
}

/// What the files hold, or why they cannot be read: by what is in them, since a link can lead elsewhere tomorrow, and a
/// copy can keep the time of its original.
type Print = [u8; 32];

/// What is in the files.
struct Pair {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A sentence that says which of them cannot be used, and why.
    pub fn load(files: TlsFiles, clock: &Clock) -> Result<Self, String> {
        let pair = Pair::read(&files)?;
        let serving = ArcSwap::from_pointee(pair.config(&files, clock.now())?);
        Ok(Self { files, serving, first: pair.print() })
    }

    /// Shakes hands with a client, if that is what it has come for.
    pub async fn open(&self, stream: TcpStream) -> io::Result<Opening> {
        let mut first = [0];
        if stream.peek(&mut first).await? > 0 && first != [HANDSHAKE] {
            return Ok(Opening::Plain(stream));
        }
        let stream = TlsAcceptor::from(self.serving.load_full()).accept(stream).await?;
        Ok(Opening::Secure(Box::new(stream)))
    }

    /// Takes up what is in the files whenever it has changed, until it is dropped. What cannot be used is told once, and
    /// what was served before goes on.
    pub async fn keep_up(self: Arc<Self>, clock: Clock) {
        let (mut known, mut doubtful) = (self.first, None);
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (this, clock) = (Arc::clone(&self), clock.clone());
            let looked = tokio::task::spawn_blocking(move || this.look(known, clock.now())).await;
            match looked {
                Ok((print, _)) if print == known => doubtful = None,
                Ok((print, Ok(Some(config)))) => {
                    self.serving.store(Arc::new(config));
                    tracing::info!(file = %self.files.certificate.display(), "the certificate was read again, and is served");
                    (known, doubtful) = (print, None);
                }
                // Whoever replaces two files is for a moment between the two.
                Ok((print, _)) if doubtful != Some(print) => doubtful = Some(print),
                Ok((print, unusable)) => {
                    let reason = unusable.err().unwrap_or_default();
                    tracing::error!(reason, "the new certificate cannot be used; the one before is served still");
                    (known, doubtful) = (print, None);
                }
                Err(error) => tracing::error!(%error, "the certificate could not be looked at; trying again"),
            }
        }
    }

    /// What there is now, and how to serve it if that is not what is known.
    fn look(&self, known: Print, now: Timestamp) -> (Print, Result<Option<ServerConfig>, String>) {
        match Pair::read(&self.files) {
            Ok(pair) => {
                let print = pair.print();
                (print, if print == known { Ok(None) } else { pair.config(&self.files, now).map(Some) })
            }
            Err(reason) => (Sha256::digest(&reason).into(), Err(reason)),
        }
    }
}

impl Pair {
    fn read(files: &TlsFiles) -> Result<Self, String> {
        let read = |what: &str, path: &Path| {
            fs::read(path).map_err(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => format!(
                    "cannot read the {what} {}: {error}; the user that runs the server must be able to read it",
                    path.display()
                ),
                _ => format!("cannot read the {what} {}: {error}", path.display()),
            })
        };
        Ok(Self {
            certificate: read("certificate", &files.certificate)?,
            key: Zeroizing::new(read("key", &files.key)?),
        })
    }

    fn print(&self) -> Print {
        let hashed = [Sha256::digest(&self.certificate), Sha256::digest(&self.key)];
        Sha256::digest(hashed.concat()).into()
    }

    /// How it is served.
    fn config(&self, files: &TlsFiles, now: Timestamp) -> Result<ServerConfig, String> {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| format!("the certificate {certificate} is no whole PEM: {error}"))?;
        let Some(own) = chain.first() else {
            return Err(format!(
                "{certificate} holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"
            ));
        };
        let private = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| format!("{key} holds no private key in PEM, or one that asks for a password"))?;
        let ends = x509_parser::parse_x509_certificate(own)
            .map_err(|_| format!("{certificate} holds something other than a certificate"))?
            .1
            .validity()
            .not_after
            .timestamp();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private));
        let mut config = config.map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
                "the key {key} does not belong to the certificate {certificate}; where that holds several, the server's own comes first"
            ),
            error => format!("the certificate {certificate} and the key {key} cannot be used: {error}"),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let ends = Timestamp::from_millis(ends.saturating_mul(1000));
        if ends <= now {
            tracing::warn!(file = %certificate, %ends, "the certificate has expired: clients refuse it");
        }
        Ok(config)
    }
}

//! TLS as clients meet it, and a certificate that is renewed while the server runs.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::{Duration, Instant},
};

use astral_tests::{TestServer, binary};
use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
        version::{TLS12, TLS13},
    },
};

use crate::{
    connections::{connect, until_closed},
    metrics::Scrape,
};

/// Vouches for servers on this machine.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

/// The two files in a folder.
struct Files {
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Authority of the tests");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    fn issue(&self) -> Pair {
        self.issue_until(2999)
    }

    fn issue_until(&self, year: i32) -> Pair {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, "A server of the tests");
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2000, 1, 1), rcgen::date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Pair {
            certificate: pem("CERTIFICATE", certificate.der()),
            key: pem("PRIVATE KEY", &key.serialize_der()),
            der: certificate.der().clone(),
        }
    }

    /// What trusts it and nobody else, with these versions of TLS and these protocols.
    fn client(&self, versions: &[&'static SupportedProtocolVersion], protocols: &[&str]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config).into()
    }

    /// Shakes hands with the server.
    async fn connect(&self, server: &TestServer) -> TlsStream<TcpStream> {
        shake_hands(&self.client(&[&TLS13, &TLS12], &[]), server.address()).await
    }

    /// The certificate that a new connection is shown.
    async fn shown(&self, server: &TestServer) -> CertificateDer<'static> {
        let stream = self.connect(server).await;
        let shown = stream.get_ref().1.peer_certificates().expect("certificates");
        shown[0].clone().into_owned()
    }

    /// Waits until new connections are shown this one.
    async fn wait_until_shown(&self, server: &TestServer, pair: &Pair) {
        wait_until("the certificate is taken up", async || self.shown(server).await == pair.der).await;
    }
}

/// What a file holds of this kind.
fn pem(kind: &str, der: &[u8]) -> String {
    let mut lines = format!("-----BEGIN {kind}-----\n");
    // A line holds 64 characters.
    for bytes in der.chunks(48) {
        lines.push_str(&BASE64.encode(bytes));
        lines.push('\n');
    }
    format!("{lines}-----END {kind}-----\n")
}

impl Files {
    fn with(pair: &Pair) -> Self {
        let files = Self { folder: TempDir::new().expect("a folder") };
        files.write(pair);
        files
    }

    fn write(&self, pair: &Pair) {
        fs::write(self.certificate(), &pair.certificate).expect("written");
        fs::write(self.key(), &pair.key).expect("written");
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("fullchain.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("privkey.pem")
    }

    async fn serve(&self, flags: &[&str]) -> TestServer {
        serve_from(&self.certificate(), &self.key(), flags).await
    }
}

async fn serve_from(certificate: &Path, key: &Path, flags: &[&str]) -> TestServer {
    let [certificate, key] = [certificate, key].map(|path| path.to_str().expect("UTF-8"));
    let server = TestServer::start_with(&[&["--tls-cert", certificate, "--tls-key", key], flags].concat()).await;
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    server
}

async fn shake_hands(client: &TlsConnector, address: SocketAddr) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.expect("connected");
    client.connect(ServerName::try_from("localhost").expect("a name"), stream).await.expect("hands are shaken")
}

/// Sends a request, and reads the answer to its end.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the server says when it ends");
    answer
}

/// Looks again and again whether it holds.
async fn wait_until(what: &str, holds: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(120), "in two minutes: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_client_that_knows_the_authority_is_served() {
    let authority = Authority::new();
    let files = Files::with(&authority.issue());
    let mut server = files.serve(&[]).await;
    let root = reqwest::Certificate::from_der(authority.0.der()).expect("a root");
    let client = astral_client::http().tls_certs_only([root]).build().expect("a client");
    let health = client.get(format!("{}/health/live", server.url)).send().await.expect("answered");
    assert_eq!(health.status(), 200);
    assert_eq!(health.version(), reqwest::Version::HTTP_11);
    let setup = serde_json::json!({
        "setup_code": server.setup_code(), "organization_name": "Summit", "display_name": "Ana",
        "email": "ana@summit.example", "password": astral_tests::password("ana"),
    });
    let answer = client.post(format!("{}/api/v1/setup", server.url)).json(&setup).send().await.expect("answered");
    assert_eq!(answer.status(), 201);
    // Browsers come with TLS from now on. A refusal tells it too.
    let me = client.get(format!("{}/api/v1/auth/me", server.url)).send().await.expect("answered");
    assert_eq!(me.status(), 401);
    for answer in [&health, &answer, &me] {
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    }
    // What links to the server begins as the request did.
    let token = answer.json::<Value>().await.expect("JSON")["token"].as_str().expect("a token").to_owned();
    let organizations = client.get(format!("{}/api/v1/auth/me", server.url)).bearer_auth(&token).send().await;
    let organizations: Value = organizations.expect("answered").json().await.expect("JSON");
    let id = organizations["memberships"][0]["organization_id"].as_str().expect("an id").to_owned();
    let members = format!("{}/api/v1/organizations/{id}/members", server.url);
    let member = serde_json::json!({ "display_name": "Cleo", "role": "athlete" });
    let member = client.post(&members).bearer_auth(&token).json(&member).send().await.expect("answered");
    let member: Value = member.json().await.expect("JSON");
    let invitation = format!("{members}/{}/invitation", member["id"].as_str().expect("an id"));
    let email = serde_json::json!({ "email": "cleo@summit.example" });
    let invitation = client.post(invitation).bearer_auth(&token).json(&email).send().await.expect("answered");
    let invitation: Value = invitation.json().await.expect("JSON");
    let link = invitation["link"].as_str().expect("a link");
    assert!(link.starts_with(&format!("{}/", server.url)), "{}", link.split('#').next().unwrap_or_default());
    // Whoever does not know the authority says so, and the operator needs neither.
    server.request("get", "/health/live").send().await.expect_err("refused");
    assert!(server.operator(&["org", "list"], "").status.success());
    assert!(server.stop().await.expect("a process").success());
}

#[tokio::test]
async fn both_versions_are_spoken_and_http_1_1_is_agreed_on() {
    let authority = Authority::new();
    let server = Files::with(&authority.issue()).serve(&[]).await;
    for (version, name) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        for protocols in [&[][..], &["http/1.1"], &["h2", "http/1.1"]] {
            let mut stream = shake_hands(&authority.client(&[version], protocols), server.address()).await;
            let session = stream.get_ref().1;
            assert_eq!(session.protocol_version(), Some(name));
            let agreed = session.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned());
            assert_eq!(agreed.as_deref(), (!protocols.is_empty()).then_some("http/1.1"));
            let answer = ask(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            assert!(answer.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{answer}");
        }
    }
    let stream = TcpStream::connect(server.address()).await.expect("connected");
    let http_2 = authority.client(&[&TLS13], &["h2"]);
    http_2.connect(ServerName::try_from("localhost").expect("a name"), stream).await.expect_err("not spoken");
}

#[tokio::test]
async fn http_without_tls_is_told_where_to_go() {
    let authority = Authority::new();
    let server = Files::with(&authority.issue()).serve(&["--metrics-listen", "127.0.0.1:0"]).await;
    let body = "x".repeat(2_000_000);
    let post = format!("POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for request in ["GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", &post] {
        let mut stream = connect(&server).await;
        stream.write_all(request.as_bytes()).await.expect("all of it is taken");
        let answer = until_closed(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.contains("content-type: application/problem+json") && head.contains("connection: close"),
            "{head}"
        );
        assert!(!head.contains("strict-transport-security"), "{head}");
        let problem: Value = serde_json::from_str(body).expect("a problem");
        assert_eq!((&problem["code"], &problem["status"]), (&"malformed_request".into(), &400.into()));
        assert!(problem["detail"].as_str().expect("text").contains("use https://"), "{problem}");
    }
    let mut junk = connect(&server).await;
    junk.write_all(&[22; 4096]).await.expect("sent");
    until_closed(&mut junk).await;
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.value("astral_tls_plain_requests_total"), 2.0);
    assert_eq!(scrape.value("astral_tls_handshakes_failed_total"), 1.0);
    // Nor is it told where there is no TLS.
    let plain = TestServer::start().await;
    let answer = plain.request("get", "/health/live").send().await.expect("answered");
    assert!(!answer.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let authority = Authority::new();
    let first = authority.issue();
    let files = Files::with(&first);
    let server = files.serve(&["--header-timeout", "3600"]).await;
    assert_eq!(authority.shown(&server).await, first.der);
    let mut before = authority.connect(&server).await;
    let second = authority.issue();
    files.write(&second);
    authority.wait_until_shown(&server, &second).await;
    assert!(ask(&mut before).await.starts_with("HTTP/1.1 200 OK"), "who is connected stays so");

    let complaints = || server.log().matches("the new certificate cannot be used").count();
    let third = authority.issue();
    let broken: [(&str, &dyn Fn()); 4] = [
        ("does not belong to", &|| fs::write(files.certificate(), &third.certificate).expect("written")),
        ("holds no certificate in PEM", &|| fs::write(files.certificate(), "").expect("written")),
        ("is no whole PEM", &|| {
            fs::write(files.certificate(), &third.certificate[..third.certificate.len() / 2]).expect("written");
        }),
        ("cannot read the certificate", &|| fs::remove_file(files.certificate()).expect("removed")),
    ];
    for (number, (reason, break_it)) in broken.into_iter().enumerate() {
        break_it();
        wait_until(reason, async || complaints() == number + 1).await;
        assert!(server.log().contains(reason), "{reason}");
        assert_eq!(authority.shown(&server).await, second.der, "the one before is served still");
    }
    files.write(&third);
    authority.wait_until_shown(&server, &third).await;
    assert_eq!(complaints(), 4, "each was told once");
}

/// Some who renew certificates write a new folder, and let a link lead there.
#[tokio::test]
async fn a_link_that_leads_to_another_pair_is_followed() {
    let authority = Authority::new();
    let (first, second) = (authority.issue(), authority.issue());
    let (one, other) = (Files::with(&first), Files::with(&second));
    let folder = TempDir::new().expect("a folder");
    let live = folder.path().join("live");
    symlink(one.folder.path(), &live).expect("a link");
    let server = serve_from(&live.join("fullchain.pem"), &live.join("privkey.pem"), &[]).await;
    assert_eq!(authority.shown(&server).await, first.der);
    symlink(other.folder.path(), folder.path().join("next")).expect("a link");
    fs::rename(folder.path().join("next"), &live).expect("the link leads elsewhere");
    authority.wait_until_shown(&server, &second).await;
}

#[tokio::test]
async fn an_expired_certificate_is_served_and_told_of() {
    let authority = Authority::new();
    let pair = authority.issue_until(2020);
    let server = Files::with(&pair).serve(&[]).await;
    assert!(server.log().contains("the certificate has expired"));
    let stream = TcpStream::connect(server.address()).await.expect("connected");
    let client = authority.client(&[&TLS13], &[]);
    client.connect(ServerName::try_from("localhost").expect("a name"), stream).await.expect_err("expired");
}

/// Neither silence before and after the handshake, nor what breaks off, keeps others out.
#[tokio::test]
async fn bad_company_keeps_nobody_out() {
    let authority = Authority::new();
    let files = Files::with(&authority.issue());
    let flags = ["--max-connections", "4", "--header-timeout", "3600"];
    let mut server = files.serve(&flags).await;
    let mut company = Vec::new();
    for _ in 0..4 {
        company.push(connect(&server).await);
    }
    // One that wants to shake hands, and goes no further.
    let mut half = connect(&server).await;
    half.write_all(&[22, 3, 1, 2, 0, 1]).await.expect("sent");
    assert!(ask(&mut authority.connect(&server).await).await.starts_with("HTTP/1.1 200 OK"));
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(authority.connect(&server).await);
    }
    assert!(ask(&mut authority.connect(&server).await).await.starts_with("HTTP/1.1 200 OK"));
    // Who breaks off says nothing before they go.
    for _ in 0..8 {
        let mut stream = authority.connect(&server).await;
        stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).await.expect("answered");
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        drop(stream);
    }
    // What is no handshake, though it begins as one does.
    let mut junk = connect(&server).await;
    junk.write_all(&[22; 4096]).await.expect("sent");
    until_closed(&mut junk).await;
    assert!(ask(&mut authority.connect(&server).await).await.starts_with("HTTP/1.1 200 OK"));
    assert!(!server.log().contains("ERROR astral_server"), "nothing of that is a fault of the server");
    assert!(server.stop().await.expect("a process").success());
    drop((company, half, idle));
}

#[tokio::test]
async fn a_handshake_has_as_long_as_a_head() {
    let authority = Authority::new();
    let server = Files::with(&authority.issue()).serve(&["--header-timeout", "3"]).await;
    for sent in [&[][..], &[22], &[22, 3, 1, 2, 0, 1]] {
        let mut stream = connect(&server).await;
        stream.write_all(sent).await.expect("sent");
        until_closed(&mut stream).await;
    }
    // Idle once hands are shaken.
    let mut stream = authority.connect(&server).await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

/// What the server says when it does not start.
fn refused(output: Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn what_cannot_be_served_is_refused_with_a_sentence() {
    let authority = Authority::new();
    let (pair, other) = (authority.issue(), authority.issue());
    let files = Files::with(&pair);
    let data = TempDir::new().expect("a folder");
    let serve = |flags: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path().join("data")).args(flags);
        command
    };
    let said = |flags: &[&str]| refused(serve(flags).output().expect("runs"));
    let (certificate, key) = (files.certificate(), files.key());
    let (certificate, key) = (certificate.to_str().expect("UTF-8"), key.to_str().expect("UTF-8"));
    assert!(said(&["--tls-cert", certificate]).contains("--tls-cert needs --tls-key"));
    assert!(said(&["--tls-key", key]).contains("--tls-key needs --tls-cert"));
    let variable = serve(&[]).env("ASTRAL_TLS_CERT", certificate).output().expect("runs");
    assert!(refused(variable).contains("--tls-cert needs --tls-key"));
    let config = data.path().join("astral.toml");
    fs::write(&config, format!("tls_key = \"{key}\"")).expect("written");
    assert!(said(&["--config", config.to_str().expect("UTF-8")]).contains("--tls-key needs --tls-cert"));
    assert!(said(&["--max-connections-per-address", "10000001"]).contains("from 0 to"));

    let both = || said(&["--tls-cert", certificate, "--tls-key", key]);
    fs::write(key, &other.key).expect("written");
    assert!(both().contains("does not belong to the certificate"));
    fs::write(key, &pair.certificate).expect("written");
    assert!(both().contains("holds no private key in PEM"));
    fs::remove_file(key).expect("removed");
    assert!(both().contains("cannot read the key"));
    files.write(&pair);
    fs::write(certificate, &pair.key).expect("written");
    assert!(both().contains("holds no certificate in PEM"));
    fs::write(certificate, &pair.certificate[..pair.certificate.len() - 40]).expect("written");
    assert!(both().contains("is no whole PEM"));
    fs::write(certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("written");
    assert!(both().contains("holds something other than a certificate"));
    fs::remove_file(certificate).expect("removed");
    assert!(both().contains("cannot read the certificate"));
    assert!(!data.path().join("data").exists(), "nothing was made before that was known");
    // With TLS the server may be reached from other machines; this address no machine has.
    files.write(&pair);
    let flags = ["--listen", "192.0.2.1:1", "--tls-cert", certificate, "--tls-key", key];
    let mut beyond = Command::new(binary());
    beyond.args(["serve", "--data"]).arg(data.path().join("data")).args(flags);
    assert!(refused(beyond.output().expect("runs")).contains("cannot listen on 192.0.2.1:1"));
}

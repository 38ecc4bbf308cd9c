use astral_admin::state::Screen as Shown;
use astral_tests::{TestServer, screen::Screen};

use super::club;

#[tokio::test]
async fn a_new_server_is_set_up_with_its_code() {
    let server = TestServer::start().await;
    let mut screen = Screen::open(&server.url);
    screen.click("First time? Set up this server");
    screen.click("Set up the server");
    screen.wait_for("Must not be empty.");
    screen.type_into("Setup code", "not the code");
    screen.type_into("Club", "Summit Running Club");
    screen.type_into("Your name", "Ana Ruiz");
    screen.type_into("Email", "ana@summit.example");
    screen.type_into("Password", "password1234");
    screen.wait_for_words("among the most common passwords");
    screen.type_into("Password", "lantern-harbor-quiet-violet");
    screen.click("Set up the server");
    screen.wait_for("Wrong setup code.");
    screen.type_into("Setup code", &server.setup_code());
    screen.click("Set up the server");
    screen.wait_for("No API keys yet");
    assert!(screen.shows("Summit Running Club"));
}

#[tokio::test]
async fn a_wrong_password_is_said_and_what_was_typed_stays() {
    let (server, club) = club().await;
    let mut screen = Screen::open(&server.url);
    screen.sign_in(&club.head_coach.email, "not the password");
    screen.wait_for("Wrong email or password.");
    assert_eq!(screen.value("Email"), club.head_coach.email);
    screen.type_into("Password", &club.head_coach.password);
    screen.press("Enter");
    screen.wait_for("No API keys yet");
}

#[tokio::test]
async fn who_heads_no_club_is_told_who_can_help() {
    let (server, club) = club().await;
    let mut screen = Screen::open(&server.url);
    screen.sign_in(&club.coach.email, &club.coach.password);
    screen.wait_for("Only the head coach manages API keys");
    screen.wait_for("At Summit Running Club that is Ana Head.");
    screen.click("Sign in as somebody else");
    screen.wait_for("Sign in");

    screen.sign_in(&club.athlete.email, &club.athlete.password);
    screen.wait_for("You are a member of Summit Running Club.");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_a_wrong_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let mut screen = Screen::open(&address);
    screen.sign_in("ana@summit.example", "lantern-harbor-quiet");
    screen.wait_for(&format!("Nothing answers at {address}."));

    screen.type_into("Server", "astral.invalid");
    screen.click("Sign in");
    screen.wait_for("There is no server called astral.invalid.");

    screen.type_into("Server", "not an address");
    screen.click("Sign in");
    screen.wait_for("Must be an address, such as https://astral.club.example or 127.0.0.1:7878.");

    screen.type_into("Server", "http://astral.club.example");
    screen.wait_for_words("This address is not encrypted");
}

/// Answers every request with these bytes, as some other server would.
async fn other_server(answer: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let listener = listener.into_std().expect("a listener");
        listener.set_nonblocking(false).expect("set");
        for connection in listener.incoming().take(4) {
            use std::io::{Read as _, Write as _};
            let mut connection = connection.expect("a connection");
            let mut head = [0; 4096];
            let _ = connection.read(&mut head);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    address
}

#[tokio::test]
async fn another_kind_of_server_and_another_version_are_told_apart() {
    let problem = r#"{"type":"/x","title":"x","status":401,"detail":"x","code":"x","errors":[],"resource_id":null,"request_id":"req_x"}"#;
    let refusal = |version: &str| {
        let length = problem.len();
        format!(
            "HTTP/1.1 401 Unauthorized\r\nastral-version: {version}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{problem}"
        )
    };
    for (answer, says) in [
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "is not an Astral server that this console knows.",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
            "is not an Astral server that this console knows.",
        ),
        (refusal("9.0.0"), "This console is too old for the server"),
        (refusal("0.0.1"), "is too old for this console."),
    ] {
        let address = other_server(answer).await;
        let mut screen = Screen::open(&address);
        screen.sign_in("ana@summit.example", "lantern-harbor-quiet");
        screen.wait_for_words(says);
        assert!(matches!(screen.state().screen, Shown::SignIn(_)));
    }
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.click("You");
    screen.click("Sign out");
    screen.wait_for("Sign in");
    assert_eq!(screen.value("Email"), club.head_coach.email, "the email is remembered");
    assert!(screen.value("Password").is_empty());
}

/// Shakes hands with a certificate that it has signed itself.
async fn self_signed_server(name: &str) -> String {
    use tokio_rustls::{
        TlsAcceptor,
        rustls::{
            ServerConfig,
            crypto::ring,
            pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        },
    };
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a pair");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            // The other side breaks off: that is what is tested.
            let _ = acceptor.accept(connection).await;
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let address = self_signed_server("localhost").await;
    let mut screen = Screen::open(&address);
    screen.sign_in("ana@summit.example", "lantern-harbor-quiet");
    screen.wait_for_words("is not trusted.");
    assert!(screen.says("Nothing was sent."));
}

#[tokio::test]
async fn https_to_a_server_without_it_is_told() {
    let server = TestServer::start().await;
    let mut screen = Screen::open(&server.url.replace("http://", "https://"));
    screen.sign_in("ana@summit.example", "lantern-harbor-quiet");
    screen.wait_for_words("does not speak as this address expects");
}

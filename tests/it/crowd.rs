//! Many who connect and send nothing, beside a few who want something.
//!
//! `just crowd-test` measures what ten thousand of them cost the others.

use std::time::{Duration, Instant};

use astral_tests::TestServer;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use crate::{
    connections::{connect, until_closed},
    metrics::Scrape,
};

/// Nothing ends by itself while a test runs.
const PATIENT: [&str; 4] = ["--header-timeout", "3600", "--body-timeout", "3600"];

/// A server with these flags, on which nothing ends by itself.
async fn patient(flags: &[&str]) -> TestServer {
    TestServer::start_with(&[&PATIENT, flags].concat()).await
}

/// A connection from this address of the machine.
async fn connect_from(server: &TestServer, address: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((address, 0).into()).expect("an address of this machine");
    socket.connect(server.address()).await.expect("connected")
}

/// Several from one.
async fn connect_often(server: &TestServer, address: [u8; 4], count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(connect_from(server, address).await);
    }
    streams
}

/// Sends a request on a connection on which nothing was sent, and reads the answer to its end.
async fn ask(mut stream: TcpStream) -> String {
    // One that was closed is found out by reading.
    let _ = stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    until_closed(&mut stream).await
}

async fn must_answer(stream: TcpStream) {
    let answer = ask(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

/// It ends without an answer, and not only because somebody has lost patience.
async fn must_be_closed(mut stream: TcpStream) {
    let said = tokio::time::timeout(Duration::from_secs(120), until_closed(&mut stream)).await;
    assert_eq!(said.expect("it was closed"), "");
}

/// What the server counts under this name.
async fn count(server: &TestServer, metric: &str) -> usize {
    Scrape::of(server).await.value(metric) as usize
}

/// Raises the number of files that this process may open as far as the system lets.
fn allow_files(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    let raised = limit.maximum.map_or(needed, |most| most.min(needed));
    setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).expect("what the system lets is let");
    assert!(raised >= needed, "the system allows {raised} open files, and {needed} are needed: ulimit -Hn");
}

#[tokio::test]
async fn a_crowd_that_sends_nothing_keeps_nobody_out() {
    const PLACES: usize = 32;
    const CROWD: usize = 600;
    allow_files(2048);
    let all = PLACES.to_string();
    let flags = ["--max-connections", &all, "--max-connections-per-address", "0", "--metrics-listen", "127.0.0.1:0"];
    let server = patient(&flags).await;
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        let mut stream = connect(&server).await;
        if number % 3 == 0 {
            stream.write_all(b"GET /health/live HTTP/1.1\r\nX-Half: ").await.expect("sent");
        }
        crowd.push(stream);
        if number % 10 == 9 {
            must_answer(connect(&server).await).await;
        }
    }
    for _ in 0..100 {
        must_answer(connect(&server).await).await;
    }
    assert!(count(&server, "astral_connections_displaced_total").await >= CROWD - PLACES);
    assert_eq!(count(&server, "astral_connections_refused_total").await, 0);
    assert!(count(&server, "astral_connections_open").await <= PLACES);
    must_be_closed(crowd.swap_remove(1)).await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_others_have_theirs() {
    let server = patient(&["--max-connections-per-address", "3"]).await;
    let others = connect_often(&server, [127, 0, 0, 3], 3).await;
    let mut own = connect_often(&server, [127, 0, 0, 2], 3).await;
    // Whoever has waited longest makes room, of the same address.
    must_answer(connect_from(&server, [127, 0, 0, 2]).await).await;
    must_be_closed(own.remove(0)).await;
    for stream in own.into_iter().chain(others) {
        must_answer(stream).await;
    }
}

#[tokio::test]
async fn all_clients_of_a_trusted_proxy_come_from_one_address() {
    let server = patient(&["--max-connections-per-address", "3", "--trusted-proxy", "127.0.0.2"]).await;
    let proxied = connect_often(&server, [127, 0, 0, 2], 30).await;
    let mut others = connect_often(&server, [127, 0, 0, 3], 4).await;
    must_be_closed(others.remove(0)).await;
    for stream in proxied.into_iter().chain(others) {
        must_answer(stream).await;
    }
}

#[tokio::test]
async fn whoever_owes_a_body_makes_room() {
    let server = patient(&["--max-connections", "3"]).await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\
                Expect: 100-continue\r\nConnection: close\r\n\r\n";
    let mut owing = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&server).await;
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).await.expect("it is asked for the body");
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        owing.push(stream);
    }
    must_answer(connect(&server).await).await;
    must_be_closed(owing.remove(0)).await;
    // The others are waited for, and answered.
    for mut stream in owing {
        stream.write_all(&[b' '; 100]).await.expect("sent");
        let answer = until_closed(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("malformed_request"), "{answer}");
    }
}

/// How long each of so many requests takes, with the connection that it comes on; from short to long.
async fn measure(server: &TestServer) -> Vec<Duration> {
    const REQUESTS: usize = 1000;
    let mut took = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let started = Instant::now();
        must_answer(connect(server).await).await;
        took.push(started.elapsed());
    }
    took
}

/// Requests on new connections, with the settings that are usual: by turns with and without a crowd, from many addresses,
/// that takes all places.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figures, for whoever asks for them")]
async fn what_a_crowd_costs_the_others() {
    const TURNS: usize = 7;
    const OF_ADDRESS: usize = 200;
    let Some(size) = std::env::var("ASTRAL_CROWD").ok().map(|size| size.parse().expect("a number of connections"))
    else {
        return;
    };
    allow_files(size as u64 + 1024);
    let server = patient(&["--metrics-listen", "127.0.0.1:0"]).await;
    measure(&server).await;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        alone.extend(measure(&server).await);
        let mut crowd = Vec::with_capacity(size);
        for number in 0..size {
            let block = u16::try_from(number / OF_ADDRESS).expect("as many as there are addresses").to_be_bytes();
            crowd.push(connect_from(&server, [127, 1, block[0], block[1]]).await);
        }
        // What came before has been accepted by then.
        must_answer(connect(&server).await).await;
        let limit = count(&server, "astral_connections_limit").await;
        assert!(count(&server, "astral_connections_open").await >= limit.min(size) - 1);
        beside.extend(measure(&server).await);
        drop(crowd);
        while count(&server, "astral_connections_open").await > 0 {
            tokio::task::yield_now().await;
        }
    }
    let times = |share: f64| {
        let at = |took: &mut Vec<Duration>| {
            took.sort_unstable();
            took[((took.len() - 1) as f64 * share) as usize].as_secs_f64()
        };
        at(&mut beside.clone()) / at(&mut alone.clone())
    };
    println!("crowd: {size} idle connections, p50 {:.2} times, p99 {:.2} times", times(0.5), times(0.99));
}

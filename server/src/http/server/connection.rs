//! A connection as it is read and written: its place knows of it, and it is closed so that the client can read what it
//! was told last.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::places::Presence;

/// What the bytes go through.
pub type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// How long a client that is told no more may go on sending, and how much.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_BYTES: usize = 64 << 20;

/// A connection that was accepted.
pub struct Connection {
    stream: Stream,
    presence: Arc<Presence>,
    /// Whether something is to be sent that the client has not made room for.
    is_behind: bool,
    lingering: Option<Lingering>,
}

/// The rest of a connection on which nothing is sent any more.
///
/// If it were closed while the client sends, the system would reset it, and a client that finds it reset while it still
/// sends never reads the answer.
struct Lingering {
    end: Pin<Box<Sleep>>,
    bytes: usize,
}

impl Connection {
    /// Through this stream, of which nothing was read.
    pub const fn new(stream: Stream, presence: Arc<Presence>) -> Self {
        Self { stream, presence, is_behind: false, lingering: None }
    }

    /// Says when the client has taken what it had not.
    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            self.is_behind = true;
        } else if std::mem::take(&mut self.is_behind) {
            self.presence.wait_anew();
        }
        written
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.presence.hear();
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            if !this.presence.is_hearing() {
                return Poll::Ready(Ok(()));
            }
        }
        let lingering =
            this.lingering.get_or_insert_with(|| Lingering { end: Box::pin(sleep(LINGER)), bytes: LINGER_BYTES });
        // What comes is not looked at: of TLS not even deciphered.
        let socket = match &mut this.stream {
            Either::Left(socket) => socket,
            Either::Right(stream) => stream.get_mut().0,
        };
        let mut bytes = [0; 8 << 10];
        while lingering.end.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut *socket).poll_read(context, &mut buffer));
            let count = buffer.filled().len();
            lingering.bytes = lingering.bytes.saturating_sub(count);
            if read.is_err() || count == 0 || lingering.bytes == 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

//! The socket in the data folder of a running server, over which it is asked for the operator's work, by its owner alone.

use std::{
    fs::File,
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::fs::PermissionsExt as _,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};
use zeroize::Zeroizing;

use super::{Request, perform::perform};
use crate::service::Service;

/// The socket's name in the data folder.
pub const SOCKET: &str = "operator.sock";
/// How long to wait when the system has no more sockets to give.
const PAUSE: Duration = Duration::from_millis(100);
/// How many bytes a request has at most: the heads of a hundred thousand chains.
const MAX_REQUEST: u64 = 32 << 20;

/// A connection to the server that has the folder; `None` if none has.
pub async fn connect(folder: &Path) -> Option<UnixStream> {
    let (_folder, socket) = socket_path(folder);
    UnixStream::connect(socket).await.ok()
}

/// Has the server at the other end do what is asked, with an open file for what it is to write.
pub async fn ask(
    mut stream: UnixStream,
    request: &Request,
    file: Option<File>,
) -> std::io::Result<Result<Value, String>> {
    let bytes = Zeroizing::new(serde_json::to_vec(request)?);
    let sent = match &file {
        Some(file) => send_with(&stream, &bytes, file).await?,
        None => 0,
    };
    stream.write_all(&bytes[sent..]).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(serde_json::from_slice(&answer)?)
}

/// How long a socket's path can be on every system.
const LONGEST_PATH: usize = 100;

/// The path of the socket. The system takes only short ones; where the folder's is longer, it is named by
/// its open handle, which must live as long as the path is used.
fn socket_path(folder: &Path) -> (Option<File>, PathBuf) {
    let path = folder.join(SOCKET);
    if path.as_os_str().len() <= LONGEST_PATH {
        return (None, path);
    }
    match File::open(folder) {
        Ok(open) => {
            let short = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(SOCKET);
            (Some(open), short)
        }
        Err(_) => (None, path),
    }
}

/// Listens on the socket in the data folder until the task is aborted.
pub fn listen(folder: &Path, service: Arc<Service>) -> Result<JoinHandle<()>, String> {
    let path = folder.join(SOCKET);
    let (_folder, short) = socket_path(folder);
    let failed = |error: std::io::Error| format!("cannot make the operator's socket {}: {error}", path.display());
    // The database is locked by us: a socket that is still there belongs to nobody.
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    let listener = UnixListener::bind(short).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(tokio::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "an operator's connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                if let Err(error) = answer(stream, &service).await {
                    tracing::warn!(%error, "an operator's request broke off");
                }
            });
        }
    }))
}

async fn answer(mut stream: UnixStream, service: &Service) -> std::io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != rustix::process::geteuid().as_raw() && peer != 0 {
        tracing::warn!(peer, "a stranger tried the operator's socket");
        return Ok(());
    }
    let (mut request, file) = receive(&stream).await?;
    (&mut stream).take(MAX_REQUEST).read_to_end(&mut request).await?;
    let answer = match serde_json::from_slice(&request) {
        Ok(request) => perform(service, request, file).await,
        Err(_) => {
            Err("the running server does not know this command; use the astral-server that it was started with"
                .to_owned())
        }
    };
    stream.write_all(&serde_json::to_vec(&answer)?).await?;
    stream.shutdown().await
}

/// Sends bytes with an open file, so that the server can write where only whoever asks may, and its sandbox does not let
/// it; how many of the bytes went.
async fn send_with(stream: &UnixStream, bytes: &[u8], file: &File) -> std::io::Result<usize> {
    let files = [file.as_fd()];
    stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut with = SendAncillaryBuffer::new(&mut space);
            with.push(SendAncillaryMessage::ScmRights(&files));
            Ok(sendmsg(stream, &[IoSlice::new(bytes)], &mut with, SendFlags::empty())?)
        })
        .await
}

/// The first bytes of a request, and the open file that came with them.
async fn receive(stream: &UnixStream) -> std::io::Result<(Zeroizing<Vec<u8>>, Option<File>)> {
    let mut bytes = Zeroizing::new(vec![0; 64 << 10]);
    let (count, file) = stream
        .async_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut with = RecvAncillaryBuffer::new(&mut space);
            let received = recvmsg(stream, &mut [IoSliceMut::new(&mut bytes)], &mut with, RecvFlags::CMSG_CLOEXEC)?;
            let file = with.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut files) => files.next(),
                _ => None,
            });
            Ok((received.bytes, file.map(File::from)))
        })
        .await?;
    bytes.truncate(count);
    Ok((bytes, file))
}

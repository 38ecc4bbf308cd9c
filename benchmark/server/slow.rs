//! The server on a disk that takes its time to sync.

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use astral_server::{
    HttpSettings,
    service::{Clock, Service, Settings},
};
use redb::{StorageBackend, backends::FileBackend};
use tokio::net::TcpListener;

use crate::clubs::KEYS_A_CLUB;

/// What a sync takes on it longer than on the disk as it is.
pub const SYNC: Duration = Duration::from_millis(4);

#[derive(Debug)]
struct SlowToSync(FileBackend);

impl StorageBackend for SlowToSync {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        std::thread::sleep(SYNC);
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.0.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.0.close()
    }
}

/// Serves the data in `folder` until the process is ended. Says where.
#[expect(clippy::print_stdout, reason = "whoever has started it reads it")]
pub async fn serve(folder: &Path) -> io::Result<()> {
    let settings = Settings { max_active_keys: KEYS_A_CLUB, ..Settings::default() };
    let (service, _) = Service::open_on(folder, settings, Clock::system(), SlowToSync).map_err(io::Error::other)?;
    let mut http = HttpSettings::default();
    (http.rate_limits.key, http.rate_limits.organization, http.rate_limits.address) = (None, None, None);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    println!("{}", listener.local_addr()?);
    astral_server::run(listener, Arc::new(service), http, std::future::pending()).await.map_err(io::Error::other)
}

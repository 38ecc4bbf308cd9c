//! The database's files in the data folder: how they are opened, for the first time and again.

use std::{
    fs::{File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Database, StorageBackend, backends::FileBackend};

use super::OpenError;

/// The name of the database's file in the data folder.
pub const DATABASE: &str = "astral.redb";
/// The name of the log of revocations beside it.
pub const REVOCATIONS: &str = "revocations.log";

/// A database of at most so many bytes is looked through from end to end when it is opened: that takes a blink. A larger one
/// is taken as it was left, and `check` looks through it.
const LOOKED_THROUGH: u64 = 32 << 20;

type OpenDatabase = dyn Fn(FileBackend, bool) -> Result<Database, redb::DatabaseError> + Send + Sync;
type OpenPlain = dyn Fn(FileBackend) -> Box<dyn StorageBackend> + Send + Sync;

/// Where a database lies, and how its files are opened.
pub struct Files {
    folder: PathBuf,
    cache: usize,
    open_database: Box<OpenDatabase>,
    open_plain: Box<OpenPlain>,
}

impl Files {
    /// Those in `folder`. `cache` is in bytes, half of them for pages of the file and half for what is made of them; `storage` is what stands between the database and its files.
    pub fn new<S: StorageBackend>(
        folder: &Path,
        cache: usize,
        storage: impl Fn(FileBackend) -> S + Send + Sync + 'static,
    ) -> Self {
        let storage = Arc::new(storage);
        let plain = Arc::clone(&storage);
        Self {
            folder: folder.to_owned(),
            cache,
            open_database: Box::new(move |file, look_through| {
                let mut builder = redb::Builder::new();
                builder.set_cache_size(cache - cache / 2).set_check_integrity_on_open(look_through);
                builder.create_with_backend(storage(file))
            }),
            open_plain: Box::new(move |file| Box::new(plain(file))),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many bytes the database may remember of its pages.
    pub const fn page_cache(&self) -> usize {
        self.cache - self.cache / 2
    }

    /// How much memory what is kept in the [`Memo`] may take, in bytes.
    ///
    /// [`Memo`]: super::memo::Memo
    pub const fn memo(&self) -> usize {
        self.cache / 2
    }

    /// The database's file.
    pub fn database_path(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// Opens the database; makes its file and the folder if they are not there.
    pub fn open_database(&self) -> Result<Database, OpenError> {
        let path = self.database_path();
        let folder_error = |source| OpenError::Folder { path: self.folder.clone(), source };
        let file = open_private(&self.folder, &path).map_err(folder_error)?;
        let length = file.metadata().map_err(folder_error)?.len();
        let failed = |error: redb::Error| match error {
            redb::Error::DatabaseAlreadyOpen => OpenError::InUse(self.folder.clone()),
            other => OpenError::Database { path: path.clone(), source: Box::new(other) },
        };
        let backend = FileBackend::new(file).map_err(|error| failed(error.into()))?;
        // What was damaged from outside is met with an error where it is looked for, and with a panic where it is not.
        let opened = catch_unwind(AssertUnwindSafe(|| (self.open_database)(backend, length <= LOOKED_THROUGH)));
        let damaged = |_| failed(redb::Error::Corrupted("what it holds contradicts itself".to_owned()));
        opened.map_err(damaged)?.map_err(|error| failed(error.into()))
    }

    /// Opens the log of revocations; `None` if there is none.
    pub fn open_revocations(&self) -> io::Result<Option<Box<dyn StorageBackend>>> {
        match OpenOptions::new().read(true).write(true).open(self.folder.join(REVOCATIONS)) {
            Ok(file) => {
                // One that was carried over from another machine may be open to others.
                file.set_permissions(Permissions::from_mode(0o600))?;
                Ok(Some(self.plain(file)?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a log of revocations that is empty. One that is there is kept under another name; that is the second value.
    pub fn new_revocations(&self) -> io::Result<(Box<dyn StorageBackend>, Option<PathBuf>)> {
        let path = self.folder.join(REVOCATIONS);
        let aside = if path.try_exists()? { Some(self.free_name(REVOCATIONS, "set-aside")?) } else { None };
        if let Some(aside) = &aside {
            std::fs::rename(&path, aside)?;
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        sync_folder(&self.folder)?;
        Ok((self.plain(file)?, aside))
    }

    fn plain(&self, file: File) -> io::Result<Box<dyn StorageBackend>> {
        Ok((self.open_plain)(FileBackend::new(file).map_err(io::Error::other)?))
    }

    /// Copies a database into the folder, beside the one that is there, and syncs it; where it is.
    pub fn copy_in(&self, file: &Path) -> io::Result<PathBuf> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let unfinished = self.database_path().with_added_extension("unfinished");
        let copy = || {
            let mut from = File::open(file)?;
            let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).to_owned();
            let mut to = options.open(&unfinished)?;
            io::copy(&mut from, &mut to)?;
            to.sync_all()
        };
        copy().inspect_err(|_| drop(std::fs::remove_file(&unfinished)))?;
        Ok(unfinished)
    }

    /// A name that no file has: `name.word-1`, or the next.
    pub fn free_name(&self, name: &str, word: &str) -> io::Result<PathBuf> {
        for number in 1.. {
            let path = self.folder.join(format!("{name}.{word}-{number}"));
            if !path.try_exists()? {
                return Ok(path);
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// How many bytes are free on the disk for this user; `None` if the system does not say.
    pub fn free(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.folder).ok()?;
        disk.f_bavail.checked_mul(disk.f_frsize)
    }
}

/// What was made, renamed or removed in a folder is there after a power failure, too.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Opens the file; makes it and the folder if they are not there, readable by their owner alone from the first byte
/// on. A folder that is open to others is closed to them, unless it holds other things than ours.
fn open_private(folder: &Path, file: &Path) -> io::Result<File> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let is_new = !file.try_exists()?;
    let open_to_others = std::fs::metadata(folder)?.permissions().mode() & 0o077 != 0;
    if open_to_others {
        if is_new && std::fs::read_dir(folder)?.next().is_some() {
            let message = "it is open to other users and holds other things; name a folder of its own with --data";
            return Err(io::Error::other(message));
        }
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    // What a copy that failed leaves behind: a new database in its place would hide the loss.
    if std::fs::metadata(file).is_ok_and(|file| file.len() == 0) {
        return Err(io::Error::other(
            "the database in it is empty; restore a backup, or remove the file to start anew",
        ));
    }
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file)?;
    opened.set_permissions(Permissions::from_mode(0o600))?;
    if is_new {
        sync_folder(folder)?;
    }
    Ok(opened)
}

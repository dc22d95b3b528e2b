//! The state folder of one lab: `<state-dir>/<name>`.
//!
//! `lock` is held by the lab's process for as long as it lives, so it tells a running lab from a
//! dead one whatever else lies there. `admin.json` says where the admin API is and is there only
//! while it answers.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ClientError;

/// A look at the lock takes microseconds; 100 ms are enough for any number of them.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Owner only: the folder holds the CA's key and the admin token.
#[cfg(unix)]
const FOLDER_MODE: u32 = 0o700;
#[cfg(unix)]
const SECRET_MODE: u32 = 0o600;

/// Where one lab keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabFolder {
    state_dir: PathBuf,
    name: String,
}

/// `admin.json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminFile {
    /// Where the admin API listens.
    pub address: SocketAddr,
    /// What every request must carry.
    pub token: String,
    /// The lab's process.
    pub pid: u32,
}

/// Held while the lab runs; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl LabFolder {
    /// The folder of the lab `name`; nothing is touched.
    pub fn new(state_dir: PathBuf, name: String) -> Self {
        Self { state_dir, name }
    }

    /// Where labs keep their state unless told otherwise, if the system names a place.
    pub fn default_state_dir() -> Option<PathBuf> {
        let variable = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let parent = variable("XDG_STATE_HOME")
            .or_else(|| Some(variable("HOME")?.join(".local/state")))
            .or_else(|| variable("LOCALAPPDATA"))?;
        Some(parent.join("lab"))
    }

    /// The lab's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder that holds the folders of all labs.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// The folder itself.
    pub fn path(&self) -> PathBuf {
        self.state_dir.join(&self.name)
    }

    /// Where the admin API is told.
    pub fn admin_file(&self) -> PathBuf {
        self.path().join("admin.json")
    }

    /// What the lab's own process writes.
    pub fn log_file(&self) -> PathBuf {
        self.path().join("lab.log")
    }

    /// What survives the lab, a folder for each volume.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Which lessons are done; it survives the lab as its data does.
    pub fn lessons(&self) -> PathBuf {
        self.path().join("lessons")
    }

    /// Makes the folder, for the owner's eyes only.
    pub fn prepare(&self) -> Result<(), ClientError> {
        let path = self.path();
        let made = fs::create_dir_all(&path).and_then(|()| restrict(&path));
        made.map_err(|source| ClientError::Folder { path, source })
    }

    /// Takes the lock; `None` if another process has it. The folder must exist.
    pub fn lock(&self) -> Result<Option<Lock>, ClientError> {
        let path = self.path().join("lock");
        let failed = |source| ClientError::Folder {
            path: path.clone(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Takes the lock as [`LabFolder::lock`] does, but waits for those who only look whether it is
    /// taken: they hold it for a moment themselves.
    pub async fn lock_soon(&self) -> Result<Option<Lock>, ClientError> {
        for _ in 0..ATTEMPTS {
            if let Some(lock) = self.lock()? {
                return Ok(Some(lock));
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.lock()
    }

    /// Empties the log for a new run. Appending, so that two writers never overwrite each other.
    pub fn new_log(&self) -> Result<File, ClientError> {
        let path = self.log_file();
        let open = || {
            let log = File::options().create(true).append(true).open(&path)?;
            log.set_len(0)?;
            Ok(log)
        };
        open().map_err(|source| ClientError::Folder {
            path: path.clone(),
            source,
        })
    }

    /// Whether a lab of this name runs.
    pub fn is_locked(&self) -> Result<bool, ClientError> {
        if !self.path().join("lock").exists() {
            return Ok(false);
        }
        Ok(self.lock()?.is_none())
    }

    /// Tells where the admin API is: all of it or nothing, never half a file.
    pub fn write_admin(&self, admin: &AdminFile) -> Result<(), ClientError> {
        let path = self.admin_file();
        let draft = self.path().join("admin.json.new");
        let written = serde_json::to_vec(admin)
            .map_err(io::Error::from)
            .and_then(|text| {
                // A draft of a killed process may be in the way, with whatever mode it has.
                remove(&draft)?;
                let mut file = secret_file(&draft)?;
                file.write_all(&text)?;
                fs::rename(&draft, &path)
            });
        written.map_err(|source| ClientError::Folder { path, source })
    }

    /// What [`LabFolder::write_admin`] told, if anything.
    pub fn read_admin(&self) -> Result<Option<AdminFile>, ClientError> {
        let path = self.admin_file();
        let read = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error),
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from),
        };
        read.map(Some)
            .map_err(|source| ClientError::Folder { path, source })
    }

    /// Takes back what [`LabFolder::write_admin`] told; it may be gone already.
    pub fn remove_admin(&self) -> Result<(), ClientError> {
        let path = self.admin_file();
        remove(&path).map_err(|source| ClientError::Folder { path, source })
    }

    /// Deletes what survives the lab in this folder; it may be gone already.
    pub fn remove_data(&self) -> Result<(), ClientError> {
        let path = self.lessons();
        remove(&path).map_err(|source| ClientError::Folder { path, source })?;
        let path = self.data();
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ClientError::Folder { path, source })
            }
            _ => Ok(()),
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(FOLDER_MODE))
}

#[cfg(not(unix))]
fn restrict(_path: &Path) -> io::Result<()> {
    // The profile folder is the user's alone.
    Ok(())
}

/// A new file that nobody else could read at any moment.
fn secret_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(SECRET_MODE);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, LabFolder) {
        let root = tempfile::tempdir().unwrap();
        let folder = LabFolder::new(root.path().join("state"), "test".into());
        folder.prepare().unwrap();
        (root, folder)
    }

    #[test]
    fn one_lab_of_a_name_at_a_time() {
        let (_root, folder) = folder();
        assert!(!folder.is_locked().unwrap());
        let lock = folder.lock().unwrap();
        assert!(lock.is_some());
        assert!(folder.lock().unwrap().is_none());
        assert!(folder.is_locked().unwrap());
        drop(lock);
        assert!(!folder.is_locked().unwrap());
    }

    #[test]
    fn the_admin_file_is_secret_and_whole() {
        let (_root, folder) = folder();
        let admin = AdminFile {
            address: "127.0.0.1:1".parse().unwrap(),
            token: "secret".into(),
            pid: 7,
        };
        assert_eq!(folder.read_admin().unwrap(), None);
        folder.write_admin(&admin).unwrap();
        folder.write_admin(&admin).unwrap();
        assert_eq!(folder.read_admin().unwrap(), Some(admin));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(folder.admin_file()), 0o600);
            assert_eq!(mode(folder.path()), 0o700);
        }
        let error = super::super::Client::find(&folder).unwrap_err();
        assert!(matches!(error, ClientError::Dead { pid: 7, .. }), "{error}");
        folder.remove_admin().unwrap();
        folder.remove_admin().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

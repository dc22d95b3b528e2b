//! Room for a lab's data, looked at before anything is written.

use super::StartError;
use crate::client::LabFolder;

/// The sample data in the built-in store, twice, because it copies before it replaces.
#[cfg(unix)]
const NEEDED: u64 = 16 * 1024 * 1024;

/// Fails when the disk is as good as full: pods would start and then refuse every write.
#[cfg(unix)]
pub(super) fn check(folder: &LabFolder) -> Result<(), StartError> {
    let folder = folder.path();
    // A file system that does not tell has to show it when it is written to.
    let Ok(seen) = rustix::fs::statvfs(&folder) else {
        return Ok(());
    };
    let free = seen.f_bavail.saturating_mul(seen.f_frsize);
    // Some network file systems tell no size at all.
    if seen.f_blocks > 0 && free < NEEDED {
        return Err(StartError::DiskFull { folder, free });
    }
    Ok(())
}

/// Only a write can tell.
#[cfg(not(unix))]
pub(super) fn check(_folder: &LabFolder) -> Result<(), StartError> {
    Ok(())
}

//! The file of a store: where it lies, and who has it.

use std::path::Path;

use redb::{Builder, Database, DatabaseError};

/// The file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder cannot be made.
    #[error("cannot make the data folder {folder}; hint: check its permissions and the free space")]
    Folder {
        /// Which.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "{file} is in use by another process; hint: stop the other lab or give this one another data folder"
    )]
    Locked {
        /// Which.
        file: String,
    },
    /// Everything else that the storage engine says.
    #[error("cannot open {file}; hint: if it is damaged, move it away and start again")]
    Open {
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: redb::Error,
    },
}

/// Opens or makes the file of this name in a folder, which is made too.
pub(super) fn open(builder: &Builder, folder: &Path, name: &str) -> Result<Database, FileError> {
    std::fs::create_dir_all(folder).map_err(|source| FileError::Folder {
        folder: folder.display().to_string(),
        source,
    })?;
    let path = folder.join(name);
    let file = path.display().to_string();
    builder.create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => FileError::Locked { file },
        error => FileError::Open {
            file,
            source: error.into(),
        },
    })
}

//! The folder with a pod's files, there for as long as the pod.

use std::fs;
use std::path::{Path, PathBuf};

use crate::pods::PodError;
use crate::pods::files::Rendered;

/// Removes the folder when it is dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder of a pod, whether it has files or not.
    pub(super) fn of(state: &Path, pod: &str) -> Self {
        Self(state.join("files").join(pod))
    }

    /// The folders of all pods of a lab.
    pub(super) fn all(state: &Path) -> Self {
        Self(state.join("files"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the files. Nobody else may read them: the lab's folder is the user's alone.
    pub(super) fn write(&self, files: &[Rendered]) -> Result<(), PodError> {
        for file in files {
            let path = self.0.join(&file.target);
            let folder = path.parent().unwrap_or(&self.0);
            let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, &file.text));
            written.map_err(|source| PodError::File {
                action: "write the pod's file",
                path,
                source,
            })?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Most pods have none.
        let _ = fs::remove_dir_all(&self.0);
    }
}

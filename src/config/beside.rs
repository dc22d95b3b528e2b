//! Files that a config names, beside it.

use std::path::Path;

/// Largest file that is read: what the API server takes of a Secret or a `ConfigMap`.
const SIZE: u64 = 1 << 20;

/// The bytes of a file, relative to the config's folder; or why there are none, in words.
pub(super) fn read(path: &str, folder: Option<&Path>) -> Result<Vec<u8>, String> {
    let path = match folder {
        Some(folder) => folder.join(path),
        None => path.into(),
    };
    let metadata = std::fs::metadata(&path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no file".to_owned());
    }
    if metadata.len() > SIZE {
        return Err(format!("it has more than {} MiB", SIZE >> 20));
    }
    std::fs::read(&path).map_err(|error| error.to_string())
}

//! Encryption of secrets at rest: AES-256-GCM with a key that lies in a file and not in the store.
//!
//! What is stored is the nonce and the sealed data. The secret's id is authenticated with it, so one
//! row's data put into another is as useless as data that was changed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use prost::Message as _;
use prost_types::Struct;

use crate::cloudforet::error::{Failure, StartError};
use crate::cloudforet::settings::hex;

/// 256 bits.
const KEY_LENGTH: usize = 32;
const FILE: &str = "key";

/// Seals and opens.
pub(super) struct Vault {
    key: RandomizedNonceKey,
    /// Tells keys apart and gives nothing of them away.
    key_id: String,
}

/// Data as it is stored.
pub(super) struct Sealed {
    /// Of the key that opens it.
    pub(super) key_id: String,
    /// Nonce, sealed data, tag.
    pub(super) bytes: Vec<u8>,
}

impl Vault {
    /// Reads the key in a folder; makes one if there is none yet.
    pub(super) fn open(folder: &Path) -> Result<Self, StartError> {
        let path = folder.join(FILE);
        let failed = |error: io::Error| StartError::Key(format!("{}: {error}", path.display()));
        let key = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(folder, &path).map_err(failed)?;
                std::fs::read(&path).map_err(failed)?
            }
            read => read.map_err(failed)?,
        };
        if key.len() != KEY_LENGTH {
            let length = format!("has {} bytes and not {KEY_LENGTH}", key.len());
            return Err(failed(io::Error::other(length)));
        }
        let unusable = |_| failed(io::Error::other("cannot be used"));
        Ok(Self {
            key_id: hex(&digest(&SHA256, &key).as_ref()[..4]),
            key: RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(unusable)?,
        })
    }

    pub(super) fn seal(&self, secret_id: &str, data: &Struct) -> Result<Sealed, Failure> {
        let mut sealed = data.encode_to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(secret_id), &mut sealed)
            .map_err(|_| Failure::Unknown("the data could not be encrypted".to_owned()))?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut sealed);
        Ok(Sealed {
            key_id: self.key_id.clone(),
            bytes,
        })
    }

    pub(super) fn open_sealed(&self, secret_id: &str, sealed: &Sealed) -> Result<Struct, Failure> {
        let damaged = || Failure::Unknown(format!("the data of {secret_id} is damaged"));
        if sealed.key_id != self.key_id {
            return Err(Failure::Unknown(format!(
                "the data of {secret_id} was encrypted with key {}, and the file {FILE} holds key {}",
                sealed.key_id, self.key_id
            )));
        }
        let (nonce, data) = sealed
            .bytes
            .split_at_checked(NONCE_LEN)
            .ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut data = data.to_vec();
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(secret_id), &mut data)
            .map_err(|_| damaged())?;
        Struct::decode(&*opened).map_err(|_| damaged())
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Vault")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Writes a new key beside the place and links it there, which fails if another replica was faster:
/// nobody ever sees half a key, and nobody's key replaces another's.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_LENGTH];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| io::Error::other("no random numbers"))?;
    std::fs::create_dir_all(folder)?;
    let beside = folder.join(format!("{FILE}.{}", hex(&fastrand::u64(..).to_le_bytes())));
    let written = private(&beside).and_then(|mut file| {
        file.write_all(&key)?;
        file.sync_all()
    });
    let linked = written.and_then(|()| std::fs::hard_link(&beside, path));
    // Also when that failed; an error of this one would hide the cause.
    let _ = std::fs::remove_file(&beside);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// A new file that only its owner may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;
    use crate::cloudforet::query::value::from_document;

    #[test]
    fn only_the_same_key_and_id_open_what_was_sealed() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let data = from_document(&doc! { "password": "s3cret" });
        let vault = Vault::open(one.path()).unwrap();
        let seal = || vault.seal("secret-1", &data).unwrap();
        assert!(!seal().bytes.windows(6).any(|part| part == b"s3cret"));
        assert_ne!(seal().bytes, seal().bytes);
        // Also after a restart.
        let again = Vault::open(one.path()).unwrap();
        assert_eq!(again.open_sealed("secret-1", &seal()).unwrap(), data);
        let refused = vault.open_sealed("secret-2", &seal()).unwrap_err();
        assert!(refused.to_string().contains("damaged"), "{refused}");
        let stranger = Vault::open(other.path()).unwrap();
        let refused = stranger.open_sealed("secret-1", &seal()).unwrap_err();
        assert!(
            refused.to_string().contains("was encrypted with key"),
            "{refused}"
        );
        let mut cut = seal();
        cut.bytes.truncate(5);
        assert!(vault.open_sealed("secret-1", &cut).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_its_owners_alone_and_made_once() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<String> = std::thread::scope(|scope| {
            let opening: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| Vault::open(folder.path()).unwrap().key_id))
                .collect();
            opening.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        let mode = folder.path().join(FILE).metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        std::fs::write(folder.path().join(FILE), "short").unwrap();
        assert!(Vault::open(folder.path()).is_err());
    }
}

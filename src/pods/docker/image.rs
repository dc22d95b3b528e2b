//! The pod image: the running binary, the shared libraries it has loaded, and nothing else.
//!
//! No registry and no Dockerfile: a tar is imported as an image without a base, tagged by its
//! content, so that it is made once for each binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use bollard::query_parameters::CreateImageOptionsBuilder;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::connect::{Daemon, Wanting, status};
use super::old_images;
use crate::pods::PodError;

/// Repository of the images, in the local daemon only.
const REPOSITORY: &str = "cloudforet-lab";
/// Tells them from images of the user's.
const LABEL: &str = "LABEL lab.role=image";
/// Names are looked up in `/etc/hosts` and then asked for; glibc's default would try more.
const NSSWITCH: &[u8] = b"hosts: files dns\n";
/// Before glibc 2.34 name resolution lives in libraries of its own, loaded at the first look-up.
const RESOLVER_LIBRARIES: [&str; 3] = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];
/// One piece of the tar on its way to the daemon.
const CHUNK: usize = 256 * 1024;

/// An image for built-in pods.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) library_path: String,
}

/// Files of the image: path inside, and where the content comes from.
type Files = BTreeMap<PathBuf, PathBuf>;

/// The configured image, or the one made from `program`, built if it is not there yet.
pub(super) async fn ensure(
    daemon: &Daemon,
    configured: Option<&str>,
    program: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Image, PodError> {
    if let Some(name) = configured {
        pull_if_absent(daemon, name).await?;
        return Ok(Image {
            name: name.to_owned(),
            library_path: String::new(),
        });
    }
    check_platform(daemon)?;
    let own = program.to_owned();
    let (files, hash) = tokio::task::spawn_blocking(move || {
        let files = collect(&own)?;
        let hash = hash(&files)?;
        Ok((files, hash))
    })
    .await
    .map_err(|error| build_error(&error))?
    .map_err(|error: io::Error| build_error(&error))?;
    let library_path = library_path(&files);
    let name = format!("{REPOSITORY}:{hash}");
    match daemon.docker.inspect_image(&name).await {
        Ok(_) => {}
        Err(error) if status(&error) == Some(404) => {
            progress("making the pod image from this program");
            import(daemon, files, &hash).await?;
            old_images::remove(daemon, REPOSITORY, &name).await;
        }
        Err(error) => return Err(error).wanting(|| format!("look for the image {name:?}")),
    }
    Ok(Image { name, library_path })
}

/// The image holds this machine's program, so the daemon must run the same kind of machine.
fn check_platform(daemon: &Daemon) -> Result<(), PodError> {
    let here = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let fits = cfg!(target_os = "linux") && daemon.architecture == here;
    if fits {
        return Ok(());
    }
    Err(PodError::ImageBuild {
        reason: format!(
            "it is built for {} {here}, and containers run on linux {}",
            std::env::consts::OS,
            daemon.architecture
        ),
    })
}

fn build_error(error: &dyn std::fmt::Display) -> PodError {
    PodError::ImageBuild {
        reason: error.to_string(),
    }
}

/// The program, its ELF interpreter, and every shared library that this process has loaded.
fn collect(program: &Path) -> io::Result<Files> {
    // The running program may have been replaced on disk by a new build; `/proc` still has it.
    let is_own = std::env::current_exe().is_ok_and(|own| own == program);
    let source = if is_own {
        Path::new("/proc/self/exe")
    } else {
        program
    };
    let mut files = Files::from([(PathBuf::from("lab"), source.to_owned())]);
    if let Some(interpreter) = interpreter(&fs::read(source)?) {
        files.insert(inside(&interpreter), interpreter);
    }
    let maps = fs::read_to_string("/proc/self/maps")?;
    let loaded: BTreeSet<_> = maps.lines().filter_map(library_of_line).collect();
    for library in loaded {
        let library = Path::new(library);
        for name in names_of(library) {
            files.insert(inside(&name), library.to_owned());
        }
        if library
            .file_name()
            .is_some_and(|name| name.as_bytes().starts_with(b"libc.so"))
        {
            let folder = library.parent().unwrap_or(library);
            let extra = RESOLVER_LIBRARIES.map(|name| folder.join(name));
            files.extend(
                extra
                    .into_iter()
                    .filter(|path| path.exists())
                    .map(|path| (inside(&path), path)),
            );
        }
    }
    Ok(files)
}

/// The library that a line of `/proc/self/maps` shows, if any.
fn library_of_line(line: &str) -> Option<&str> {
    let path = &line[line.find('/')?..];
    let name = path.rsplit('/').next()?;
    (name.contains(".so") && !path.ends_with("(deleted)")).then_some(path)
}

/// A library is looked up by its soname. Where the file is called otherwise (`libc-2.31.so`), that
/// is a link beside it.
fn names_of(library: &Path) -> Vec<PathBuf> {
    let mut names = vec![library.to_owned()];
    let is_versioned = library
        .extension()
        .is_some_and(|extension| extension == "so");
    let folder = library.parent().filter(|_| is_versioned);
    for entry in folder
        .and_then(|folder| fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = entry.path();
        if path.is_symlink() && path.canonicalize().is_ok_and(|target| target == library) {
            names.push(path);
        }
    }
    names
}

/// A path of the host as a path of the image.
fn inside(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}

/// `PT_INTERP` of a little-endian 64-bit ELF file: which loader it asks for.
fn interpreter(elf: &[u8]) -> Option<PathBuf> {
    let number = |at: usize, size: usize| {
        let bytes = elf.get(at..at.checked_add(size)?)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).ok()
    };
    // Magic, 64 bits, little-endian.
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let header = (0..count)
        .filter_map(|index| table.checked_add(index.checked_mul(size)?))
        .find(|at| number(*at, 4) == Some(3))?;
    let (offset, length) = (number(header + 8, 8)?, number(header + 32, 8)?);
    let text = elf.get(offset..offset.checked_add(length)?)?;
    let text = text.split(|byte| *byte == 0).next()?;
    Some(PathBuf::from(std::str::from_utf8(text).ok()?))
}

/// Where the loader finds the libraries: the image has no `ld.so.cache`.
fn library_path(files: &Files) -> String {
    let folders = files.keys().filter_map(|path| path.parent());
    let folders: BTreeSet<_> = folders
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    let folders: Vec<_> = folders
        .iter()
        .map(|folder| format!("/{}", folder.display()))
        .collect();
    folders.join(":")
}

/// SHA-256 over names and contents, shortened to what a person can compare.
fn hash(files: &Files) -> io::Result<String> {
    let mut context = Context::new(&SHA256);
    for (name, source) in files {
        context.update(name.as_os_str().as_bytes());
        context.update(&[0]);
        let bytes = fs::read(source)?;
        context.update(&bytes.len().to_le_bytes());
        context.update(&bytes);
    }
    context.update(NSSWITCH);
    let digest = context.finish();
    let first = digest.as_ref().iter().take(8);
    Ok(first.fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")))
}

/// Sends the tar to the daemon while it is being made.
async fn import(daemon: &Daemon, files: Files, tag: &str) -> Result<(), PodError> {
    let (sender, receiver) = mpsc::channel(4);
    let writing = tokio::task::spawn_blocking(move || {
        let mut pipe = Pipe {
            sender,
            chunk: Vec::new(),
        };
        write_tar(&files, &mut pipe).and_then(|()| pipe.flush())
    });
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(REPOSITORY)
        .tag(tag)
        .changes(vec![LABEL.to_owned()])
        .build();
    let body = bollard::body_try_stream(ReceiverStream::new(receiver));
    let mut answers = std::pin::pin!(daemon.docker.create_image(Some(options), Some(body), None));
    while let Some(answer) = answers.next().await {
        answer.wanting(|| format!("import the image {REPOSITORY}:{tag}"))?;
    }
    let written = writing.await.map_err(|error| build_error(&error))?;
    written.map_err(|error| build_error(&error))
}

fn write_tar(files: &Files, output: &mut impl Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(output);
    let header = |size, mode, kind| {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(mode);
        header.set_entry_type(kind);
        header
    };
    tar.append_data(
        &mut header(0, 0o1777, tar::EntryType::Directory),
        "tmp/",
        io::empty(),
    )?;
    let size = u64::try_from(NSSWITCH.len()).unwrap_or_default();
    tar.append_data(
        &mut header(size, 0o644, tar::EntryType::Regular),
        "etc/nsswitch.conf",
        NSSWITCH,
    )?;
    for (name, source) in files {
        let file = fs::File::open(source)?;
        let size = file.metadata()?.len();
        tar.append_data(
            &mut header(size, 0o755, tar::EntryType::Regular),
            name,
            file,
        )?;
    }
    tar.finish()
}

/// A writer whose bytes go to an async body.
struct Pipe {
    sender: mpsc::Sender<io::Result<Bytes>>,
    chunk: Vec<u8>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.extend_from_slice(bytes);
        if self.chunk.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::take(&mut self.chunk));
        let sent = self.sender.blocking_send(Ok(chunk));
        sent.map_err(|_| io::Error::other("the daemon stopped reading the image"))
    }
}

/// Makes sure that an image of the user's is there.
pub(super) async fn pull_if_absent(daemon: &Daemon, image: &str) -> Result<(), PodError> {
    match daemon.docker.inspect_image(image).await {
        Ok(_) => return Ok(()),
        Err(error) if status(&error) == Some(404) => {}
        Err(error) => return Err(error).wanting(|| format!("look for the image {image:?}")),
    }
    tracing::info!(image, "pulling an image");
    // Without a tag the API would pull all of them.
    let last = image.rsplit('/').next().unwrap_or(image);
    let full = if last.contains([':', '@']) {
        image.to_owned()
    } else {
        format!("{image}:latest")
    };
    let options = CreateImageOptionsBuilder::new().from_image(&full).build();
    let mut answers = std::pin::pin!(daemon.docker.create_image(Some(options), None, None));
    while let Some(answer) = answers.next().await {
        answer.map_err(|error| PodError::ImageMissing {
            image: image.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_has_the_program_its_loader_and_libc() {
        let own = std::env::current_exe().unwrap();
        let files = collect(&own).unwrap();
        let has = |part: &str| {
            files
                .keys()
                .any(|path| path.to_string_lossy().contains(part))
        };
        assert!(
            has("lab") && has("ld-linux") && has("libc.so.6"),
            "{files:?}"
        );
        assert!(library_path(&files).starts_with('/'));
    }

    #[test]
    fn what_is_no_elf_has_no_interpreter() {
        for bad in [&b""[..], b"#!/bin/sh", b"\x7fELF\x02\x01", &[0xff; 100]] {
            assert_eq!(interpreter(bad), None);
        }
        let mut cut = fs::read("/proc/self/exe").unwrap();
        cut.truncate(100);
        assert_eq!(interpreter(&cut), None);
    }
}

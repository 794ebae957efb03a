//! Files as commands read and write them: `-` is a standard stream, `.gz` is unpacked, and an output appears whole or not at all.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::failure::Failure;

/// Bytes of a buffer.
const BUFFER_BYTES: usize = 256 * 1024;
/// Bytes that most lines of CSV fit into.
const CSV_LINE_BYTES: usize = 512;

/// Whether a path means a standard stream.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether results in a file are to be CSV, by its name.
pub(crate) fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "csv")
}

/// Where a path leads, so that two spellings of one file are one: by its folder where the file is not there yet.
fn resolved(path: &Path) -> PathBuf {
    let in_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

/// Refuses to write a file twice, or one that is `read`: it would be empty before it is.
///
/// # Errors
/// Which file it is.
pub(crate) fn keep_apart(written: &[&Path], read: &[&Path]) -> Result<(), Failure> {
    let read: Vec<PathBuf> = read.iter().filter(|path| !is_standard(path)).map(|path| resolved(path)).collect();
    let mut places: Vec<PathBuf> = Vec::new();
    for path in written {
        let place = resolved(path);
        if places.contains(&place) {
            return Err(Failure::input(format!("two results cannot go to {}", path.display())));
        }
        if read.contains(&place) {
            return Err(Failure::input(format!("{} is read, results cannot go there", path.display())));
        }
        places.push(place);
    }
    Ok(())
}

/// A file to read, unpacked where its name or its first bytes say so. `read_bytes` counts what was read of the file itself.
pub(crate) fn open(path: &Path, read_bytes: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>, Failure> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    let raw: Box<dyn Read + Send> = if is_standard(path) {
        Box::new(std::io::stdin())
    } else {
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(Failure::NotDone(format!("cannot read {}: it is a folder", path.display())));
        }
        Box::new(file)
    };
    let mut counted = Counted { inner: raw, count: Arc::clone(read_bytes) };
    let mut start = Vec::with_capacity(2);
    counted.by_ref().take(2).read_to_end(&mut start).map_err(failed)?;
    let packed = start == [0x1f, 0x8b];
    let whole = std::io::Cursor::new(start).chain(counted);
    if packed {
        return Ok(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, whole))));
    }
    Ok(Box::new(whole))
}

/// Bytes on disk of files, `None` where one of them has no size.
pub(crate) fn total_bytes<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Option<u64> {
    paths.into_iter().map(|path| if is_standard(path) { None } else { Some(std::fs::metadata(path).ok()?.len()) }).sum()
}

struct Counted {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A file being written under another name until [`Output::finish`]; or standard output.
pub(crate) struct Output {
    writer: BufWriter<Box<dyn Write + Send>>,
    path: PathBuf,
    unfinished: Option<PathBuf>,
}

impl Output {
    /// Begins to write. What cannot be written is told now, not after the work.
    pub(crate) fn create(path: &Path) -> Result<Output, Failure> {
        let (writer, unfinished): (Box<dyn Write + Send>, _) = if is_standard(path) {
            (Box::new(std::io::stdout()), None)
        } else if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            // A pipe or a device cannot be replaced by another file, and a folder is refused by opening it.
            (
                Box::new(File::options().write(true).open(path).map_err(|error| Failure::file("write", path, &error))?),
                None,
            )
        } else {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}.unfinished", std::process::id()));
            let unfinished = path.with_file_name(name);
            let file = File::create(&unfinished).map_err(|error| Failure::file("write", path, &error))?;
            (Box::new(file), Some(unfinished))
        };
        Ok(Output { writer: BufWriter::with_capacity(BUFFER_BYTES, writer), path: path.to_owned(), unfinished })
    }

    /// Writes bytes. A reader of standard output that went away ends the command quietly.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.writer.write_all(bytes);
        written.map_err(|error| self.failure(&error))
    }

    /// Writes a line of CSV.
    pub(crate) fn write_csv(&mut self, fields: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<(), Failure> {
        let mut line = csv::WriterBuilder::new().buffer_capacity(CSV_LINE_BYTES).from_writer(Vec::new());
        let written = line.write_record(fields).map_err(|error| error.to_string());
        let line = written.and_then(|()| line.into_inner().map_err(|error| error.to_string()));
        self.write(&line.map_err(|error| Failure::of("cannot write a line", error))?)
    }

    /// Writes what is buffered.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.writer.flush();
        flushed.map_err(|error| self.failure(&error))
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        if let Some(unfinished) = self.unfinished.take() {
            std::fs::rename(&unfinished, &self.path).map_err(|error| Failure::file("write", &self.path, &error))?;
        }
        Ok(())
    }

    fn failure(&self, error: &std::io::Error) -> Failure {
        if error.kind() == std::io::ErrorKind::BrokenPipe && is_standard(&self.path) {
            Failure::Told
        } else {
            Failure::file("write", &self.path, error)
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(unfinished) = self.unfinished.take() {
            // Half a file would be taken for a whole one.
            let _ = std::fs::remove_file(unfinished);
        }
    }
}

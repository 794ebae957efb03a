//! All contacts of a store at one instant, for another thread than the store's own.
//!
//! A scan sees the store as it was when it was made, whatever is written meanwhile. Invariant: nothing of a scan outlives the store. A store that
//! closes takes its scans back between two of their steps, whoever holds them, and waits for nobody longer than one step takes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rocksdb::{DB, DBRawIterator, ReadOptions};
use self_cell::self_cell;

use crate::StoreError;
use crate::keys::NAMELESS;

self_cell!(
    struct Cursor {
        owner: Arc<DB>,
        #[covariant]
        dependent: DBRawIterator,
    }
);

type Place = Mutex<Option<Cursor>>;

/// The scans of one store that somebody may still hold.
#[derive(Default)]
pub(crate) struct Scans(Vec<Weak<Place>>);

impl Scans {
    /// Begins a scan.
    pub(crate) fn begin(&mut self, db: &Arc<DB>, folder: &Path) -> Scan {
        let cursor = Cursor::new(Arc::clone(db), |db| {
            let mut options = ReadOptions::default();
            // A pass over everything must not push the hot blocks out of the cache.
            options.fill_cache(false);
            let mut cursor = db.raw_iterator_opt(options);
            cursor.seek_to_first();
            cursor
        });
        let place = Arc::new(Mutex::new(Some(cursor)));
        self.0.retain(|scan| scan.strong_count() > 0);
        self.0.push(Arc::downgrade(&place));
        Scan { place, folder: folder.to_owned() }
    }

    /// Takes all scans back.
    pub(crate) fn end(&mut self) {
        for place in self.0.drain(..).filter_map(|scan| scan.upgrade()) {
            place.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

/// All contacts of a store as they were when it was asked for.
pub struct Scan {
    place: Arc<Place>,
    folder: PathBuf,
}

/// Where a scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanStep {
    /// There may be more.
    More,
    /// All were visited.
    Done,
    /// The store has been closed: nothing more can be visited.
    Ended,
}

impl Scan {
    /// Visits the next contacts in the order of their ids' bytes, at most `limit` of them. A store that closes waits for that, so it should take
    /// milliseconds.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn step(&self, limit: usize, mut visit: impl FnMut(&str, &[u8])) -> Result<ScanStep, StoreError> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(cursor) = place.as_mut() else { return Ok(ScanStep::Ended) };
        cursor.with_dependent_mut(|_, cursor| {
            for _ in 0..limit {
                let Some((contact, value)) = cursor.item() else {
                    cursor.status().map_err(|error| StoreError::of_rocksdb(&self.folder, "read contacts", &error))?;
                    return Ok(ScanStep::Done);
                };
                if contact.first() == Some(&NAMELESS) {
                    return Ok(ScanStep::Done);
                }
                let contact = std::str::from_utf8(contact).map_err(|_| StoreError::Rebuild {
                    folder: self.folder.clone(),
                    reason: "a contact's id is not text".to_owned(),
                })?;
                visit(contact, value);
                cursor.next();
            }
            Ok(ScanStep::More)
        })
    }
}

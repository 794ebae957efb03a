//! One memory budget for the process, divided once and printed at start (L8).

/// Bytes for everything that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBudget {
    /// All of it.
    pub total_bytes: usize,
    /// How many workers share it.
    pub workers: usize,
}

/// The parts of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryShares {
    /// For the stores of all workers: block cache and memtables.
    pub stores_bytes: usize,
    /// For the decoded contacts of each worker.
    pub contacts_bytes_per_worker: usize,
    /// What each worker's input reader fetches ahead.
    pub reader_bytes_per_worker: usize,
    /// For records decoded ahead, outputs of an open epoch and the producers' queues of each worker.
    pub epoch_bytes_per_worker: usize,
}

/// The least budget of a worker.
const LEAST_BYTES_PER_WORKER: usize = 32 << 20;
/// What fetching ahead never needs more than.
const READER_BYTES_MAX: usize = 32 << 20;

impl MemoryBudget {
    /// Divides the budget: a quarter to the stores, an eighth to readers at most, an eighth to open epochs, the rest to decoded contacts.
    ///
    /// # Errors
    /// Says the least budget where this one is below it.
    pub fn divide(&self) -> Result<MemoryShares, String> {
        let workers = self.workers.max(1);
        let each = self.total_bytes / workers;
        if each < LEAST_BYTES_PER_WORKER {
            let least = workers * LEAST_BYTES_PER_WORKER;
            return Err(format!(
                "a memory budget of {} bytes is too small for {workers} workers: give at least {least}",
                self.total_bytes
            ));
        }
        let stores = each / 4;
        let reader = (each / 8).min(READER_BYTES_MAX);
        let epoch = each / 8;
        Ok(MemoryShares {
            stores_bytes: stores * workers,
            contacts_bytes_per_worker: each - stores - reader - epoch,
            reader_bytes_per_worker: reader,
            epoch_bytes_per_worker: epoch,
        })
    }
}

impl std::fmt::Display for MemoryShares {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mebibytes = |bytes: usize| bytes >> 20;
        write!(
            formatter,
            "stores {} MiB; each worker: contacts {} MiB, reader {} MiB, open epoch {} MiB",
            mebibytes(self.stores_bytes),
            mebibytes(self.contacts_bytes_per_worker),
            mebibytes(self.reader_bytes_per_worker),
            mebibytes(self.epoch_bytes_per_worker)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up_to_the_budget() {
        for (total_bytes, workers) in [(64 << 20, 1), (1 << 30, 3), (16 << 30, 8)] {
            let shares = MemoryBudget { total_bytes, workers }.divide().unwrap();
            let each =
                shares.contacts_bytes_per_worker + shares.reader_bytes_per_worker + shares.epoch_bytes_per_worker;
            let sum = shares.stores_bytes + workers * each;
            assert!(sum <= total_bytes && total_bytes - sum < workers, "{shares}");
        }
    }

    #[test]
    fn a_budget_that_is_too_small_says_what_is_enough() {
        let error = MemoryBudget { total_bytes: 1 << 20, workers: 2 }.divide().unwrap_err();
        assert_eq!(error, "a memory budget of 1048576 bytes is too small for 2 workers: give at least 67108864");
    }
}

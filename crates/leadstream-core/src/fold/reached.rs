//! Bounds of what a contact keeps (S58, L8) that were reached: counted by kind, since nothing else tells that something was let go.

/// A bound of what a contact keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A row went into the base for the bytes of its contact, neither for its age nor for the number of rows (S6).
    RowBytes,
    /// An attribute was not set: too many, too long, or too much together.
    Attributes,
    /// A tag was not set: too many, or too long.
    Tags,
    /// A key of a once-per rule was forgotten.
    OnceKeys,
    /// A booking inside a rolling cap was forgotten.
    RollingBookings,
    /// An event type of departed events was forgotten, or not remembered.
    FactTypes,
    /// An instant of a departed event was forgotten.
    FactInstants,
    /// What was announced of a tag was forgotten (S54).
    AnnouncedTags,
    /// A booking that decays in a line or in steps ended before its time.
    LiveParts,
    /// No window was opened, or no event held: too many already.
    Windows,
    /// Something that a compound rule had gathered was forgotten.
    Gathered,
    /// A verdict of a departed row was forgotten.
    Verdicts,
}

impl Bound {
    /// All bounds.
    pub const ALL: [Bound; 12] = [
        Bound::RowBytes,
        Bound::Attributes,
        Bound::Tags,
        Bound::OnceKeys,
        Bound::RollingBookings,
        Bound::FactTypes,
        Bound::FactInstants,
        Bound::AnnouncedTags,
        Bound::LiveParts,
        Bound::Windows,
        Bound::Gathered,
        Bound::Verdicts,
    ];

    /// The bound as figures spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Bound::RowBytes => "row_bytes",
            Bound::Attributes => "attributes",
            Bound::Tags => "tags",
            Bound::OnceKeys => "once_keys",
            Bound::RollingBookings => "rolling_bookings",
            Bound::FactTypes => "fact_types",
            Bound::FactInstants => "fact_instants",
            Bound::AnnouncedTags => "announced_tags",
            Bound::LiveParts => "live_parts",
            Bound::Windows => "windows",
            Bound::Gathered => "gathered",
            Bound::Verdicts => "verdicts",
        }
    }
}

/// How often each bound was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached([u64; Bound::ALL.len()]);

impl Reached {
    /// Counts something that was let go.
    pub(crate) fn add(&mut self, bound: Bound, times: usize) {
        self.0[bound as usize] += times as u64;
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Reached) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// Whether no bound was reached.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; Bound::ALL.len()]
    }

    /// How often a bound was reached.
    pub fn of(&self, bound: Bound) -> u64 {
        self.0[bound as usize]
    }
}

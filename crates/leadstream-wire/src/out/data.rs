//! Values as consumers read them: points and instants, in the manner of each format.

use leadstream_core::{Points, Timestamp};
use serde::{Serialize, Serializer};

/// Whether a format is read by people. The serializers of both formats say that they are, so it is said here.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) is_text: bool,
}

impl Style {
    /// Points: a number, in text whole where it is whole. A binary64 holds every sum exactly to the thousandth (S22).
    pub(super) fn points(self, points: Points) -> PointsData {
        let thousandths = points.thousandths();
        if self.is_text && thousandths % 1000 == 0 {
            return PointsData::Whole(thousandths / 1000);
        }
        PointsData::Number(points.as_number())
    }

    /// An instant: RFC 3339 in text, else milliseconds since the epoch.
    pub(super) fn instant(self, instant: Timestamp) -> InstantData {
        InstantData { instant, is_text: self.is_text }
    }
}

/// Points in the style of a format.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum PointsData {
    Whole(i64),
    Number(f64),
}

/// An instant in the style of a format.
#[derive(Clone, Copy)]
pub(super) struct InstantData {
    instant: Timestamp,
    is_text: bool,
}

impl Serialize for InstantData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_text {
            return serializer.collect_str(&self.instant);
        }
        serializer.serialize_i64(self.instant.millis())
    }
}

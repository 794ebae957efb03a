//! Calendar periods of caps (S19): local days, ISO weeks and months of a plan's time zone.

use std::cell::RefCell;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::id::Name;
use crate::plan::{CapPeriod, Plan};
use crate::time::Timestamp;

/// The last period of each plan and kind that was asked for: events of one run lie close together, and calendars are slow.
#[derive(Debug, Default)]
pub(crate) struct Periods(RefCell<Vec<Known>>);

#[derive(Debug)]
struct Known {
    plan: Name,
    version: crate::id::PlanVersion,
    period: CapPeriod,
    /// An instant in the period, not its first: what lies between it and the end is in the period too.
    from: Timestamp,
    end: Timestamp,
}

/// So many are remembered; then remembering begins anew.
const KNOWN_MAX: usize = 256;

impl Periods {
    /// The first instant after the period of a plan that holds `now`.
    pub(crate) fn end(&self, plan: &Plan, period: CapPeriod, now: Timestamp) -> Timestamp {
        let mut known = self.0.borrow_mut();
        let at = known.iter().position(|k| k.period == period && k.plan == plan.key && k.version == plan.version);
        if let Some(at) = at
            && known[at].from <= now
            && now < known[at].end
        {
            return known[at].end;
        }
        let end = period_end(period, &plan.time_zone, now);
        let fresh = Known { plan: plan.key, version: plan.version, period, from: now, end };
        match at {
            Some(at) => known[at] = fresh,
            None => {
                if known.len() >= KNOWN_MAX {
                    known.clear();
                }
                known.push(fresh);
            }
        }
        end
    }
}

/// The first instant after the calendar period that holds `now` (S19): periods are local dates, so a day may have 23 or 25 hours.
fn period_end(period: CapPeriod, zone: &TimeZone, now: Timestamp) -> Timestamp {
    let Ok(instant) = jiff::Timestamp::from_millisecond(now.millis()) else { return Timestamp::MAX };
    let today: Date = instant.to_zoned(zone.clone()).date();
    let next = match period {
        CapPeriod::Day => today.checked_add(1.day()),
        CapPeriod::Week => today.nth_weekday(1, Weekday::Monday),
        CapPeriod::Month => today.last_of_month().checked_add(1.day()),
        CapPeriod::Award | CapPeriod::Rolling(_) | CapPeriod::Ever => return Timestamp::MAX,
    };
    let midnight = next.and_then(|date| date.to_zoned(zone.clone()));
    midnight.map_or(Timestamp::MAX, |zoned| Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(period: CapPeriod, zone: &str, at: &str) -> String {
        let now = Timestamp::from_millis(at.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        period_end(period, &TimeZone::get(zone).unwrap(), now).to_string()
    }

    #[test]
    fn calendar_periods_end_at_local_midnight_s19() {
        assert_eq!(end(CapPeriod::Day, "UTC", "2026-03-28T23:59:59.999Z"), "2026-03-29T00:00:00.000Z");
        // The night of the change to summer time: the day of 2026-03-29 in Warsaw has 23 hours.
        assert_eq!(end(CapPeriod::Day, "Europe/Warsaw", "2026-03-28T23:00:00Z"), "2026-03-29T22:00:00.000Z");
        assert_eq!(end(CapPeriod::Week, "UTC", "2026-11-22T12:00:00Z"), "2026-11-23T00:00:00.000Z");
        assert_eq!(end(CapPeriod::Week, "UTC", "2026-11-23T00:00:00Z"), "2026-11-30T00:00:00.000Z");
        assert_eq!(end(CapPeriod::Month, "UTC", "2026-02-10T00:00:00Z"), "2026-03-01T00:00:00.000Z");
    }
}

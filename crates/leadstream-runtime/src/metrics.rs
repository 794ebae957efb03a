//! Every figure that the runtime keeps, registered in one place, units in the names.
//!
//! The deliveries of L5 add up: records = records skipped + records dead-lettered + records with events; events are counted by outcome. Records of the
//! runtime itself are none of these.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use leadstream_core::{Bound, Word};
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// The runtime's figures. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Input records whose epoch was committed.
    pub records: IntCounter,
    /// Records of the re-keyed topic that say how far sources are, and concern no contact.
    pub watermarks: IntCounter,
    /// Deliveries by outcome: applied, unmatched, duplicate, suppressed, erased, too_late, dead, skipped, rekeyed (L5).
    pub deliveries: IntCounterVec,
    /// Dead letters by code.
    pub dead_letters: IntCounterVec,
    /// Derived events by kind.
    pub derived: IntCounterVec,
    /// Requests about ids by what became of them: asked, applied, duplicate, erased, refused. Those that were asked and are none of the others are
    /// being carried out.
    pub identity_requests: IntCounterVec,
    /// Messages between ids by what they bring: event, notice, merge, split.
    pub identity_messages: IntCounterVec,
    /// Contacts stepped by the clock.
    pub timers: IntCounter,
    /// Commits by result: committed, aborted, unknown.
    pub commits: IntCounterVec,
    /// Time of a commit, from its beginning to its outcome.
    pub commit_seconds: Histogram,
    /// Time of a batch by stage: decode, fold, timers. One look at the clock for each batch of records, none for an event.
    pub batch_seconds: HistogramVec,
    /// Contacts written back.
    pub written_back: IntCounter,
    /// What contacts let go of because they may keep only so much, by the bound (S58).
    pub limits_reached: IntCounterVec,
    /// Rules that did not fire because an expression of theirs had no value, by plan, rule and why (S9).
    pub condition_errors: IntCounterVec,
    /// The rules that `condition_errors` names.
    faulty: Arc<Mutex<BTreeSet<(Word, Word)>>>,
    /// Events whose redo is not covered by the changelog, by task.
    pub uncovered_events: IntGaugeVec,
    /// Bytes of redo not covered by the changelog, by task.
    pub uncovered_bytes: IntGaugeVec,
    /// Dirty contacts, by task.
    pub dirty_contacts: IntGaugeVec,
    /// Decoded contacts in memory, by task.
    pub cached_contacts: IntGaugeVec,
    /// Bytes of decoded contacts in memory, by task.
    pub cached_bytes: IntGaugeVec,
    /// Offsets of input to read, by task.
    pub lag_records: IntGaugeVec,
    /// Records read by restores.
    pub restored_records: IntCounter,
    /// Offsets still to read by restores, by task.
    pub restore_remaining_records: IntGaugeVec,
    /// Stores wiped and rebuilt.
    pub stores_rebuilt: IntCounter,
    /// Input records that were deleted before they were read, where that is accepted.
    pub lost_records: IntCounter,
    /// Tasks running.
    pub running_tasks: IntGauge,
    /// The number of the plan set in force, by task.
    pub plan_set: IntGaugeVec,
    /// Whether contacts still have to take it up, by task.
    pub plan_change_pending: IntGaugeVec,
    /// Ids that were erased, reinstated ones with them, by task.
    pub erased_ids: IntGaugeVec,
    /// 1 while erased contacts may lie in the files of the local store, by task.
    pub purge_pending: IntGaugeVec,
    /// Sets of the topic of plans that this program cannot compile, so that others stand for them or nobody can go on.
    pub unreadable_plan_sets: IntGauge,
    /// 1 for each plan of the newest set, with its version.
    pub plans_info: IntGaugeVec,
}

/// What a figure is called and means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureDescription {
    /// Its name, with the unit.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: Vec<String>,
    /// What it says.
    pub help: String,
}

impl FigureDescription {
    /// The figures of a collector.
    pub fn of(kind: &'static str, figure: &dyn Collector) -> Vec<FigureDescription> {
        let described = figure.desc().into_iter().map(|description| FigureDescription {
            name: description.fq_name.clone(),
            kind,
            labels: description.variable_labels.clone(),
            help: description.help.clone(),
        });
        described.collect()
    }
}

/// So many rules are named in the figure of errors at most; those beyond share one name.
const FAULTY_RULES_MAX: usize = 500;
/// Plan and rule of the errors of all others.
const OTHERS: &str = "(others)";

impl Metrics {
    /// Registers all figures.
    ///
    /// # Errors
    /// Where the registry has one of the names already.
    pub fn register(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let counters = |name: &str, help: &str, label: &str| -> Result<IntCounterVec, prometheus::Error> {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counters.clone()))?;
            Ok(counters)
        };
        let by_task = |name: &str, help: &str| -> Result<IntGaugeVec, prometheus::Error> {
            let gauges = IntGaugeVec::new(Opts::new(name, help), &["task"])?;
            registry.register(Box::new(gauges.clone()))?;
            Ok(gauges)
        };
        let plans_info = IntGaugeVec::new(
            Opts::new("leadstream_plans_info", "1 for each plan in force, with its version"),
            &["plan", "version"],
        )?;
        registry.register(Box::new(plans_info.clone()))?;
        let buckets = vec![0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
        let commit_seconds = Histogram::with_opts(
            HistogramOpts::new("leadstream_commit_seconds", "Time of a commit, from its beginning to its outcome")
                .buckets(buckets),
        )?;
        registry.register(Box::new(commit_seconds.clone()))?;
        let buckets = vec![1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0];
        let batch_seconds = HistogramVec::new(
            HistogramOpts::new(
                "leadstream_batch_seconds",
                "Time that a worker's thread took for a batch, by stage: decode, fold, timers",
            )
            .buckets(buckets),
            &["stage"],
        )?;
        registry.register(Box::new(batch_seconds.clone()))?;
        let limits_reached = counters(
            "leadstream_limits_reached_total",
            "What contacts let go of, or did not take, because they may keep only so much",
            "limit",
        )?;
        // Each from the beginning, so that the first time is seen as a rise.
        Bound::ALL.iter().for_each(|bound| limits_reached.with_label_values(&[bound.as_str()]).inc_by(0));
        let condition_errors = IntCounterVec::new(
            Opts::new(
                "leadstream_condition_errors_total",
                "Conditions and computed points of rules that had no value, so that the rule did not fire",
            ),
            &["plan", "rule", "error"],
        )?;
        registry.register(Box::new(condition_errors.clone()))?;
        let running_tasks = IntGauge::new("leadstream_tasks_running", "Tasks running")?;
        registry.register(Box::new(running_tasks.clone()))?;
        let unreadable_plan_sets = IntGauge::new(
            "leadstream_plan_sets_unreadable",
            "Plan sets of the topic that this version cannot compile",
        )?;
        registry.register(Box::new(unreadable_plan_sets.clone()))?;
        Ok(Metrics {
            records: counter("leadstream_input_records_total", "Input records whose epoch was committed")?,
            watermarks: counter(
                "leadstream_watermark_records_total",
                "Records of the re-keyed topic that say how far sources are, and concern no contact",
            )?,
            deliveries: counters("leadstream_deliveries_total", "Deliveries by outcome", "outcome")?,
            dead_letters: counters("leadstream_dead_letters_total", "Dead letters by code", "code")?,
            derived: counters("leadstream_derived_events_total", "Derived events by kind", "kind")?,
            identity_requests: counters(
                "leadstream_identity_requests_total",
                "Requests to merge ids, to part them, or to erase a contact of several ids, by outcome",
                "outcome",
            )?,
            identity_messages: counters(
                "leadstream_identity_messages_total",
                "Messages between ids that were taken, by what they bring",
                "kind",
            )?,
            timers: counter("leadstream_timer_contacts_total", "Contacts stepped by the clock")?,
            commits: counters("leadstream_commits_total", "Commits by result", "result")?,
            commit_seconds,
            batch_seconds,
            written_back: counter("leadstream_written_back_contacts_total", "Contacts written back")?,
            limits_reached,
            condition_errors,
            faulty: Arc::default(),
            uncovered_events: by_task(
                "leadstream_redo_uncovered_events",
                "Events whose redo the changelog does not cover",
            )?,
            uncovered_bytes: by_task(
                "leadstream_redo_uncovered_bytes",
                "Bytes of redo that the changelog does not cover",
            )?,
            dirty_contacts: by_task("leadstream_dirty_contacts", "Contacts to be written back")?,
            cached_contacts: by_task("leadstream_cached_contacts", "Decoded contacts in memory")?,
            cached_bytes: by_task("leadstream_cached_contacts_bytes", "Bytes of decoded contacts in memory")?,
            lag_records: by_task("leadstream_lag_records", "Offsets of input still to read")?,
            restored_records: counter(
                "leadstream_restored_records_total",
                "Changelog and redo records read by restores",
            )?,
            restore_remaining_records: by_task(
                "leadstream_restore_remaining_records",
                "Offsets still to read by a restore",
            )?,
            stores_rebuilt: counter("leadstream_stores_rebuilt_total", "Stores wiped and rebuilt from the changelog")?,
            lost_records: counter(
                "leadstream_lost_input_records_total",
                "Input records deleted before they were read",
            )?,
            running_tasks,
            plan_set: by_task("leadstream_plan_set", "Number of the plan set in force")?,
            plan_change_pending: by_task(
                "leadstream_plan_change_pending",
                "1 while contacts still have to take up the plan set in force",
            )?,
            erased_ids: by_task("leadstream_erased_ids", "Ids that were erased, reinstated ones with them")?,
            purge_pending: by_task(
                "leadstream_purge_pending",
                "1 while erased contacts may still lie in the files of the local store",
            )?,
            unreadable_plan_sets,
            plans_info,
        })
    }

    /// Every figure, for a reference: a figure without a value yet is not among what is served.
    pub fn described(&self) -> Vec<FigureDescription> {
        // By name, so that a figure that is added and not described here does not compile.
        let Metrics {
            records,
            watermarks,
            deliveries,
            dead_letters,
            derived,
            identity_requests,
            identity_messages,
            timers,
            commits,
            commit_seconds,
            batch_seconds,
            written_back,
            limits_reached,
            condition_errors,
            faulty: _,
            uncovered_events,
            uncovered_bytes,
            dirty_contacts,
            cached_contacts,
            cached_bytes,
            lag_records,
            restored_records,
            restore_remaining_records,
            stores_rebuilt,
            lost_records,
            running_tasks,
            plan_set,
            plan_change_pending,
            erased_ids,
            purge_pending,
            unreadable_plan_sets,
            plans_info,
        } = self;
        let counters: [&dyn Collector; 15] = [
            records,
            deliveries,
            dead_letters,
            derived,
            identity_requests,
            identity_messages,
            timers,
            watermarks,
            condition_errors,
            limits_reached,
            commits,
            written_back,
            restored_records,
            stores_rebuilt,
            lost_records,
        ];
        let gauges: [&dyn Collector; 14] = [
            lag_records,
            running_tasks,
            uncovered_events,
            uncovered_bytes,
            dirty_contacts,
            cached_contacts,
            cached_bytes,
            restore_remaining_records,
            plan_set,
            plan_change_pending,
            erased_ids,
            purge_pending,
            unreadable_plan_sets,
            plans_info,
        ];
        let histograms: [&dyn Collector; 2] = [commit_seconds, batch_seconds];
        let of = |kind| move |figure: &&dyn Collector| FigureDescription::of(kind, *figure);
        let described = counters.iter().flat_map(of("counter"));
        described
            .chain(gauges.iter().flat_map(of("gauge")))
            .chain(histograms.iter().flat_map(of("histogram")))
            .collect()
    }

    /// Counts rules that did not fire because an expression had no value. Plans may have tens of thousands of rules, and a figure may not.
    pub(crate) fn count_faults(&self, plan: Word, rule: Word, error: &str, times: u64) {
        let mut faulty = self.faulty.lock().unwrap_or_else(PoisonError::into_inner);
        let is_named =
            faulty.contains(&(plan, rule)) || (faulty.len() < FAULTY_RULES_MAX && faulty.insert((plan, rule)));
        drop(faulty);
        let labels = if is_named { [&*plan, &*rule, error] } else { [OTHERS, OTHERS, error] };
        self.condition_errors.with_label_values(&labels).inc_by(times);
    }

    pub(crate) fn forget_task(&self, task: u32) {
        let label = task.to_string();
        for gauges in [
            &self.uncovered_events,
            &self.uncovered_bytes,
            &self.dirty_contacts,
            &self.cached_contacts,
            &self.cached_bytes,
            &self.lag_records,
            &self.restore_remaining_records,
            &self.plan_set,
            &self.plan_change_pending,
            &self.erased_ids,
            &self.purge_pending,
        ] {
            // A task that never got so far has no value to forget.
            let _ = gauges.remove_label_values(&[&label]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registering_twice_is_refused_and_names_carry_units() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.deliveries.with_label_values(&["applied"]).inc();
        assert!(Metrics::register(&registry).is_err());
        let families = registry.gather();
        assert!(families.iter().all(|family| family.name().starts_with("leadstream_")));
    }

    #[test]
    fn all_figures_are_described_and_those_that_are_served_as_they_are() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        let described = metrics.described();
        for family in registry.gather() {
            let found = described.iter().find(|figure| figure.name == family.name());
            let found = found.unwrap_or_else(|| panic!("{} is not described", family.name()));
            assert_eq!(format!("{:?}", family.get_field_type()).to_lowercase(), found.kind, "{}", family.name());
            assert_eq!(family.help(), found.help);
        }
        let mut names: Vec<&str> = described.iter().map(|figure| figure.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), described.len(), "each once");
        assert!(described.iter().all(|figure| (figure.kind == "counter") == figure.name.ends_with("_total")));
    }

    #[test]
    fn errors_are_counted_by_rule_and_however_many_rules_fail_the_figure_stays_bounded_l8() {
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let plan = Word::of("cars");
        let rule = |number: usize| Word::of(&format!("rule-{number}"));
        for number in 0..FAULTY_RULES_MAX + 7 {
            metrics.count_faults(plan, rule(number), "missing_field", 2);
        }
        metrics.count_faults(plan, rule(3), "wrong_type", 1);
        let count = |labels: [&str; 3]| metrics.condition_errors.with_label_values(&labels).get();
        assert_eq!((count(["cars", "rule-3", "missing_field"]), count(["cars", "rule-3", "wrong_type"])), (2, 1));
        assert_eq!(count([OTHERS, OTHERS, "missing_field"]), 14);
        let families = prometheus::core::Collector::collect(&metrics.condition_errors);
        assert_eq!(families[0].get_metric().len(), FAULTY_RULES_MAX + 2);
    }
}

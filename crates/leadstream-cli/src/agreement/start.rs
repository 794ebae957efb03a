//! A start with plan files: whether they are the plans in force, come into force, or have to give way.
//!
//! Nobody's plans are changed under them: neither those of members of the group, nor those of one that put a set in force so recently that it may not
//! have joined yet. Of two that start at once one registers first, and the other is told how its plans differ.

use std::fmt::Write as _;

use leadstream_config::Config;
use leadstream_plan::{Options, Report};
use leadstream_runtime::log::Log;
use leadstream_runtime::{Clock, PlansError, PlansTopic, Registrant, Registration};
use leadstream_wire::stored::plans::{Coming, PlanFile, PlanRef, PlanSetRecord};

use crate::plans;

/// How long members of the group may be such as have ended and whose session has not, and how long one that registered may take to become a
/// member: the session timeout and some.
const SESSIONS_END_MS: i64 = 15_000;

/// What this instance would have in force.
pub(super) struct Mine {
    files: Vec<PlanFile>,
    options: Options,
    instance: String,
    /// Its static ids in the group begin so; a number follows, and where it can be reached, hashed, if it can.
    members: String,
    group: String,
}

impl Mine {
    pub(super) fn of(config: &Config, report: &Report) -> Mine {
        // Without an error every file is a plan.
        let files = report.plans.iter().zip(report.sources()).map(|(plan, source)| PlanFile {
            id: plan.id.to_string(),
            file: source.name.clone(),
            text: source.text.clone(),
        });
        let group = config.application.id.to_string();
        Mine {
            files: files.collect(),
            options: plans::options(config),
            instance: config.application.instance.to_string(),
            members: format!("{group}-{}-", config.application.instance),
            group,
        }
    }

    fn is_own_member(&self, member: &str) -> bool {
        let Some(rest) = member.strip_prefix(&self.members) else { return false };
        let (number, address) = rest.split_once('-').map_or((rest, None), |(number, address)| (number, Some(address)));
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let is_hash = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_number && address.is_none_or(is_hash)
    }

    /// How the files differ from a set, a line for each plan; none where they are the same, whatever the files are called.
    fn differences(&self, set: &PlanSetRecord) -> Vec<String> {
        let short = |plan: &PlanRef| plan.version.to_string()[..12].to_owned();
        let mut here: Vec<PlanRef> =
            self.files.iter().map(|file| PlanRef { id: file.id.clone(), version: file.version() }).collect();
        here.sort();
        let mut lines = Vec::new();
        for plan in &here {
            match set.plans.iter().find(|other| other.id == plan.id) {
                Some(other) if other.version == plan.version => {}
                Some(other) => {
                    lines.push(format!("plan {}: changed, {} in force, {} here", plan.id, short(other), short(plan)));
                }
                None => lines.push(format!("plan {}: added, not in force, {} here", plan.id, short(plan))),
            }
        }
        let gone = set.plans.iter().filter(|other| here.iter().all(|plan| plan.id != other.id));
        lines.extend(gone.map(|other| format!("plan {}: removed, {} in force, none here", other.id, short(other))));
        lines
    }

    /// Who goes by other plans: members of the group.
    fn at_work(&self, ordinal: u64, others: &[String]) -> String {
        let (group, others) = (&self.group, others.join(", "));
        format!("other instances of {group} are at work under other plans (plan set {ordinal}; members {others})")
    }

    /// Who goes by other plans: one that was faster.
    fn outrun(&self, ordinal: u64, by: Option<&str>) -> String {
        let (group, by) = (&self.group, by.map(|name| format!(" ({name})")).unwrap_or_default());
        format!("another instance of {group}{by} put other plans in force while this one started (plan set {ordinal})")
    }
}

/// What a look at the topic came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The plans in force are those of this instance.
    Agreed,
    /// Something was done: look at what became of it.
    Again,
    /// They are others, and it shows with time whether anybody goes by them.
    Wait,
    /// They are others, and somebody goes by them.
    Refused(String),
}

/// What is known of the topic since this instance started.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// The number of the newest set at the first look, 0 where there was none.
    first: Option<u64>,
    /// Since when others are at work under other plans.
    others_since_ms: Option<i64>,
    /// Since when nobody is, and the set is too young to be taken for one that nobody goes by.
    young_since_ms: Option<i64>,
}

impl Start {
    /// Looks at the topic once, and registers what this instance has where nobody goes by anything else.
    ///
    /// # Errors
    /// [`PlansError`].
    pub(super) fn look<L: Log>(
        &mut self,
        topic: &mut PlansTopic<L>,
        mine: &Mine,
        clock: &dyn Clock,
        members: impl FnOnce() -> Result<Vec<String>, PlansError>,
    ) -> Result<Look, PlansError> {
        topic.read_to_end()?;
        let newest = topic.newest().map_or(0, |set| set.ordinal);
        let first = *self.first.get_or_insert(newest);
        let mut differences = Vec::new();
        if let Some(set) = topic.newest() {
            differences = mine.differences(set);
            if differences.is_empty() {
                return Ok(Look::Agreed);
            }
            let registration = topic.registration();
            // What a person put in force, a start with other files leaves in force.
            if registration.by_command {
                for difference in &differences {
                    tracing::warn!("{difference}");
                }
                tracing::warn!(
                    set = newest,
                    "the plans in force were activated by a command and stay; to have those of the files, activate them"
                );
                return Ok(Look::Agreed);
            }
            // Whoever did that is not in the group yet, perhaps, but goes by it.
            if newest != first {
                let by = registration.instance.as_deref();
                return Ok(Look::Refused(refusal(&mine.outrun(newest, by), &differences)));
            }
            let others: Vec<String> = members()?.into_iter().filter(|member| !mine.is_own_member(member)).collect();
            if let Some(look) =
                self.wait(&registration, mine, clock, &others, || refusal(&mine.at_work(newest, &others), &differences))
            {
                return Ok(look);
            }
        }
        for difference in &differences {
            tracing::info!("{difference}");
        }
        tracing::info!("these plans come into force");
        let who = Registrant { instance: &mine.instance, by_command: false };
        topic.register(&mine.files, Coming::Forward, mine.options.horizon, &mine.options.event_types, who)?;
        Ok(Look::Again)
    }

    /// Whether to wait for others to leave, or for the one that registered the set to join; none where nobody goes by it.
    fn wait(
        &mut self,
        registration: &Registration,
        mine: &Mine,
        clock: &dyn Clock,
        others: &[String],
        refusal: impl FnOnce() -> String,
    ) -> Option<Look> {
        let now_ms = clock.monotonic_ms();
        if !others.is_empty() {
            let first_seen = self.others_since_ms.is_none();
            let since_ms = *self.others_since_ms.get_or_insert(now_ms);
            if now_ms - since_ms > SESSIONS_END_MS {
                return Some(Look::Refused(refusal()));
            }
            if first_seen {
                tracing::warn!("{}; waiting for them to leave", refusal());
            }
            return Some(Look::Wait);
        }
        let is_own = registration.instance.as_ref() == Some(&mine.instance);
        let age_ms = registration.registered_ms.map(|at_ms| clock.wall().millis().saturating_sub(at_ms));
        if is_own || age_ms.is_none_or(|age_ms| age_ms > SESSIONS_END_MS) {
            return None;
        }
        let first_seen = self.young_since_ms.is_none();
        let since_ms = *self.young_since_ms.get_or_insert(now_ms);
        // Clocks of two machines may differ, so that the age alone would not do.
        if now_ms - since_ms > SESSIONS_END_MS {
            return None;
        }
        if first_seen {
            tracing::info!("other plans came into force a moment ago; waiting for who put them in force to join");
        }
        Some(Look::Wait)
    }
}

fn refusal(who: &str, differences: &[String]) -> String {
    let mut text = who.to_owned();
    for difference in differences {
        // Writing to a text does not fail.
        let _ = write!(text, "\n  {difference}");
    }
    text.push_str(
        "\nto join them give this instance the plan files in force; to change the plans of all of them use `leadstream plan activate`",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use leadstream_core::{PlanVersion, Span, Timestamp};
    use leadstream_runtime::ManualClock;
    use leadstream_runtime::log::model::ModelLog;
    use leadstream_runtime::log::{CleanupPolicy, TopicSpec};

    fn file(id: &str, text: &str) -> PlanFile {
        PlanFile { id: id.to_owned(), file: format!("plans/{id}.yaml"), text: text.to_owned() }
    }

    fn mine(files: Vec<PlanFile>) -> Mine {
        let (instance, group) = ("a".to_owned(), "shop".to_owned());
        Mine { files, options: Options::default(), instance, members: "shop-a-".to_owned(), group }
    }

    fn set(plans: &[(&str, &str)]) -> PlanSetRecord {
        let plans = plans.iter().map(|(id, text)| PlanRef { id: (*id).to_owned(), version: PlanVersion::of(text) });
        PlanSetRecord {
            ordinal: 3,
            horizon: Span::days(400),
            event_types: Vec::new(),
            plans: plans.collect(),
            coming: Coming::Forward,
        }
    }

    #[test]
    fn sets_are_equal_whatever_their_files_are_called_and_however_their_lines_end_s47() {
        let mut renamed = file("cars", "a\r\nb\r\n");
        renamed.file = "elsewhere.yml".to_owned();
        assert!(
            mine(vec![file("zoo", "z"), renamed]).differences(&set(&[("cars", "a\nb\n"), ("zoo", "z")])).is_empty()
        );
    }

    #[test]
    fn a_refusal_says_which_plans_were_added_changed_and_removed_and_what_to_do() {
        let mine = mine(vec![file("cars", "new"), file("bikes", "b")]);
        let differences = mine.differences(&set(&[("boats", "x"), ("cars", "old")]));
        let text = refusal(&mine.at_work(3, &["shop-b-0".to_owned()]), &differences);
        let short = |text| PlanVersion::of(text).to_string()[..12].to_owned();
        assert_eq!(
            text,
            format!(
                "other instances of shop are at work under other plans (plan set 3; members shop-b-0)\n  plan bikes: added, not in force, {} here\n  plan \
                 cars: changed, {} in force, {} here\n  plan boats: removed, {} in force, none here\nto join them give this instance the plan files in \
                 force; to change the plans of all of them use `leadstream plan activate`",
                short("b"),
                short("old"),
                short("new"),
                short("x")
            )
        );
    }

    #[test]
    fn members_of_this_instance_are_no_others() {
        let mine = mine(Vec::new());
        let own = ["shop-a-0", "shop-a-12", "shop-a-0-12ab34cd"];
        assert!(own.iter().all(|member| mine.is_own_member(member)));
        assert!(!mine.is_own_member("shop-a-1-0") && !mine.is_own_member("shop-b-0") && !mine.is_own_member("shop-a-"));
    }

    /// An application on a cluster in memory.
    struct Shop {
        log: ModelLog,
        clock: ManualClock,
        members: Vec<String>,
    }

    impl Shop {
        fn new() -> Shop {
            let log = ModelLog::default();
            let plans = TopicSpec {
                name: "plans".to_owned(),
                partitions: 1,
                replication: None,
                cleanup_policy: CleanupPolicy::Compact,
                retention_ms: None,
                max_message_bytes: None,
                settings: std::collections::BTreeMap::new(),
            };
            log.create(&[plans]).unwrap();
            let clock = ManualClock::at(Timestamp::from_millis(log.now_ms()));
            Shop { log, clock, members: Vec::new() }
        }

        fn open(&self) -> PlansTopic<ModelLog> {
            PlansTopic::open(Arc::new(self.log.clone()), "plans", "shop-plans").unwrap()
        }

        fn pass(&self, milliseconds: u64) {
            self.log.advance(std::time::Duration::from_millis(milliseconds));
            self.clock.advance(i64::try_from(milliseconds).unwrap());
        }

        fn look(&self, topic: &mut PlansTopic<ModelLog>, mine: &Mine, start: &mut Start) -> Look {
            start.look(topic, mine, &self.clock, || Ok(self.members.clone())).unwrap()
        }

        /// Looks until something comes of it; tells after how many milliseconds.
        fn settle(&self, topic: &mut PlansTopic<ModelLog>, mine: &Mine, start: &mut Start) -> (Look, u64) {
            let mut waited_ms = 0;
            for _ in 0..100 {
                match self.look(topic, mine, start) {
                    Look::Wait => {
                        self.pass(500);
                        waited_ms += 500;
                    }
                    Look::Again => {}
                    look => return (look, waited_ms),
                }
            }
            panic!("nothing comes of it");
        }
    }

    fn of_instance(name: &str, text: &str) -> Mine {
        Mine { instance: name.to_owned(), members: format!("shop-{name}-"), ..mine(vec![file("cars", text)]) }
    }

    fn refused(look: Look) -> String {
        match look {
            Look::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// A shop whose plans came into force long ago.
    fn old_shop() -> Shop {
        let shop = Shop::new();
        let mut topic = shop.open();
        let settled = shop.settle(&mut topic, &of_instance("old", "old"), &mut Start::default());
        assert_eq!(settled, (Look::Agreed, 0));
        shop.pass(60_000);
        shop
    }

    #[test]
    fn of_two_that_start_at_once_with_different_plans_one_is_refused_with_the_difference() {
        let shop = old_shop();
        let (mut one, mut other) = (shop.open(), shop.open());
        let (mine, others) = (of_instance("a", "one"), of_instance("b", "other"));
        let (mut start, mut other_start) = (Start::default(), Start::default());
        // The first one registers after the other has looked.
        let look = other_start.look(&mut other, &others, &shop.clock, || {
            assert_eq!(shop.look(&mut one, &mine, &mut start), Look::Again);
            Ok(Vec::new())
        });
        assert_eq!(look, Ok(Look::Again));
        let said = refused(shop.look(&mut other, &others, &mut other_start));
        let outrun = "another instance of shop (a) put other plans in force while this one started (plan set 2)";
        assert!(said.starts_with(outrun) && said.contains("\n  plan cars: changed, "), "{said}");
        assert_eq!(shop.look(&mut one, &mine, &mut start), Look::Agreed);
        assert_eq!(one.newest().unwrap().ordinal, 2, "nothing came behind it");

        // The same where there was no set at all; with equal plans there is no quarrel.
        let shop = Shop::new();
        let (mut one, mut other) = (shop.open(), shop.open());
        let (mut start, mut other_start) = (Start::default(), Start { first: Some(0), ..Start::default() });
        assert_eq!(shop.look(&mut one, &mine, &mut start), Look::Again);
        assert!(refused(shop.look(&mut other, &others, &mut other_start)).contains("(a) put other plans in force"));
        assert_eq!(shop.look(&mut other, &of_instance("b", "one"), &mut other_start), Look::Agreed);
    }

    #[test]
    fn what_a_person_put_in_force_stays_whatever_files_an_instance_starts_with() {
        let mut shop = old_shop();
        let who = Registrant { instance: "desk", by_command: true };
        let mut topic = shop.open();
        topic.read_to_end().unwrap();
        topic.register(&[file("cars", "activated")], Coming::Forward, Span::days(400), &[], who).unwrap();
        for members in [Vec::new(), vec!["shop-b-0".to_owned()]] {
            shop.members = members;
            let mut started = shop.open();
            let settled = shop.settle(&mut started, &of_instance("a", "old"), &mut Start::default());
            assert_eq!(settled, (Look::Agreed, 0));
            assert_eq!(started.newest().unwrap().plans[0].version, PlanVersion::of("activated"));
        }
    }

    #[test]
    fn a_set_that_just_came_into_force_is_not_overruled_before_its_instance_can_have_joined() {
        let mut shop = Shop::new();
        assert_eq!(shop.settle(&mut shop.open(), &of_instance("a", "one"), &mut Start::default()).0, Look::Agreed);
        shop.pass(2_000);
        let (mut topic, mut start, mine) = (shop.open(), Start::default(), of_instance("b", "other"));
        assert_eq!(shop.look(&mut topic, &mine, &mut start), Look::Wait);
        shop.pass(3_000);
        assert_eq!(shop.look(&mut topic, &mine, &mut start), Look::Wait);
        shop.members = vec!["shop-a-0".to_owned()];
        let (look, _) = shop.settle(&mut topic, &mine, &mut start);
        assert!(
            refused(look)
                .starts_with("other instances of shop are at work under other plans (plan set 1; members shop-a-0)")
        );
        assert_eq!(topic.newest().unwrap().ordinal, 1);
    }

    #[test]
    fn a_set_that_nobody_goes_by_gives_way_after_a_session_and_that_of_the_instance_itself_at_once() {
        for (instance, clock_behind_ms, waits) in [("b", 0, 14_000), ("a", 0, 0), ("b", 1_000_000, 15_500)] {
            let shop = Shop::new();
            assert_eq!(shop.settle(&mut shop.open(), &of_instance("a", "one"), &mut Start::default()).0, Look::Agreed);
            shop.pass(1_500);
            shop.clock.jump(Timestamp::from_millis(shop.log.now_ms() - clock_behind_ms));
            let (mut topic, mine) = (shop.open(), of_instance(instance, "other"));
            let settled = shop.settle(&mut topic, &mine, &mut Start::default());
            assert_eq!(settled, (Look::Agreed, waits), "{instance}, {clock_behind_ms} ms behind");
            assert_eq!(topic.newest().unwrap().ordinal, 2);
        }
    }

    #[test]
    fn members_that_leave_are_waited_for_and_their_plans_give_way_then() {
        let mut shop = old_shop();
        shop.members = vec!["shop-a-0".to_owned(), "shop-b-0".to_owned()];
        let (mut topic, mut start, mine) = (shop.open(), Start::default(), of_instance("b", "other"));
        assert_eq!(shop.look(&mut topic, &mine, &mut start), Look::Wait);
        shop.members.remove(0);
        assert_eq!(shop.settle(&mut topic, &mine, &mut start), (Look::Agreed, 0));
    }
}

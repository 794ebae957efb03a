//! S39, S53, S54, S55: the derived events.

use leadstream_oracle::{LineKind, Oracle, Plan, derived_id};

use crate::common::{attribute, day, event, feed, oracle, plan, worth, worth_oracle};

#[test]
fn s54_the_id_of_the_clause() {
    assert_eq!(derived_id("c1", "cars", "qualify", 1), "beb6447c9bcd962e235d541a05a7869d");
}

#[test]
fn s54_s55_numbers_count_announcements_of_a_subject_and_of_the_contact() {
    let mut oracle = oracle("rules: [{ id: w, on: worth, points: event.value, tag: t }]\nqualify: { at: 10 }");
    let first = feed(&mut oracle, worth("1", 0.0, 10.0)).derived;
    let second = feed(&mut oracle, worth("2", 1.0, -5.0)).derived;
    let numbers: Vec<_> =
        first.iter().chain(&second).map(|derived| (derived.subject.as_str(), derived.n, derived.seq)).collect();
    assert_eq!(numbers, [("tag:t", 1, 1), ("qualify", 1, 2), ("qualify", 2, 3)]);
    assert_eq!(first[0].id, derived_id("c1", "", "tag:t", 1));
    assert_eq!(second[0].id, derived_id("c1", "p", "qualify", 2));
    assert_eq!(second[0].corrects, None);
    assert_eq!(oracle.scorecard().seq, 3);
}

#[test]
fn s39_tags_come_first_by_name_then_plans_by_id_each_with_its_stage_before_its_qualification() {
    let body = |tag: &str| {
        format!(
            "rules: [{{ id: w, on: x, points: 10, tag: {tag} }}]\nqualify: {{ at: 10 }}\npipeline: {{ stages: [{{ name: a }}, {{ name: b, enter: 10 }}] }}"
        )
    };
    let (first, second) = (plan("a", &body("z")), plan("b", &body("y")));
    let mut oracle = Oracle::new("c1", &[&second, &first]).unwrap();
    let effect = feed(&mut oracle, event("1", 0.0, "x"));
    let order: Vec<_> = effect
        .derived
        .iter()
        .map(|derived| (derived.plan.as_deref().unwrap_or(""), derived.subject.as_str()))
        .collect();
    assert_eq!(
        order,
        [("", "tag:y"), ("", "tag:z"), ("a", "stage"), ("a", "qualify"), ("b", "stage"), ("b", "qualify")]
    );
}

#[test]
fn s53_the_five_largest_contributions_come_by_size_then_fit_first_then_time_uid_and_rule() {
    let mut oracle = worth_oracle("fit: [{ id: f, when: contact.vip, points: 3 }]\nqualify: { at: 20 }");
    feed(&mut oracle, attribute("0", 0.0, "vip", true));
    for (id, days, points) in [("1", 1.0, 3.0), ("2", 2.0, -4.0), ("3", 3.0, 0.0), ("4", 4.0, 3.0), ("5", 5.0, 1.0)] {
        feed(&mut oracle, worth(id, days, points));
    }
    let effect = feed(&mut oracle, worth("6", 6.0, 15.0));
    let shown: Vec<_> =
        effect.derived[0].contributions.iter().map(|line| (line.rule.as_str(), line.time, line.value)).collect();
    assert_eq!(
        shown,
        [
            ("w", Some(day(6.0)), 15_000),
            ("w", Some(day(2.0)), -4_000),
            ("f", None, 3_000),
            ("w", Some(day(1.0)), 3_000),
            ("w", Some(day(4.0)), 3_000),
        ]
    );
    assert_eq!(effect.derived[0].contributions[2].kind, LineKind::Fit);
    assert_eq!(effect.derived[0].contributions[2].uid, None);
}

#[test]
fn s53_fields_say_which_plan_version_decided() {
    let text = plan("p", "rules: [{ id: w, on: worth, points: event.value }]\nqualify: { at: 10 }");
    let mut oracle = Oracle::new("c1", &[&text]).unwrap();
    let derived = feed(&mut oracle, worth("1", 0.0, 10.0)).derived.remove(0);
    assert_eq!(derived.version, Some(Plan::parse(&text).unwrap().version));
    // S47: line ends do not make a version.
    assert_eq!(Plan::parse(&text.replace('\n', "\r\n")).unwrap().version, Plan::parse(&text).unwrap().version);
    assert_eq!(derived.contact, "c1");
    let form = serde_json::to_value(&derived).unwrap();
    assert_eq!(form["type"], "lead.qualified");
    assert_eq!((form["old"].clone(), form["new"].clone()), (false.into(), true.into()));
}

#[test]
fn s53_contributions_worth_nothing_are_not_listed() {
    let mut oracle = worth_oracle("qualify: { at: 10 }");
    feed(&mut oracle, worth("1", 0.0, 0.0));
    let effect = feed(&mut oracle, worth("2", 1.0, 10.0));
    assert_eq!(effect.derived[0].contributions.len(), 1);
}

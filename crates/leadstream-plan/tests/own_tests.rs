//! The tests that authors write into plans: run through the fold, and shown.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use leadstream_core::HistoryLimits;
use leadstream_plan::{Options, Source, Style, check};

/// The plan of these tests, with the author's tests under it.
fn plan(tests: &str) -> String {
    format!(
        "plan: cars
time_zone: Europe/Warsaw
members: '!has(contact.customer_group) || contact.customer_group != \"fleet\"'
rules:
  - {{ id: visit, on: page_viewed, points: 10, cap: {{ points: 15, per: day }} }}
  - {{ id: suv, on: page_viewed, when: 'event.path.startsWith(\"/suv/\")', points: 4, tag: suv }}
  - {{ id: form, on: form_submitted, points: 40, once_per: 30d }}
  - {{ id: mail, on: email_opened, points: 8, verdicts: {{ suspect: {{ weight: 0.5 }} }} }}
  - {{ id: away, idle: 30d, every: 30d, times: 2, points: -10 }}
fit:
  - {{ id: near, when: 'contact.city == \"Kraków\"', points: 10 }}
limits: {{ floor: 0, ceiling: 100 }}
qualify: {{ at: 50, release: 30, cooldown: 7d, when: 'contact.consent' }}
pipeline: {{ by: engagement, stages: [ {{ name: lead }}, {{ name: hot, enter: 40 }} ] }}
tests:
{tests}"
    )
}

/// Runs the tests of a plan; gives how many passed and what is shown of all.
#[track_caller]
fn run(text: String) -> (usize, String) {
    let report = check(vec![Source { name: "cars.yaml".to_owned(), text }], &Options::default());
    assert!(report.diagnostics.is_empty(), "{}", report.render(Style::Plain));
    let mut shown = String::new();
    let mut passed = 0;
    for example in &report.tests[0] {
        let trial = example.run(&report.plans[0], HistoryLimits::default());
        passed += usize::from(trial.passed());
        shown.push_str(&trial.render(example, "cars.yaml", Style::Plain));
    }
    (passed, shown)
}

/// Tests that pass as they stand.
#[track_caller]
fn pass(tests: &str) {
    let (passed, shown) = run(plan(tests));
    assert_eq!(passed, tests.matches("  - ").count(), "{shown}");
}

#[test]
fn every_score_and_level_can_be_expected() {
    pass(
        "  - { name: everything, given: [ { contact: { city: Kraków, consent: true }, at: 0d }, { form_submitted: {}, at: 1d }, { page_viewed: { path: /suv/x }, at: 2d } ],
      expect: { score: 64, engagement: 54, fit: 10, global: 0, member: true, qualified: true, stage: hot, stage_score: 14, tags: { suv: 4, other: false },
                derived: [ { type: stage.advanced, stage: hot, at: 1d }, { type: lead.qualified, at: 1d }, { type: tag.added, tag: suv, at: 2d } ] } }
  - { given: [], expect: { score: 0, member: false, stage: null, tags: {}, derived: [] } }
",
    );
}

#[test]
fn bands_grades_owners_actions_and_what_sales_says_can_be_told_and_expected_s17_s27_s28_s34_s35_s38() {
    let text = "plan: cars
rules:
  - { id: visit, on: page_viewed, points: 20 }
decay: { half_life: 30d }
fit: [ { id: near, when: 'contact.city == \"Kraków\"', points: 10 } ]
qualify: { at: 50, release: 30 }
pipeline: { by: engagement, stages: [ { name: lead }, { name: hot, enter: 40 }, { name: customer, final: true } ] }
bands: { warm: 20, hot: 50, margin: 5 }
grade: { fit: { A: 10 }, engagement: { 1: 35, 2: 15 } }
route: { to: [anna, piotr], by: contact.owner }
actions: [ { id: discount, at: 50, emit: send_offer, data: { percent: 10 } } ]
feedback: { outcomes: { won: customer } }
tests:
  - name: a customer in the end
    given: [ { contact: { city: Kraków, owner: piotr }, at: 0d }, { page_viewed: {}, at: 1d }, { page_viewed: {} }, { feedback: { outcome: won }, at: 2d } ]
    expect:
      { score: 10, band: cold, grade: A4, owner: null, actions: { discount: 1 }, stage: customer, qualified: false,
        derived: [ { type: grade.changed, grade: A4, at: 0d }, { type: band.changed, band: warm }, { type: grade.changed, grade: A2 },
                   { type: band.changed, band: hot }, { type: grade.changed, grade: A1 }, { type: stage.advanced, stage: hot }, lead.qualified,
                   { type: lead.routed, owner: piotr }, { type: action.requested, action: discount, at: 1d },
                   { type: band.changed, band: cold, at: 2d }, grade.changed, { type: stage.advanced, stage: customer }, lead.disqualified ] }
  - { name: by hand, given: [ { adjust: { set: 45 }, at: 0d }, { adjust: { add: 10, decay: none } } ], at: 30d, expect: { score: 32.5, band: warm, grade: D2, qualified: true } }
";
    let (passed, shown) = run(text.to_owned());
    assert_eq!(passed, 2, "{shown}");
    let failing = text
        .replace("band: cold, grade: A4, owner: null", "band: warm, grade: B4, owner: anna")
        .replace("discount: 1 }", "discount: 2 }");
    let (passed, shown) = run(failing);
    assert_eq!(passed, 1, "{shown}");
    for line in [
        "band             warm      cold",
        "grade            B4        A4",
        "owner            anna      none",
        "action discount  2         1",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn the_ledger_can_be_expected_line_by_line() {
    pass(
        "  - { name: rules alone, given: [ { contact: { city: Kraków } }, { page_viewed: { path: /a } }, { page_viewed: { path: /suv/x }, at: 2h } ], expect: { ledger: [near, visit, visit, suv] } }
  - { name: with points and times, given: [ { page_viewed: { path: /a } }, { page_viewed: { path: /b }, at: 2h }, { page_viewed: { path: /c }, at: 3h } ],
      expect: { ledger: [ { rule: visit, points: 10, at: 0d }, { rule: visit, points: 5 }, { rule: visit, points: 0, at: 3h } ] } }
  - { name: by hand and by silence, given: [ { adjust: { add: 30 } } , { form_submitted: {} } ], at: 30d, expect: { ledger: [ { rule: '#adjust', points: 30 }, form, { rule: away, at: 30d } ] } }
  - { name: nothing, given: [], expect: { ledger: [] } }
",
    );
}

#[test]
fn a_ledger_that_is_another_is_shown_beside_the_expected_one() {
    let (passed, shown) = run(plan(
        "  - { name: an offer, given: [ { contact: { city: Kraków } }, { page_viewed: { path: /a }, at: 1h }, { page_viewed: { path: /suv/x }, at: 2h }, { form_submitted: {}, at: 1d } ],
      expect: { score: 69, ledger: [ near, { rule: visit, at: 1h }, { rule: visit, points: 10, at: 2h }, mail, { rule: form, points: 40 } ] } }
  - { name: nobody, given: [], expect: { ledger: [visit] } }
  - { name: nothing expected, given: [ { form_submitted: {} } ], expect: { ledger: [] } }
",
    ));
    assert_eq!(passed, 0);
    insta::with_settings!({ snapshot_path => "examples", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("ledgers", shown);
    });
}

#[test]
fn the_clock_goes_on_to_the_end_of_the_test_and_silence_fires() {
    pass(
        "  - { given: [ { form_submitted: {}, at: 0d } ], at: 29d, expect: { score: 40 } }
  - { given: [ { form_submitted: {}, at: 0d } ], at: 30d, expect: { score: 30 } }
  - { given: [ { form_submitted: {}, at: 0d } ], at: 365d, expect: { score: 20 } }
  - { given: [ { form_submitted: {}, at: 2026-03-01T10:00:00Z } ], at: 2026-03-31T10:00:00Z, expect: { score: 30 } }
",
    );
}

#[test]
fn a_test_begins_on_a_monday_at_midnight_in_the_time_zone_of_the_plan_s19() {
    // The cap of a day in Warsaw: 23 hours after the beginning is the same day, 24 hours after it is the next.
    pass(
        "  - { given: [ { page_viewed: { path: /a } }, { page_viewed: { path: /b }, at: 23h59m } ], expect: { score: 15 } }
  - { given: [ { page_viewed: { path: /a } }, { page_viewed: { path: /b }, at: 1d } ], expect: { score: 20 } }
  - { given: [ { page_viewed: { path: /a }, at: 2023-12-31T23:00:00Z }, { page_viewed: { path: /b }, at: 0d } ], expect: { score: 15 } }
",
    );
}

#[test]
fn what_is_known_of_the_contact_can_be_set_and_unset() {
    pass(
        "  - { given: [ { contact: { city: Kraków } }, { contact: { city: null }, at: 1d } ], expect: { fit: 0, score: 0 } }
  - { given: [ { contact: { customer_group: fleet } }, { form_submitted: {}, at: 1d } ], expect: { member: false, score: 0 } }
  - { given: [ { contact: { tags: [vip, trial] } }, { contact: { tags: { trial: false } }, at: 1d } ], expect: { tags: { vip: true, trial: false } } }
",
    );
}

#[test]
fn what_happens_at_one_instant_happens_in_the_order_of_the_file() {
    let mut tests = String::new();
    for _ in 0..3 {
        tests.push_str(
            "  - { given: [ { contact: { customer_group: fleet } }, { form_submitted: {} } ], expect: { score: 0 } }\n",
        );
        tests.push_str("  - { given: [ { form_submitted: {} }, { contact: { customer_group: fleet } } ], expect: { score: 40 } }\n");
    }
    pass(&tests);
}

#[test]
fn an_event_that_stands_later_and_happened_earlier_is_late_s41() {
    pass(
        "  - { given: [ { contact: { consent: true } }, { form_submitted: {}, at: 2d }, { page_viewed: { path: /a }, at: 3d }, { contact: { customer_group: fleet }, at: 1d } ],
      expect: { member: false, qualified: false, score: 0, derived: [ { type: stage.advanced, at: 2d }, { type: lead.qualified, at: 3d },
                { type: stage.regressed, at: 3d }, { type: lead.disqualified, at: 3d } ] } }
",
    );
}

#[test]
fn machines_are_told_apart_s56() {
    pass(
        "  - { given: [ { email_opened: {}, verdict: suspect } ], expect: { score: 4 } }
  - { given: [ { email_opened: {}, verdict: machine } ], expect: { score: 0 } }
  - { given: [ { email_opened: {}, verdict: human } ], expect: { score: 8 } }
",
    );
}

#[test]
fn a_test_that_fails_shows_what_was_expected_what_came_and_why() {
    let (passed, shown) = run(plan(
        "  - { name: two pages on one day, given: [ { page_viewed: { path: /a } }, { page_viewed: { path: /suv/x }, at: 2h } ], expect: { score: 24, qualified: true, tags: { suv: 5, sport: 3 } } }
  - { name: three silent months, given: [ { contact: { city: Kraków } }, { form_submitted: {}, at: 1d12h } ], at: 100d, expect: { score: 40, global: 40, stage: lead } }
  - { name: a call from sales, given: [ { contact: { consent: true } }, { form_submitted: {}, at: 1d }, { page_viewed: { path: /suv/y }, at: 2d }, { contact: { consent: false }, at: 3d } ],
      expect: { derived: [ lead.qualified, { type: tag.added, tag: sport }, { type: stage.advanced, stage: hot, at: 2d }, lead.disqualified ] } }
  - { name: opened by a machine, given: [ { email_opened: {}, verdict: machine } ], expect: { score: 8 } }
  - { name: opened by something, given: [ { email_opened: {}, verdict: suspect, at: 2026-05-01T08:00:00Z } ], expect: { score: 8 } }
  - { name: nothing, given: [], expect: { score: 1 } }
  - { name: as it should be, given: [ { form_submitted: {} } ], expect: { score: 40 } }
",
    ));
    assert_eq!(passed, 1);
    insta::with_settings!({ snapshot_path => "examples", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("failures", shown);
    });
}

#[test]
fn tests_that_are_too_many_are_refused_s58() {
    let one = "  - { given: [], expect: { score: 0 } }\n";
    let report = |text: String| check(vec![Source { name: "cars.yaml".to_owned(), text }], &Options::default());
    assert_eq!(report(plan(&one.repeat(1_000))).tests[0].len(), 1_000);
    let refused = report(plan(&one.repeat(1_001)));
    assert_eq!(refused.diagnostics[0].message, "a plan has at most 1000 tests");
    let many = "{ page_viewed: { path: /a } }, ".repeat(1_001);
    let refused = report(plan(&format!("  - {{ given: [ {many} ], expect: {{ score: 0 }} }}\n")));
    assert_eq!(refused.diagnostics[0].message, "a test has at most 1000 events");
    let wide = "x".repeat(1_100);
    let refused =
        report(plan(&format!("  - {{ given: [ {{ page_viewed: {{ path: {wide} }} }} ], expect: {{ score: 0 }} }}\n")));
    assert_eq!(refused.diagnostics[0].message, "the properties have 1104 bytes, more than 1024");
}

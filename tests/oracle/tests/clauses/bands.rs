//! S27, S28, S34, S35, S42 and what leaving does to them (S23): bands, grades, actions, routes.

use leadstream_oracle::{DerivedType, Effect, Level, Oracle, Plan, hash, length_prefixed};

use crate::common::{attribute, day, event, feed, oracle, plan, worth, worth_oracle};

/// Type, old and new level of each derived event.
fn levels(effect: &Effect) -> Vec<(DerivedType, Level, Level)> {
    effect.derived.iter().map(|derived| (derived.derived_type, derived.old.clone(), derived.new.clone())).collect()
}

fn band(old: &str, new: &str) -> Vec<(DerivedType, Level, Level)> {
    vec![(DerivedType::BandChanged, Level::Named(old.into()), Level::Named(new.into()))]
}

fn counts(effect: &Effect) -> Vec<(Level, Level)> {
    effect.derived.iter().map(|derived| (derived.old.clone(), derived.new.clone())).collect()
}

#[test]
fn s27_from_82_to_37_with_cuts_40_and_80_and_margin_5_is_warm() {
    let mut oracle = worth_oracle("bands: { warm: 40, hot: 80, margin: 5 }");
    let effect = feed(&mut oracle, worth("1", 0.0, 82.0));
    assert_eq!(levels(&effect), band("cold", "hot"));
    assert_eq!((effect.derived[0].score, effect.derived[0].threshold), (Some(82_000), Some(80_000)));
    let effect = feed(&mut oracle, worth("2", 1.0, -45.0));
    assert_eq!(levels(&effect), band("hot", "warm"));
    assert_eq!((effect.derived[0].score, effect.derived[0].threshold), (Some(37_000), Some(75_000)));
    assert!(feed(&mut oracle, worth("3", 2.0, -2.0)).derived.is_empty()); // 35
    assert_eq!(levels(&feed(&mut oracle, worth("4", 3.0, -0.001))), band("warm", "cold"));
    // From below the margin helps nobody.
    assert!(feed(&mut oracle, worth("5", 4.0, 4.999)).derived.is_empty()); // 39.998
    assert_eq!(oracle.read().levels()["p"].band, "cold");
}

#[test]
fn s27_s33_a_band_cools_with_the_score_at_its_instant() {
    let mut oracle = worth_oracle("decay: { linear: 10d }\nbands: { warm: 40, hot: 80, margin: 5 }");
    feed(&mut oracle, worth("1", 0.0, 100.0));
    let effect = oracle.clock(day(20.0));
    assert_eq!(levels(&effect), [band("hot", "warm"), band("warm", "cold")].concat());
    // 74.999 and 34.999, the first thousandth below.
    assert_eq!(effect.derived.iter().map(|derived| derived.score).collect::<Vec<_>>(), [Some(74_999), Some(34_999)]);
}

#[test]
fn s44_c_an_absence_cools_and_a_late_click_warms_again_since_the_first_hot() {
    let mut oracle = oracle(
        "bands: { warm: 40, hot: 80 }\nrules: [{ id: w, on: worth, points: event.value }, \
         { id: a, after: mail, unless: click, within: 3d, points: -5 }]",
    );
    feed(&mut oracle, event("1", 0.0, "mail"));
    feed(&mut oracle, worth("2", 1.0, 82.0));
    assert_eq!(levels(&oracle.clock(day(3.0))), band("hot", "warm"));
    feed(&mut oracle, worth("3", 4.0, 0.0));
    let effect = feed(&mut oracle, event("4", 2.0, "click"));
    assert_eq!(levels(&effect), band("warm", "hot"));
    let told = &effect.derived[0];
    assert_eq!((told.time, told.since, told.marks.as_slice()), (day(4.0), day(1.0), &["late".to_owned()][..]));
}

#[test]
fn s28_a_letter_by_fit_and_a_digit_by_engagement() {
    let mut oracle = oracle(
        "rules: [{ id: w, on: worth, points: event.value }]\n\
         fit: [{ id: a, when: 'contact.age >= 30', points: 20 }, { id: b, when: 'contact.age >= 40', points: 10 }]\n\
         grade: { fit: { A: 30, B: 20, C: 10 }, engagement: { 1: 100, 2: 50, 3: 20 } }",
    );
    let grade = |old: Option<&str>, new: &str| {
        let old = old.map_or(Level::None, |old| Level::Named(old.into()));
        vec![(DerivedType::GradeChanged, old, Level::Named(new.into()))]
    };
    assert_eq!(levels(&feed(&mut oracle, worth("1", 0.0, 10.0))), grade(None, "D4"));
    assert_eq!(levels(&feed(&mut oracle, attribute("2", 1.0, "age", 30.0))), grade(Some("D4"), "B4"));
    assert_eq!(levels(&feed(&mut oracle, worth("3", 2.0, 40.0))), grade(Some("B4"), "B2"));
    assert_eq!(levels(&feed(&mut oracle, attribute("4", 3.0, "age", 41.0).with("x", 1.0))), grade(Some("B2"), "A2"));
    assert_eq!(levels(&feed(&mut oracle, worth("5", 4.0, 49.999))), []);
    assert_eq!(levels(&feed(&mut oracle, worth("6", 5.0, 0.001))), grade(Some("A2"), "A1"));
}

#[test]
fn s34_an_action_counts_a_rise_and_never_again_by_default() {
    let mut oracle = worth_oracle("actions: [{ id: discount, at: 60, emit: send_offer, data: { offer: spring } }]");
    let effect = feed(&mut oracle, worth("1", 0.0, 60.0));
    assert_eq!(counts(&effect), [(Level::Count(0), Level::Count(1))]);
    let told = &effect.derived[0];
    assert_eq!((told.subject.as_str(), told.score, told.threshold), ("action:discount", Some(60_000), Some(60_000)));
    assert!(feed(&mut oracle, worth("2", 1.0, -60.0)).derived.is_empty());
    assert!(feed(&mut oracle, worth("3", 2.0, 60.0)).derived.is_empty());
}

#[test]
fn s34_with_rearm_on_release_it_counts_again_only_after_the_score_was_below_release() {
    let mut oracle = worth_oracle("actions: [{ id: x, at: 60, release: 40, rearm: on_release }]");
    feed(&mut oracle, worth("1", 0.0, 60.0));
    feed(&mut oracle, worth("2", 1.0, -20.0)); // 40 is not below
    assert!(feed(&mut oracle, worth("3", 2.0, 20.0)).derived.is_empty());
    feed(&mut oracle, worth("4", 3.0, -21.0));
    assert_eq!(counts(&feed(&mut oracle, worth("5", 4.0, 21.0))), [(Level::Count(1), Level::Count(2))]);
}

#[test]
fn s33_trap_11_decay_between_arm_and_release_re_arms_with_no_step_of_an_event() {
    let mut oracle =
        worth_oracle("decay: { expire: 5d }\nactions: [{ id: x, at: 60, release: 40, rearm: on_release }]");
    feed(&mut oracle, worth("1", 0.0, 30.0));
    feed(&mut oracle, worth("2", 1.0, 30.0));
    // 30 from d5, so that the 60 of d5.5 are a new rise, though no event saw less than 60.
    let effect = feed(&mut oracle, worth("3", 5.5, 30.0));
    assert_eq!(counts(&effect), [(Level::Count(1), Level::Count(2))]);
    assert_eq!(oracle.read().levels()["p"].actions["x"], (2, true));
}

#[test]
fn s42_what_was_asked_for_is_neither_unsent_nor_sent_again() {
    let mut oracle = worth_oracle("actions: [{ id: x, at: 60, rearm: on_release }]");
    feed(&mut oracle, worth("1", 1.0, 60.0));
    // A late loss undoes the rise: nothing is told.
    assert!(feed(&mut oracle, worth("2", 0.5, -1.0)).derived.is_empty());
    assert_eq!(oracle.read().levels()["p"].actions["x"], (0, false));
    // The first rise of the fold was announced already.
    assert!(feed(&mut oracle, worth("3", 2.0, 1.0)).derived.is_empty());
    feed(&mut oracle, worth("4", 3.0, -1.0));
    assert_eq!(counts(&feed(&mut oracle, worth("5", 4.0, 1.0))), [(Level::Count(1), Level::Count(2))]);
    // Several late rises are one event.
    let effect = feed(&mut oracle, worth("6", 0.0, 1.0));
    assert!(effect.derived.is_empty());
}

#[test]
fn s35_a_lead_goes_to_whom_its_attribute_names_else_to_the_greatest_hash_and_stays_until_off() {
    let body = "route: { to: [anna, piotr, ola], by: 'contact.region', else: rendezvous }\nqualify: { at: 50 }";
    let heaviest = ["anna", "piotr", "ola"]
        .into_iter()
        .max_by_key(|candidate| hash(&[&length_prefixed("c1"), &length_prefixed(candidate)]))
        .unwrap();
    let routed = |old: Level, owner: &str| (DerivedType::LeadRouted, old, Level::Named(owner.into()));
    let mut oracle = worth_oracle(body);
    feed(&mut oracle, attribute("1", 0.0, "region", "north"));
    let effect = feed(&mut oracle, worth("2", 1.0, 50.0));
    assert_eq!(levels(&effect)[1], routed(Level::None, heaviest));
    // Kept, whatever the attribute says.
    assert!(feed(&mut oracle, attribute("3", 2.0, "region", "ola")).derived.is_empty());
    assert_eq!(oracle.read().levels()["p"].owner.as_deref(), Some(heaviest));
    // Off in silence, and routed anew at the next on.
    assert_eq!(levels(&feed(&mut oracle, worth("4", 3.0, -1.0))).len(), 1);
    assert_eq!(oracle.read().levels()["p"].owner, None);
    assert_eq!(levels(&feed(&mut oracle, worth("5", 4.0, 1.0)))[1], routed(Level::None, "ola"));
}

#[test]
fn s41_a_correction_routes_where_the_owner_differs_and_is_set() {
    let mut oracle = worth_oracle("route: { to: [anna, piotr, ola], by: contact.region }\nqualify: { at: 50 }");
    feed(&mut oracle, attribute("1", 0.0, "region", "anna"));
    feed(&mut oracle, worth("2", 2.0, 50.0));
    let effect = feed(&mut oracle, attribute("3", 1.0, "region", "piotr"));
    let told = levels(&effect);
    assert_eq!(told, [(DerivedType::LeadRouted, Level::Named("anna".into()), Level::Named("piotr".into()))]);
    assert!(effect.derived[0].corrects.is_some());
    // A loss: one lead.disqualified, no word of the owner.
    assert_eq!(levels(&feed(&mut oracle, worth("4", 1.5, -1.0))).len(), 1);
    assert_eq!(oracle.announced_levels()[&("p".to_owned(), "route".to_owned())], Level::None);
}

#[test]
fn s23_leaving_cools_ungrades_and_routes_off_while_counts_stay_and_flags_go_on() {
    let mut oracle = oracle(
        "members: contact.inside\nrules: [{ id: w, on: worth, points: event.value, tag: t }]\nbands: { warm: 10 }\n\
         grade: { fit: { A: 10 }, engagement: { 1: 10 } }\nqualify: { at: 50 }\nroute: { to: [anna] }\n\
         actions: [{ id: x, at: 60, release: 40, rearm: on_release, score: 'tag:t' }]",
    );
    feed(&mut oracle, attribute("1", 0.0, "inside", true));
    feed(&mut oracle, worth("2", 1.0, 60.0));
    let effect = feed(&mut oracle, attribute("3", 2.0, "inside", false));
    let told: Vec<_> = effect.derived.iter().map(|d| (d.subject.as_str(), d.reason.as_deref())).collect();
    assert_eq!(told, [("band", Some("members")), ("grade", Some("members")), ("qualify", Some("members"))]);
    let card = oracle.read().levels().remove("p").unwrap();
    assert_eq!((card.band.as_str(), card.grade, card.owner), ("cold", None, None));
    assert_eq!(card.actions["x"], (1, true));
    // The flag goes on: the tag's score falls while the contact is no member, and its rise counts for a member only.
    feed(&mut oracle, crate::common::crm_tag("4", 3.0, "t", -30.0));
    assert_eq!(oracle.read().levels()["p"].actions["x"], (1, false));
    assert!(feed(&mut oracle, crate::common::crm_tag("5", 4.0, "t", 30.0)).derived.is_empty());
    let effect = feed(&mut oracle, attribute("6", 5.0, "inside", true));
    let told: Vec<_> = effect.derived.iter().map(|derived| derived.subject.as_str()).collect();
    assert_eq!(told, ["band", "grade", "qualify", "route", "action:x"]);
}

#[test]
fn s39_the_subjects_of_a_plan_come_in_their_order() {
    let mut oracle = oracle(
        "rules: [{ id: w, on: worth, points: event.value, tags: [z, a] }]\nactions: [{ id: z, at: 5 }, { id: b, at: 5 }]\n\
         route: { to: [anna] }\nqualify: { at: 50 }\ngrade: { fit: { A: 10 }, engagement: { 1: 10 } }\nbands: { warm: 10 }\n\
         pipeline: { stages: [{ name: one }, { name: two, enter: 10 }] }",
    );
    let effect = feed(&mut oracle, worth("1", 0.0, 60.0));
    let told: Vec<_> = effect.derived.iter().map(|derived| derived.subject.as_str()).collect();
    assert_eq!(told, ["tag:a", "tag:z", "band", "grade", "stage", "qualify", "route", "action:b", "action:z"]);
}

#[test]
fn s59_conditions_read_bands_grades_owners_and_counts_before_the_step() {
    let mut oracle = oracle(
        "rules: [{ id: w, on: worth, points: event.value }, { id: r, on: look, points: 1, when: 'level(\"\", \"band\") == \"warm\" && \
         level(\"\", \"grade\") == \"D1\" && level(\"\", \"route\") == \"anna\" && level(\"p\", \"action:x\") == 1' }]\n\
         bands: { warm: 10 }\ngrade: { fit: { A: 10 }, engagement: { 1: 10 } }\nqualify: { at: 10 }\nroute: { to: [anna] }\nactions: [{ id: x, at: 10 }]",
    );
    feed(&mut oracle, event("1", 0.0, "look"));
    feed(&mut oracle, worth("2", 1.0, 10.0));
    feed(&mut oracle, event("3", 2.0, "look"));
    assert_eq!(crate::common::score(&oracle), 11.0);
}

#[test]
fn s45_a_changed_plan_changes_bands_and_actions_at_its_instant_and_names_the_reason() {
    let text = |rest: &str| plan("p", &format!("rules: [{{ id: w, on: worth, points: event.value }}]\n{rest}"));
    let mut oracle = Oracle::new("c1", &[&text("bands: { warm: 10 }")]).unwrap();
    feed(&mut oracle, worth("1", 0.0, 20.0));
    oracle.forward(day(1.0), &[&text("bands: { hot: 15 }\nactions: [{ id: x, at: 5 }]")]).unwrap();
    let effect = oracle.clock(day(1.0));
    assert_eq!(levels(&effect)[0], band("warm", "hot")[0]);
    assert_eq!(
        (effect.derived[1].subject.as_str(), effect.derived[1].marks.as_slice()),
        ("action:x", &["plan".to_owned()][..])
    );
    oracle.forward(day(2.0), &[&text("")]).unwrap();
    let effect = oracle.clock(day(2.0));
    assert_eq!((levels(&effect), effect.derived[0].reason.as_deref()), (band("hot", "cold"), Some("plan")));
}

#[test]
fn s58_levels_that_plans_may_not_say_are_refused() {
    for body in [
        "bands: { }",
        "bands: { warm: 10, hot: 10 }",
        "bands: { warm: 10, margin: -1 }",
        "bands: { cold: 10 }",
        "bands: { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9 }",
        "grade: { fit: { D: 1 }, engagement: { 1: 1 } }",
        "grade: { fit: { A: 1, B: 2 }, engagement: { 1: 1 } }",
        "grade: { fit: { A: 1 } }",
        "route: { to: [] }",
        "route: { to: [anna, anna] }",
        "route: { to: [anna], else: nobody }",
        "actions: [{ id: x, at: 1, release: 2 }]",
        "actions: [{ id: x, at: 1 }, { id: x, at: 2 }]",
        "feedback: { outcomes: { won: customer } }",
        "feedback: { outcomes: { undecided: a } }\npipeline: { stages: [{ name: a }] }",
        "feedback: { recycle: sometimes }",
    ] {
        assert!(Plan::parse(&plan("p", body)).is_err(), "{body}");
    }
}

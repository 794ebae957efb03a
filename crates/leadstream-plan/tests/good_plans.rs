//! Plans that are right: the examples the project ships, the plan of the benchmarks, and what single spellings compile to.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::PathBuf;

use leadstream_core::HistoryLimits;
use leadstream_core::expr::{Comparison, Expr, Literal, ScoreRef};
use leadstream_core::id::{Name, PlanVersion};
use leadstream_core::plan::{CapPeriod, OncePer, Plan, PointsOf, Rearm, Trigger, VerdictPolicy};
use leadstream_core::points::Points;
use leadstream_core::time::{Span, Timestamp};
use leadstream_plan::{Code, Options, Severity, Source, Style, check, compile};

/// The repository. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default().join("../..")
}

fn sources(folder: &str) -> Vec<Source> {
    let mut paths: Vec<_> = fs::read_dir(root().join(folder)).unwrap().map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let read = |path: &std::path::PathBuf| Source {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(read).collect()
}

#[track_caller]
fn plan(text: &str) -> Plan {
    let compilation = compile("plan.yaml", text, &Options::default());
    let rendered: Vec<String> = compilation.diagnostics.iter().map(|it| it.render(text, Style::Plain)).collect();
    assert!(rendered.is_empty(), "{}", rendered.join("\n"));
    compilation.plan.unwrap()
}

#[test]
fn the_plans_that_are_shipped_have_no_errors_and_no_warnings() {
    for folder in ["config/plans", "benches/plans"] {
        let sources = sources(folder);
        assert!(!sources.is_empty(), "{folder}");
        let count = sources.len();
        let report = check(sources, &Options::default());
        assert!(report.diagnostics.is_empty(), "{}", report.render(Style::Plain));
        assert_eq!(report.plans.len(), count);
    }
}

#[test]
fn the_plans_that_are_shipped_do_what_their_own_tests_say() {
    let report = check(sources("config/plans"), &Options::default());
    for (plan, tests) in report.plans.iter().zip(&report.tests) {
        assert!(tests.len() >= 5, "{} shows how tests are written", plan.id);
        for example in tests {
            let trial = example.run(plan, HistoryLimits::default());
            assert!(trial.passed(), "{}", trial.render(example, &plan.id, Style::Plain));
        }
    }
}

#[test]
fn the_plan_of_the_benchmarks_has_twenty_rules() {
    let report = check(sources("benches/plans"), &Options::default());
    let twenty = report.plans.iter().find(|plan| &*plan.id == "benchmark").unwrap();
    assert_eq!(twenty.rules.len() + twenty.fit.len(), 20);
}

#[test]
fn a_rule_becomes_what_it_says() {
    let plan = plan(
        "plan: cars\ntime_zone: Europe/Warsaw\nrules:\n  - { id: a, on: [email_opened, email_clicked], when: 'event.value > 1000', points: -2.5, \
         cap: { points: 30, per: month }, once_per: event.email_id, tags: [x, { tag: y, points: 0.125 }], untag: z, valid: [2026-05-01, null], \
         verdicts: { suspect: { weight: 0.5 } } }\n",
    );
    let rule = &plan.rules[0];
    assert_eq!((plan.key, rule.key), (Name::of("cars"), Name::of_pair("cars", "a")));
    let Trigger::Event(types) = &rule.trigger else { panic!("fired by events") };
    assert_eq!(
        types.iter().map(|event_type| event_type.as_str()).collect::<Vec<_>>(),
        ["email_opened", "email_clicked"]
    );
    let value = Expr::Event(Name::of("value"));
    let compared = Expr::Compare(Comparison::Greater, Box::new([value, Expr::Literal(Literal::Number(1000.0))]));
    assert_eq!(rule.when, Some(compared));
    assert!(matches!(rule.points, PointsOf::Fixed(points) if points == Points::from_thousandths(-2500)));
    let cap = rule.cap.unwrap();
    assert_eq!((cap.points, cap.period), (Points::whole(30), CapPeriod::Month));
    assert!(matches!(&rule.once_per, Some(OncePer::Key(Expr::Event(name))) if *name == Name::of("email_id")));
    let tags: Vec<_> = rule.tags.iter().map(|effect| (&*effect.tag, effect.points)).collect();
    assert_eq!(tags, [("x", None), ("y", Some(Points::from_thousandths(125)))]);
    assert_eq!(rule.untag.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["z"]);
    // Midnight of the first of May in Warsaw is 22:00 of the day before in UTC.
    assert_eq!(rule.valid_from.unwrap().to_string(), "2026-04-30T22:00:00.000Z");
    assert_eq!(rule.valid_until, None::<Timestamp>);
    let verdicts = rule.verdicts.unwrap();
    assert_eq!((verdicts.machine, verdicts.suspect), (VerdictPolicy::Ignore, VerdictPolicy::Weight(0.5)));
}

#[test]
fn what_is_not_said_has_its_default_s14_s31_s60() {
    let plan = plan(
        "plan: cars\nrules:\n  - { id: a, on: page_viewed, tag: x }\n  - { id: b, idle: 30d, points: -1 }\n  \
         - { id: c, idle: 30d, every: 1w, points: -1 }\n  - { id: d, on: page_viewed, points: 1 }\nqualify: { at: 100 }\npipeline: { stages: [ { name: lead } ] }\n",
    );
    assert!(!plan.global && plan.members.is_none() && plan.limits.floor.is_none());
    assert!(matches!(plan.rules[0].points, PointsOf::Fixed(Points::ZERO)));
    assert!(matches!(plan.rules[1].trigger, Trigger::Idle { every: None, times: 1, .. }));
    assert!(
        matches!(plan.rules[2].trigger, Trigger::Idle { every: Some(every), times: 12, .. } if every == Span::days(7))
    );
    let qualify = plan.qualify.unwrap();
    assert_eq!((qualify.at, qualify.release, qualify.cooldown), (Points::whole(100), Points::whole(100), Span::ZERO));
    assert_eq!((qualify.score, qualify.rearm), (ScoreRef::Plan(None), Rearm::OnRelease));
    assert_eq!(plan.pipeline.unwrap().by, ScoreRef::Stage(None));
}

#[test]
fn on_and_yes_are_words_and_not_truth_values_s60() {
    let plan = plan("plan: yes\nrules:\n  - { id: on, on: page_viewed, tag: no }\n");
    assert_eq!((&*plan.id, &*plan.rules[0].id, &*plan.rules[0].tags[0].tag), ("yes", "on", "no"));
}

#[test]
fn facts_are_kept_once_with_their_longest_window_s12() {
    let plan = plan(
        "plan: cars\nfacts: { big: { on: order_completed, when: 'event.value > 1000' } }\nrules:\n  \
         - { id: a, on: page_viewed, when: 'count(\"page_viewed\", \"7d\") > 3 && count(\"page_viewed\", \"/a/\", \"1d\") > 1', points: 1 }\n  \
         - { id: b, on: page_viewed, when: 'count(\"page_viewed\", \"30d\") > 3 || ever(\"big\") || ever(\"page_viewed\")', points: 1 }\n",
    );
    let facts: Vec<_> = plan.facts.iter().map(|fact| (&*fact.text, fact.prefix.as_deref(), fact.window)).collect();
    let expected = [
        ("order_completed when event.value > 1000", None, Span::ZERO),
        ("page_viewed", None, Span::days(30)),
        ("page_viewed, /a/", Some("/a/"), Span::days(1)),
    ];
    assert_eq!(facts, expected);
    assert!(plan.facts.iter().all(|fact| fact.key == Name::of(&fact.text)));
}

#[test]
fn a_plan_may_name_itself_others_and_aliases_of_yaml() {
    let report = check(
        vec![
            Source {
                name: "a.yaml".to_owned(),
                text: "plan: a\nrules:\n  - { id: x, on: page_viewed, when: &same 'level(\"b\", \"qualify\") && score(\"plan:a\") < 5', points: 1 }\n  \
                       - { id: y, on: page_viewed, when: *same, points: -1 }\n"
                    .to_owned(),
            },
            Source {
                name: "b.yaml".to_owned(),
                text: "plan: b\nrules: [ { id: x, on: page_viewed, points: 1 } ]\nqualify: { at: 5 }\n".to_owned(),
            },
        ],
        &Options::default(),
    );
    assert!(!report.has_errors(), "{}", report.render(Style::Plain));
    assert_eq!(report.summary(), "2 files checked: 2 plans, 3 rules, no problems");
    assert_eq!(report.plans[0].rules[0].when, report.plans[0].rules[1].when);
}

#[test]
fn declared_event_types_are_known_and_the_horizon_is_configured_s58() {
    let text = "plan: a\nrules: [ { id: x, on: page_view, once_per: 500d, points: 1 } ]\n";
    let options = Options { horizon: Span::days(800), event_types: vec!["page_view".to_owned()], ..Options::default() };
    assert!(compile("a.yaml", text, &options).diagnostics.is_empty());
    assert_eq!(compile("a.yaml", text, &Options::default()).diagnostics.len(), 2);
}

#[test]
fn the_version_follows_the_bytes_and_not_the_line_ends_s47() {
    let text = "plan: a\nrules: [ { id: x, on: page_viewed, points: 1 } ]\n";
    assert_eq!(plan(text).version, PlanVersion::of(text));
    assert_eq!(plan(&text.replace('\n', "\r\n")).version, PlanVersion::of(text));
    assert_ne!(plan(&text.replace("points: 1", "points: 2")).version, PlanVersion::of(text));
}

#[test]
fn a_file_written_on_windows_is_read_and_its_mistakes_are_found_where_they_stand() {
    let text = "\u{feff}plan: a\r\nrules:\r\n  - id: x\r\n    on: page_viewed\r\n    when: >-\r\n      event.value > 1\r\n      && evnt.path == 'a'\r\n    points: 1\r\n";
    let compilation = compile("a.yaml", text, &Options::default());
    let found: Vec<(&str, &str)> =
        compilation.diagnostics.iter().map(|it| (&text[it.span.clone()], it.message.as_str())).collect();
    assert_eq!(found, [("evnt", "unknown name `evnt`")]);
    assert_eq!((compilation.diagnostics[0].line, compilation.diagnostics[0].column), (7, 10));
    assert!(compile("a.yaml", &text.replace("evnt", "event"), &Options::default()).plan.is_some());
}

#[test]
fn more_problems_than_anybody_reads_are_cut_with_a_word_about_it() {
    let rules: String =
        (0..1000).map(|number| format!("  - {{ id: r{number}, on: page_viewed, pionts: 1 }}\n")).collect();
    let compilation = compile("a.yaml", &format!("plan: a\nrules:\n{rules}"), &Options::default());
    assert_eq!(compilation.diagnostics.len(), 500);
    assert!(compilation.diagnostics.iter().any(|it| it.message == "more than 500 problems: the rest is not shown"));
    assert!(compilation.plan.is_none());
}

#[test]
fn levels_that_follow_scores_become_what_they_say_s27_s28_s34_s35_s38() {
    let plan = plan(
        "plan: cars
decay: { half_life: 30d }
rules: [ { id: a, on: page_viewed, when: 'level(\"\", \"band\") != \"hot\" && level(\"cars\", \"action:b\") < 2', points: 1 } ]
fit: [ { id: f, when: contact.consent, points: 30 } ]
qualify: { at: 10 }
pipeline: { stages: [ { name: lead }, { name: customer, final: true }, { name: lost } ] }
bands: { hot: 80.5, margin: 5, warm: 40 }
grade: { engagement: { 3: 20, 1: 100 }, fit: { B: 20 } }
route: { to: [\"Anna Nowak\", piotr], by: 'contact.country == \"PL\" ? \"piotr\" : contact.owner' }
actions: [ { id: b, at: 60, release: 50, rearm: on_release, score: 'tag:x' }, { id: a, at: 5, emit: mail, data: { to: all, percent: 10, now: true } } ]
feedback: { recycle: keep, outcomes: { won: customer, lost: lost } }
",
    );
    let bands = plan.bands.as_ref().unwrap();
    let cuts: Vec<_> = bands.cuts.iter().map(|cut| (cut.name.as_str(), cut.at.to_string())).collect();
    assert_eq!(cuts, [("warm", "40".to_owned()), ("hot", "80.5".to_owned())]);
    assert_eq!(bands.margin, Points::whole(5));
    let grade = plan.grade.as_ref().unwrap();
    assert_eq!((grade.fit[0], grade.fit[1]), (None, Some(Points::whole(20))));
    assert_eq!(grade.engagement, [Some(Points::whole(100)), None, Some(Points::whole(20))]);
    let route = plan.route.as_ref().unwrap();
    assert_eq!(route.to.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["Anna Nowak", "piotr"]);
    assert!(matches!(route.by, Some(Expr::If(_))));
    let [first, second] = &plan.actions[..] else { panic!("two actions") };
    assert_eq!(
        (first.id.as_str(), first.at, first.release, first.rearms),
        ("a", Points::whole(5), Points::whole(5), false)
    );
    assert_eq!(first.request.emit.as_deref(), Some("mail"));
    let data: Vec<_> = first.request.data.iter().map(|(name, value)| (&**name, value.clone())).collect();
    assert_eq!(
        data,
        [("now", Literal::Bool(true)), ("percent", Literal::Number(10.0)), ("to", Literal::Text("all".into()))]
    );
    assert_eq!((second.release, second.rearms, &second.score), (Points::whole(50), true, &ScoreRef::Tag("x".into())));
    assert!(plan.feedback.keeps);
    let stages = plan.feedback.outcomes.map(|stage| stage.map(|stage| stage.as_str()));
    assert_eq!(stages, [Some("customer"), Some("lost"), None]);
    assert_eq!(
        plan.decay,
        leadstream_core::decay::Decay::HalfLife(Span::days(30)),
        "adjustments decay as the plan says"
    );
}

/// The codes that a plan of these rules is warned with.
#[track_caller]
fn warnings(rules: &[&str]) -> Vec<Code> {
    let numbered = rules.iter().enumerate().map(|(place, rule)| format!("  - {{ id: r{place}, {rule} }}\n"));
    let text = format!("plan: p\nrules:\n{}", numbered.collect::<String>());
    let compilation = compile("p.yaml", &text, &Options::default());
    assert!(compilation.plan.is_some(), "{text}");
    compilation.diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn rules_are_told_to_overlap_where_one_condition_implies_the_other() {
    let implied = [
        ("event.path == \"/a/b\"", "event.path.startsWith(\"/a/\")"),
        ("event.path in [\"/a/b\", \"/a/c\"]", "event.path.startsWith(\"/a/\") || event.path == \"/\""),
        ("event.path.startsWith(\"/a/b\")", "event.path.contains(\"/b\")"),
        ("event.path.endsWith(\".pdf\")", "event.path.contains(\"pdf\")"),
        ("event.value > 10 && contact.consent", "5 <= event.value"),
        ("event.value == 7", "event.value > 5 && has(event.value)"),
        ("event.value > 5", "!(event.value <= 5)"),
        ("count(\"page_viewed\", \"7d\") >= 5", "count(\"page_viewed\", \"7d\") >= 3"),
        ("event.kind == \"x\"", "event.kind != \"y\""),
    ];
    for (narrow, wide) in implied {
        let rule = |when: &str| format!("on: page_viewed, when: '{when}', points: 1");
        for rules in [[rule(narrow), rule(wide)], [rule(wide), rule(narrow)]] {
            assert_eq!(warnings(&[&rules[0], &rules[1]]), [Code::OverlappingRules], "{narrow} / {wide}");
        }
    }
}

#[test]
fn rules_that_only_look_alike_are_not_warned_of() {
    let pairs = [
        // Others than the narrower asks for.
        [
            "on: page_viewed, when: 'event.path == \"/b\"', points: 1",
            "on: page_viewed, when: 'event.path.startsWith(\"/a/\")', points: 1",
        ],
        [
            "on: page_viewed, when: 'event.value > 5 && event.value < 10', points: 1",
            "on: page_viewed, when: 'event.value >= 10', points: 1",
        ],
        [
            "on: page_viewed, when: 'event.value > 5 || contact.vip', points: 1",
            "on: page_viewed, when: 'event.value > 1', points: 1",
        ],
        // A number is no text: the comparison has no value there.
        [
            "on: page_viewed, when: 'event.size == \"7\"', points: 1",
            "on: page_viewed, when: 'event.size > 5', points: 1",
        ],
        [
            "on: page_viewed, when: 'has(event.value)', points: 1",
            "on: page_viewed, when: 'event.value > 5 || event.size <= 5', points: 1",
        ],
        // An extra for some, or for the first; other types; other signs; tags without points; other times.
        ["on: page_viewed, points: 1", "on: page_viewed, when: 'event.path == \"/b\"', points: 1"],
        ["on: page_viewed, points: 1", "on: page_viewed, once_per: ever, points: 20"],
        [
            "on: [page_viewed, screen_viewed], when: 'contact.vip', points: 1",
            "on: [page_viewed, signed_in], when: 'contact.vip', points: 1",
        ],
        ["on: page_viewed, when: 'event.value > 5', points: 1", "on: page_viewed, when: 'event.value > 9', points: -1"],
        ["on: page_viewed, when: 'event.value > 5', points: 1", "on: page_viewed, when: 'event.value > 9', tag: big"],
        [
            "on: page_viewed, when: 'event.value > 5', points: 1, valid: [null, 2026-05-01]",
            "on: page_viewed, when: 'event.value > 9', points: 1, valid: [2026-05-01, null]",
        ],
        ["on: order_completed, points: 25", "on: order_completed, points: 'event.value / 100'"],
    ];
    for pair in pairs {
        assert_eq!(warnings(&pair), [], "{pair:?}");
    }
}

#[test]
fn conditions_that_can_be_true_are_not_told_to_be_never_true() {
    let possible = [
        "event.path == \"/a\" || event.path == \"/b\"",
        "event.value >= 5 && event.value <= 5",
        "event.path.startsWith(\"/a/\") && event.path.endsWith(\".pdf\") && !event.path.contains(\"draft\")",
        "event.path.startsWith(\"/a/\") && event.path.startsWith(\"/a/b\")",
        "(event.path == \"/a\" || event.path == \"/b\") && (event.path == \"/b\" || event.path == \"/c\")",
        "has(event.phone) && event.phone != \"0\"",
        "event.path in [\"/a\", \"/b\"] && event.path != \"/a\"",
    ];
    for when in possible {
        assert_eq!(warnings(&[&format!("on: page_viewed, when: '{when}', points: 1")]), [], "{when}");
    }
    let never = [
        "(event.path == \"/a\" || event.path == \"/b\") && (event.path == \"/c\" || event.path == \"/d\")",
        "event.value > 5 && event.value <= 5",
        "event.path in [\"/a\", \"/b\"] && event.path != \"/a\" && !(event.path == \"/b\") && event.path == \"/a\"",
        "event.path.startsWith(\"/a/\") && !event.path.contains(\"/a\")",
        "!has(contact.age) && contact.age > 3",
        "event.kind == true && !event.kind",
    ];
    for when in never {
        assert_eq!(warnings(&[&format!("on: page_viewed, when: '{when}', points: 1")]), [Code::NeverTrue], "{when}");
    }
}

#[test]
fn caps_that_are_met_on_some_day_are_not_warned_of() {
    let met = [
        // A month of 31 days has room for two silences of thirty, and a day in autumn has 25 hours.
        "idle: 30d, every: 30d, points: -10, cap: { points: 19, per: month }",
        "on: page_viewed, once_per: 24h, points: 10, cap: { points: 19, per: day }",
        "on: page_viewed, once_per: 1d, points: 10, cap: { points: 69, per: 7d }",
        "on: page_viewed, once_per: event.path, points: 10, cap: { points: 500, per: day }",
        "on: page_viewed, once_per: 1d, points: 'event.value', cap: { points: 500, per: day }",
    ];
    for rule in met {
        assert_eq!(warnings(&[rule]), [], "{rule}");
    }
    assert_eq!(
        warnings(&["on: page_viewed, once_per: 1d, points: 10, cap: { points: 70, per: 7d }"]),
        [Code::CapWithoutEffect]
    );
}

#[test]
fn many_warnings_keep_no_plan_from_loading() {
    let rules: String =
        (0..600).map(|place| format!("  - {{ id: r{place}, on: page_viewed, when: 'false', points: 1 }}\n")).collect();
    let compilation = compile("p.yaml", &format!("plan: p\nrules:\n{rules}"), &Options::default());
    assert_eq!(compilation.diagnostics.len(), 500);
    assert!(compilation.plan.is_some());
    assert!(compilation.diagnostics.iter().all(|diagnostic| diagnostic.severity == Severity::Warning));
}

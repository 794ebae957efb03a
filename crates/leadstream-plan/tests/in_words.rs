//! Plans in words, and what a change of one means.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use leadstream_plan::{Options, Source, Words, compare, describe};

fn source(text: &str) -> Source {
    Source { name: "p.yaml".to_owned(), text: text.to_owned() }
}

#[track_caller]
fn words(text: &str) -> Words {
    describe(&source(text), &Options::default()).expect("the plan compiles")
}

/// Every key that a plan can have.
const WHOLE: &str = r#"
plan: whole
members: '"whole" in contact.tags'
global: true
time_zone: Europe/Warsaw
verdicts: { suspect: { weight: 0.5 } }
facts:
  asked: { on: [form_submitted, store_visited], when: has(event.form_id) }
rules:
  - { id: visit, on: page_viewed, points: 1, cap: { points: 5, per: day } }
  - { id: one, on: [email_opened, email_clicked], points: -2.5, once_per: event.email_id, verdicts: { machine: count } }
  - { id: value, on: order_completed, points: event.value / 100, cap: { points: 100 }, valid: [2026-01-01, 2026-07-01], untag: [cart] }
  - { id: asked, on: form_submitted, when: 'ever("asked")', tags: [warm, { tag: asked, points: 1 }], once_per: ever }
  - { id: rolling, on: page_viewed, points: 3, cap: { points: 9, per: 7d }, once_per: 1h, tag: seen }
  - { id: away, idle: 30d, every: 7d, points: -1 }
  - { id: gone, idle: 1d, when: contact.consent, points: -10, cap: { points: 10, per: ever } }
  - { id: unread, after: [email_sent, email_delivered], unless: email_clicked, matching: email_id, within: 3d, when: 'event.value > 1', points: -5 }
  - { id: keen, all: [page_viewed, { on: [form_submitted, order_completed], when: 'event.value > 1' }], within: 7d, when: contact.consent, points: 5 }
  - { id: steps, all: [page_viewed, form_submitted, order_completed], in_order: true, matching: path, within: 1w, tag: steps }
fit:
  - { id: near, when: 'contact.city == "Gdynia"', points: 10 }
limits: { floor: 0, ceiling: 200 }
qualify: { score: engagement, at: 100, release: 80, rearm: never, cooldown: 7d, when: contact.consent }
pipeline:
  by: engagement
  stages:
    - { name: lead }
    - { name: keen, enter: 50, enter_when: contact.consent, leave_below: 30, leave_when: '"lost" in contact.tags', leave_idle: 90d }
    - { name: customer, enter_when: 'ever("order_completed")', final: true }
bands: { warm: 40, hot: 80, margin: 5 }
grade: { fit: { A: 10, C: 1 }, engagement: { 1: 100, 2: 50, 3: 20 } }
route: { to: [anna, piotr], by: contact.owner, else: rendezvous }
actions:
  - { id: discount, at: 60, emit: send_offer, data: { offer: spring } }
  - { id: call, at: 90, release: 70, rearm: on_release, score: engagement }
feedback: { recycle: keep, outcomes: { won: customer, lost: lead } }
tests:
  - { given: [ { page_viewed: {}, at: 0d } ], expect: { score: 0 } }
"#;

#[test]
fn every_key_of_a_plan_has_its_words() {
    let expected = r#"
The plan
  members    takes part while "whole" in contact.tags
  global     its score counts in the contact's global score
  time zone  days, weeks and months begin and end in Europe/Warsaw

Facts, which conditions count
  asked  each form_submitted or store_visited where has(event.form_id)

Rules, for what a contact does
  visit    each page_viewed: +1 point, at most 5 points a calendar day
  one      each email_opened or email_clicked: -2.5 points, once for each event.email_id, verdicts: { machine: count }
  value    each order_completed: as many points as event.value / 100 and the tag cart is taken away, at most 100 points each time, from 2026-01-01 until 2026-07-01
  asked    each form_submitted where ever("asked"): the tag warm and the tag asked with 1 point of its own, once for good
  rolling  each page_viewed: +3 points and the tag seen, at most 9 points in any 7 days, once in 1 hour
  away     after 30 days without activity and again every 7 days, 12 times in one silence at most: -1 point
  gone     after 1 day without activity, if then contact.consent: -10 points, at most 10 points in all
  unread   each email_sent or email_delivered where event.value > 1 that no email_clicked with the same email_id follows within 3 days: -5 points
  keen     when page_viewed and form_submitted or order_completed where event.value > 1 come within 7 days, if then contact.consent: +5 points
  steps    when page_viewed and then form_submitted and then order_completed with the same path come within 1 week: the tag steps

Fit rules, for who a contact is: they count while they are true
  near  +10 points while contact.city == "Gdynia"

Limits
  floor    engagement and score are never below 0 points
  ceiling  engagement and score are never above 200 points

Qualified
  at        from 100 points on, by the score `engagement`
  release   no longer below 80 points
  rearm     once in a contact's life
  cooldown  not again within 7 days of the last time; then if the score still says so
  when      only while contact.consent

Stages
  lead      where everybody begins
  keen      entered from 50 points on of the engagement score, entered only if contact.consent, left below 30 points once there were so many, left if "lost" in contact.tags, left after 90 days without activity
  customer  entered only if ever("order_completed"), left by feedback only

Bands, by the plan's score; else cold
  warm    from 40 points on
  hot     from 80 points on
  margin  a band is kept until the score is 5 points below where it begins

Grade, a letter and a digit
  fit         A from 10 points on, C from 1 point on, else D
  engagement  1 from 100 points on, 2 from 50 points on, 3 from 20 points on, else 4

Whose lead it is
  to    each time it qualifies, anna or piotr
  by    whom contact.owner names, if it is one of them
  else  shared out evenly, a contact always to the same one

Actions
  discount  send_offer when the score `plan` rises to 60 points, once in a contact's life, with { offer: spring }
  call      requested when the score `engagement` rises to 90 points, again after it was below 70 points

Feedback of sales, which ends a qualification
  recycle  engagement goes on
  won      leads to the stage customer
  lost     leads to the stage lead

Besides
  verdicts  { suspect: { weight: 0.5 } }
  tests     1, run by `leadstream plan test`
"#;
    let page = words(WHOLE).render();
    let (first, rest) = page.split_once('\n').unwrap();
    assert!(first.starts_with("plan whole, version "), "{first}");
    assert_eq!(rest, expected);
}

#[test]
fn a_plan_with_an_error_has_no_words() {
    assert!(
        describe(&source("plan: p\nrules: [{ id: a, on: page_veiwed, points: 1 }]\n"), &Options::default()).is_none()
    );
    assert!(describe(&source(""), &Options::default()).is_none());
}

#[test]
fn what_is_gone_new_and_different_is_shown_with_what_it_means_s45() {
    let new = WHOLE
        .replace("points: 1, cap: { points: 5, per: day }", "points: 2, cap: { points: 5, per: day }")
        .replace("  - { id: away, idle: 30d, every: 7d, points: -1 }\n", "")
        .replace("  - { id: gone", "  - { id: bought, on: order_completed, points: 20 }\n  - { id: gone")
        .replace("at: 100", "at: 90");
    let difference = compare(&words(WHOLE), &words(&new));
    let page = difference.render();
    let body = page.split_once("\n\n").unwrap().1;
    assert_eq!(
        body,
        "Rules, for what a contact does
  ~ visit
      was  each page_viewed: +1 point, at most 5 points a calendar day
      is   each page_viewed: +2 points, at most 5 points a calendar day
  - away: after 30 days without activity and again every 7 days, 12 times in one silence at most: -1 point
  + bought: each order_completed: +20 points

Qualified
  ~ at
      was  from 100 points on, by the score `engagement`
      is   from 90 points on, by the score `engagement`

From the instant on at which the new version is in force
  points that a removed rule has booked stay
  a new rule sees what happens from then on: nobody gets points for the past
  a changed rule books by its new words; what it booked stays, and so does what it remembers: once keys, and what counts in its cap unless the cap's period is another
  every contact is looked at once: who is over the threshold qualifies, who is under the release no longer does; both are told, marked `plan`
  events of before, also late ones, are judged by the version of their time
"
    );
}

#[test]
fn what_is_waited_for_is_said_where_rules_of_several_events_change_s45() {
    let new = WHOLE.replace("within: 3d, when", "within: 4d, when").replace("within: 1w", "within: 2w");
    let page = compare(&words(WHOLE), &words(&new)).render();
    assert!(page.contains("  who waits for what does not follow goes on waiting by the old words"), "{page}");
    assert!(page.contains("  a rule of several events begins anew to put them together where"), "{page}");
}

#[test]
fn what_changes_for_levels_that_follow_scores_is_said_s45() {
    let new = WHOLE
        .replace("warm: 40", "warm: 30")
        .replace("to: [anna, piotr]", "to: [anna, ola]")
        .replace("at: 60, emit", "at: 50, emit")
        .replace("recycle: keep", "recycle: reset");
    let page = compare(&words(WHOLE), &words(&new)).render();
    for line in [
        "  ~ warm\n      was  from 40 points on\n      is   from 30 points on\n",
        "      is   each time it qualifies, anna or ola\n",
        "  every contact is looked at once: who has another band or grade by the new cuts is told of, marked `plan`\n",
        "  who is qualified keeps its owner, unless there is no route any more; the next qualification goes by the new one\n",
        "  an action that is new, or lower, is requested at once for every contact whose score is there, marked `plan`; what was requested stays so, by the action's id\n",
        "  feedback does what the new words say; what earlier feedback did stays\n",
    ] {
        assert!(page.contains(line), "{line}{page}");
    }
}

#[test]
fn spelling_and_tests_change_nothing_and_the_order_of_rules_may() {
    let spelled = WHOLE
        .replace("points: 1, cap: { points: 5, per: day } }", "cap: { per: day, points: 5 }, points: 1 } # spelled");
    let tested = spelled.replace("tests:\n", "tests:\n  - { given: [], expect: { score: 0 } }\n");
    let difference = compare(&words(WHOLE), &words(&tested));
    assert!(difference.is_empty(), "{}", difference.render());
    assert!(difference.render().contains("both say the same"));

    let rules = |first: &str, second: &str| words(&format!("plan: p\nrules:\n  - {first}\n  - {second}\n"));
    let (tag, untag) = ("{ id: a, on: page_viewed, tag: x }", "{ id: b, on: page_viewed, untag: [x] }");
    let difference = compare(&rules(tag, untag), &rules(untag, tag));
    assert!(!difference.is_empty() && difference.render().contains("in another order"), "{}", difference.render());
}

#[test]
fn another_id_is_another_plan() {
    let page = compare(&words(WHOLE), &words(&WHOLE.replace("plan: whole", "plan: other"))).render();
    assert!(page.contains("another id is another plan"), "{page}");
}

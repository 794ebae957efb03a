//! The routes over a real socket, with an engine that says what the test wants.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use leadstream_core::expr::ScoreRef;
use leadstream_core::plan::{Action, BandCut, Bands, Grade, Plan, PlanSet, Qualify, Rearm, Route, Rule, Trigger};
use leadstream_core::{
    Contact, Event, EventKind, Fold, HistoryLimits, PlanVersion, Points, Span, Term, Timeline, Timestamp, Uid, Value,
};
use leadstream_http::list::ListView;
use leadstream_http::view::{ContactView, HealthView, MissingView, Refusal};
use leadstream_http::{Engine, Listener, Owner, Server, ServerOptions};
use leadstream_runtime::{
    AllAnswer, ContactVisitor, Lifecycle, PlansInForce, QueryAnswer, QueryRefusal, Readiness, RestoreProgress,
    TaskStatus, WorkerStatus,
};
use prometheus::{IntCounter, Registry};

fn plan() -> Plan {
    let visit = Trigger::Event(vec![Term::new("page_viewed")]);
    let rule = Rule::new("cars", "visit", visit, Points::from_number(12.5).unwrap());
    Plan {
        global: true,
        qualify: Some(Qualify {
            score: ScoreRef::Plan(None),
            at: Points::from_number(100.0).unwrap(),
            release: Points::from_number(100.0).unwrap(),
            rearm: Rearm::OnRelease,
            cooldown: Span::from_millis(1_000),
            when: None,
        }),
        ..Plan::new("cars", PlanVersion::of(""), vec![rule])
    }
}

fn plans() -> PlansInForce {
    PlansInForce::only(Arc::new(PlanSet::new(vec![plan()])), HistoryLimits::default())
}

fn timeline() -> Timeline {
    plans().from_the_beginning().unwrap()
}

/// A task that runs, without lag.
fn task(number: u32) -> TaskStatus {
    TaskStatus {
        task: number,
        lifecycle: Lifecycle::Running,
        epoch: 4,
        lag: 0,
        plan_set: 1,
        plan_change_pending: false,
        restore: None,
    }
}

/// Knows `c/1 ż` with two visits, a second apart; `cooling`, which beside them was qualified until a second ago; and `brief`, which keeps one
/// row only.
struct Known {
    status: Vec<WorkerStatus>,
}

impl Engine for Known {
    fn contact(&self, id: &str) -> Result<QueryAnswer, QueryRefusal> {
        let mut contact = None;
        match id {
            "c/1 ż" | "cooling" | "brief" => {
                let rows = if id == "brief" { 1 } else { HistoryLimits::default().rows };
                let mut fold = Fold::new(timeline(), HistoryLimits { rows, ..HistoryLimits::default() });
                let mut visitor = Contact::new(id);
                for second in [1, 2] {
                    let event = Event {
                        contact: id.to_owned(),
                        uid: Uid::of("web", &second.to_string()),
                        time: Timestamp::from_millis(1000 * second),
                        event_type: Term::new("page_viewed"),
                        source: Term::new("web"),
                        ..Event::default()
                    };
                    fold.apply(&mut visitor, &event, Timestamp::MIN, &mut Vec::new());
                }
                if id == "cooling" {
                    visitor.state.plans[0].qualify.last_on = Some(Timestamp::from_millis(3_500));
                }
                contact = Some(Box::new(visitor));
            }
            "elsewhere" => return Err(QueryRefusal::NotOwned { task: 3 }),
            "soon" => return Err(QueryRefusal::Restoring { task: 2 }),
            _ => {}
        }
        let erased = id == "erased";
        Ok(QueryAnswer {
            contact,
            erased,
            task: 0,
            epoch: 7,
            clock: Timestamp::from_millis(5_000),
            timeline: timeline(),
        })
    }

    fn visit_all(&self, visitor: Arc<Mutex<dyn ContactVisitor>>) -> Result<AllAnswer, QueryRefusal> {
        let clock = Timestamp::from_millis(5_000);
        let fold = Fold::new(timeline(), HistoryLimits::default());
        for id in ["cooling", "c/1 ż", "brief"] {
            let contact = self.contact(id)?.contact.unwrap();
            visitor.lock().unwrap().visit(&fold, &contact, clock);
        }
        Ok(vec![Err(QueryRefusal::Restoring { task: 1 })])
    }

    fn tasks(&self) -> u32 {
        2
    }

    fn owner(&self, _task: u32, _anew: bool) -> Result<Option<Owner>, String> {
        Ok(None)
    }

    fn status(&self) -> Vec<WorkerStatus> {
        self.status.clone()
    }
}

/// A server with nothing behind its routes.
fn begin() -> Server {
    let registry = Registry::new();
    let counter = IntCounter::new("leadstream_input_records_total", "Input records").unwrap();
    counter.inc_by(3);
    registry.register(Box::new(counter)).unwrap();
    let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let (application, waits_for) = ("scoring".to_owned(), "Kafka at somewhere:9092".to_owned());
    Server::start(ServerOptions { listener, application, waits_for, registry }).unwrap()
}

fn serve(status: Vec<WorkerStatus>) -> Server {
    let server = begin();
    server.serve(Arc::new(Known { status }), plans());
    server
}

#[test]
fn a_process_that_cannot_begin_yet_lives_says_what_it_waits_for_and_shows_its_figures() {
    let server = begin();
    assert_eq!(get(&server, "/health/live"), (200, "live\n".to_owned()));
    assert_eq!(
        get(&server, "/health/ready"),
        (503, r#"{"ready":false,"waiting_for":"Kafka at somewhere:9092","workers":[]}"#.to_owned())
    );
    assert!(get(&server, "/metrics").1.contains("leadstream_input_records_total 3"));
    server.wait_for("agreement on plans".to_owned());
    assert!(get(&server, "/health/ready").1.contains("agreement on plans"));
    for path in ["/v1/contacts", "/v1/contacts/c1"] {
        assert_eq!(error(get(&server, path)), (503, "waiting for agreement on plans: ask again soon".to_owned()));
    }
    server.serve(Arc::new(Known { status: Vec::new() }), plans());
    assert_eq!(get(&server, "/v1/contacts/c%2F1%20%C5%BC").0, 200);
    assert!(!get(&server, "/health/ready").1.contains("waiting_for"));
}

fn get(server: &Server, path: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(format!("http://{}{path}", server.address())).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

fn error(answer: (u16, String)) -> (u16, String) {
    (answer.0, serde_json::from_str::<Refusal>(&answer.1).unwrap().error)
}

#[test]
fn a_contact_is_explained_with_lines_that_add_up_l4() {
    let server = serve(Vec::new());
    let (code, body) = get(&server, "/v1/contacts/c%2F1%20%C5%BC");
    assert_eq!(code, 200, "{body}");
    let view: ContactView = serde_json::from_str(&body).unwrap();
    assert_eq!((view.contact.as_str(), view.at.as_str(), view.epoch), ("c/1 ż", "1970-01-01T00:00:02.000Z", 7));
    assert_eq!((view.global, view.plans[0].score), (25.0, 25.0));
    assert_eq!(view.plans[0].missing, [MissingView::Points { points: 75.0 }]);
    for ledger in &view.ledgers {
        assert_eq!(ledger.lines.iter().map(|line| line.value).sum::<f64>(), ledger.score, "{}", ledger.of);
    }
    assert_eq!(view.history.len(), 2);
}

#[test]
fn bands_grades_owners_actions_and_who_adjusted_are_shown_s17_s27_s28_s34_s35() {
    let cut = |name: &str, at| BandCut { name: name.into(), at: Points::whole(at) };
    let action = Action {
        id: "call".into(),
        score: ScoreRef::Plan(None),
        at: Points::whole(50),
        release: Points::whole(50),
        rearms: false,
        request: Arc::default(),
    };
    let plan = Plan {
        bands: Some(Bands { cuts: vec![cut("warm", 40), cut("hot", 200)], margin: Points::ZERO }),
        grade: Some(Grade::new([None, None, None], [None, Some(Points::whole(100)), None])),
        route: Some(Route { to: vec!["anna".into()], by: None }),
        actions: vec![action],
        ..plan()
    };
    let with_levels = Timeline::new(Arc::new(PlanSet::new(vec![plan])));
    let (mut fold, mut contact) = (Fold::new(with_levels, HistoryLimits::default()), Contact::new("c1"));
    let mut event = Event { uid: Uid::of("crm", "1"), kind: EventKind::Adjust, ..Event::default() };
    event.event_type.set("adjust");
    for (name, value) in [
        ("plan", Value::Text("cars")),
        ("add", Value::Number(120.0)),
        ("author", Value::Text("jan")),
        ("reason", Value::Text("met at the fair")),
    ] {
        event.properties.set(name, value);
    }
    fold.apply(&mut contact, &event, Timestamp::MIN, &mut Vec::new());
    let shown = ContactView::of(&fold.explain(&contact, event.time), event.time, 1);
    let json = serde_json::to_value(&shown.plans[0]).unwrap();
    let since = "1970-01-01T00:00:00.000Z";
    assert_eq!(json["band"], serde_json::json!({ "name": "warm", "since": since }));
    assert_eq!(json["grade"], serde_json::json!({ "name": "D2", "since": since }));
    assert_eq!(json["owner"], serde_json::json!({ "name": "anna", "since": since }));
    assert_eq!(json["actions"], serde_json::json!([{ "action": "call", "count": 1, "since": since }]));
    let ledger = shown.ledgers.iter().find(|ledger| ledger.of == "plan:cars").unwrap();
    let line = &ledger.lines[0];
    assert_eq!((line.rule.as_deref(), line.author.as_deref()), (Some("#adjust"), Some("jan")));
    assert_eq!(line.reason.as_deref(), Some("met at the fair"));
    // A plan that has none of it says none of it.
    let mut fold = Fold::new(timeline(), HistoryLimits::default());
    let mut contact = Contact::new("c1");
    fold.apply(&mut contact, &event, Timestamp::MIN, &mut Vec::new());
    let shown = ContactView::of(&fold.explain(&contact, event.time), event.time, 1);
    let json = serde_json::to_value(&shown.plans[0]).unwrap();
    assert!(["band", "grade", "owner", "actions"].iter().all(|key| json.get(key).is_none()), "{json}");
}

#[test]
fn what_is_missing_is_so_at_the_clock_of_the_answer_and_not_at_the_last_step_s32() {
    let (code, body) = get(&serve(Vec::new()), "/v1/contacts/cooling");
    assert_eq!(code, 200, "{body}");
    let view: ContactView = serde_json::from_str(&body).unwrap();
    assert_eq!(view.plans[0].missing, [MissingView::Points { points: 75.0 }]);
}

#[test]
fn the_past_is_folded_anew_and_the_future_is_not_told_s5() {
    let server = serve(Vec::new());
    let at = |instant: &str| {
        let (code, body) = get(&server, &format!("/v1/contacts/c%2F1%20%C5%BC?at={instant}"));
        assert_eq!(code, 200, "{body}");
        let view: ContactView = serde_json::from_str(&body).unwrap();
        (view.at, view.global)
    };
    assert_eq!(at("1970-01-01T00:00:00Z").1, 0.0);
    assert_eq!(at("1970-01-01T00:00:01Z"), ("1970-01-01T00:00:01.000Z".to_owned(), 12.5));
    // The task's clock stands at five seconds: nobody knows more.
    assert_eq!(at("2100-01-01T00:00:00Z"), ("1970-01-01T00:00:05.000Z".to_owned(), 25.0));
}

#[test]
fn what_is_asked_beyond_the_clock_says_so_and_what_is_not_says_nothing_s5() {
    let server = serve(Vec::new());
    let asked = |parameters: &str| {
        let (code, body) = get(&server, &format!("/v1/contacts/brief{parameters}"));
        assert_eq!(code, 200, "{body}");
        serde_json::from_str::<ContactView>(&body).unwrap().asked
    };
    assert_eq!(asked("?at=2100-01-01T00:00:00Z"), Some("2100-01-01T00:00:00.000Z".to_owned()));
    assert_eq!(asked("?at=1970-01-01T00:00:05.001Z"), Some("1970-01-01T00:00:05.001Z".to_owned()));
    assert_eq!(asked("?at=1970-01-01T00:00:05Z"), None);
    assert_eq!(asked(""), None);
}

#[test]
fn a_past_that_is_not_kept_is_no_empty_past_and_the_first_one_that_is_can_be_asked_for_s6() {
    let server = serve(Vec::new());
    let asked = |contact: &str, at: &str| get(&server, &format!("/v1/contacts/{contact}?at={at}"));
    // Of two visits the first has left.
    let (code, reason) = error(asked("brief", "1970-01-01T00:00:00.999Z"));
    assert!(code == 410 && reason.ends_with("that can be asked for is 1970-01-01T00:00:01.000Z"), "{code} {reason}");
    let (code, body) = asked("brief", "1970-01-01T00:00:01Z");
    assert_eq!((code, serde_json::from_str::<ContactView>(&body).unwrap().global), (200, 12.5));
    // Nothing has left, but an event of more than 400 days before the newest would have been turned away.
    let (code, reason) = error(asked("cooling", "1960-01-01T00:00:00Z"));
    assert!(code == 410 && reason.ends_with("1968-11-27T00:00:02.000Z"), "{code} {reason}");
    let (code, body) = asked("cooling", "1968-11-27T00:00:02Z");
    assert_eq!((code, serde_json::from_str::<ContactView>(&body).unwrap().global), (200, 0.0));
}

#[test]
fn a_question_that_is_not_understood_is_refused_as_all_others_are() {
    let server = serve(Vec::new());
    let (code, reason) = error(get(&server, "/v1/contacts/brief?as_of=2026-01-31T00:00:00Z"));
    assert!(code == 400 && reason.contains("no parameter `as_of`: there is `at`"), "{code} {reason}");
    let (code, reason) = error(get(&server, "/v1/contacts/brief?at=2026-01-31T00:00:00Z&at=2026-02-01T00:00:00Z"));
    assert!(code == 400 && reason.contains("twice"), "{code} {reason}");
    for address in ["/v1/contacts/%ff", "/v1/contacts/%C5%C5?at=2026-01-31T00:00:00Z"] {
        let (code, reason) = error(get(&server, address));
        assert!(code == 400 && reason.contains("UTF-8"), "{code} {reason}");
    }
    assert_eq!(error(get(&server, "/v1/contacts/")).0, 404);
    assert_eq!(error(get(&server, "/v1/contacts/brief?at=%ff")).0, 400);
    let mut posted = ureq::Agent::from(ureq::Agent::config_builder().http_status_as_error(false).build())
        .post(format!("http://{}/v1/contacts/brief", server.address()))
        .send_empty()
        .unwrap();
    let (code, body) = (posted.status().as_u16(), posted.body_mut().read_to_string().unwrap());
    assert!(code == 405 && error((code, body.clone())).1.contains("GET"), "{code} {body}");
}

#[test]
fn what_cannot_be_answered_is_refused_in_words() {
    let server = serve(Vec::new());
    assert_eq!(error(get(&server, "/v1/contacts/nobody")), (404, "nothing is known of a contact nobody".to_owned()));
    // Whenever it is asked about, and without a word of what it was (S52).
    for asked in ["", "?at=1970-01-01T00:00:01Z"] {
        let gone = error(get(&server, &format!("/v1/contacts/erased{asked}")));
        assert_eq!(gone, (410, "the contact was erased".to_owned()));
    }
    let elsewhere = (503, "no instance owns task 3 at present: ask again soon".to_owned());
    assert_eq!(error(get(&server, "/v1/contacts/elsewhere")), elsewhere);
    assert_eq!(error(get(&server, "/v1/contacts/soon")).0, 503);
    let (code, reason) = error(get(&server, "/v1/contacts/c1?at=yesterday"));
    assert!(code == 400 && reason.contains("2026-01-31T00:00:00Z"), "{code} {reason}");
    assert_eq!(error(get(&server, "/v2")).0, 404);
}

#[test]
fn it_is_ready_when_every_worker_scores_and_says_how_far_a_restore_is() {
    let worker = WorkerStatus { readiness: Readiness::Ready, tasks: vec![task(1)], ..WorkerStatus::default() };
    let (code, _) = get(&serve(vec![worker.clone()]), "/health/ready");
    assert_eq!(code, 200);
    let progress = RestoreProgress { records: 5_000, remaining: 20_000, elapsed_ms: 500 };
    let task = TaskStatus { lifecycle: Lifecycle::Restoring, restore: Some(progress), ..task(2) };
    let restoring = WorkerStatus { readiness: Readiness::Restoring, tasks: vec![task], ..WorkerStatus::default() };
    let server = serve(vec![worker, restoring]);
    let (code, body) = get(&server, "/health/ready");
    let view: HealthView = serde_json::from_str(&body).unwrap();
    assert_eq!((code, view.ready), (503, false));
    let restore = view.workers[1].tasks[0].restore.clone().unwrap();
    let plans = view.plans.unwrap();
    assert_eq!((plans.set, &*plans.versions[0].plan), (1, &*plan().id));
    assert_eq!(plans.versions[0].version, plan().version.to_string());
    assert_eq!(view.workers[0].tasks[0].plan_set, 1);
    assert_eq!((restore.records_per_second, restore.seconds_left), (10_000, Some(2)));
    assert_eq!(get(&serve(Vec::new()), "/health/ready").0, 503, "without workers nothing is scored");
    assert_eq!(get(&server, "/health/live"), (200, "live\n".to_owned()));
}

#[test]
fn a_process_of_which_a_worker_hangs_is_not_alive_and_says_why() {
    let healthy = WorkerStatus { readiness: Readiness::Ready, ..WorkerStatus::default() };
    let stalled = WorkerStatus { stalled_ms: Some(185_250), ..healthy.clone() };
    let server = serve(vec![healthy, stalled]);
    let reason = "worker 1 has been in one step for 185 s: a call does not come back\n";
    assert_eq!(get(&server, "/health/live"), (503, reason.to_owned()));
    let (code, body) = get(&server, "/health/ready");
    let view: HealthView = serde_json::from_str(&body).unwrap();
    assert_eq!((code, view.ready, view.workers[1].stalled_seconds), (503, false, Some(185)));
}

#[test]
fn figures_are_shown_as_prometheus_reads_them() {
    let (code, body) = get(&serve(Vec::new()), "/metrics");
    assert_eq!(code, 200);
    assert!(
        body.contains("# TYPE leadstream_input_records_total counter\nleadstream_input_records_total 3\n"),
        "{body}"
    );
}

#[test]
fn an_address_in_use_is_refused_and_a_stopped_server_gives_it_back() {
    let mut server = serve(Vec::new());
    let address = server.address();
    let refused = Listener::bind(address).unwrap_err().to_string();
    assert!(refused.starts_with(&format!("cannot listen at {address}")), "{refused}");
    server.stop();
    std::thread::sleep(std::time::Duration::from_millis(300));
    Listener::bind(address).unwrap();
}

/// The ids of a page.
fn ids(view: &ListView) -> Vec<String> {
    let id = |card: &serde_json::value::RawValue| {
        serde_json::from_str::<serde_json::Value>(card.get()).unwrap()["contact"].as_str().unwrap().to_owned()
    };
    view.contacts.iter().map(|card| id(card)).collect()
}

#[test]
fn contacts_are_listed_by_score_then_id_and_page_by_page_s29() {
    let server = serve(Vec::new());
    let list = |parameters: &str| {
        let (code, body) = get(&server, &format!("/v1/contacts{parameters}"));
        assert_eq!(code, 200, "{body}");
        serde_json::from_str::<ListView>(&body).unwrap()
    };
    let all = list("");
    assert_eq!((all.matched, ids(&all)), (3, vec!["brief".into(), "c/1 ż".into(), "cooling".into()]));
    assert_eq!((all.next, all.elsewhere), (None, vec![0, 1]), "no task runs here");
    let first = list("?sort=plan:cars&limit=2");
    assert_eq!((first.matched, ids(&first)), (3, vec!["brief".into(), "c/1 ż".into()]));
    assert_eq!(first.next.as_deref(), Some("25000:c/1 ż"));
    let last = list("?sort=plan:cars&limit=2&after=25000%3Ac%2F1%20%C5%BC");
    assert_eq!((last.matched, ids(&last), last.next), (3, vec!["cooling".into()], None));
    for (parameters, matched) in [
        ("?min=25", 3),
        ("?min=25.001", 0),
        ("?max=24.999", 0),
        ("?plan=cars&qualified=false", 3),
        ("?plan=cars&qualified=true", 0),
        ("?plan=boats&qualified=false", 0),
        ("?sort=plan:boats", 0),
        ("?plan=cars&member=true", 3),
        ("?plan=cars&stage=hot", 0),
        ("?tag=vip", 0),
        ("?attribute=city%3DWarszawa", 0),
        ("?did=page_viewed", 3),
        ("?did=page_viewed@3s", 0),
        ("?did=page_viewed@4s", 3),
        ("?did=form_submitted", 0),
    ] {
        assert_eq!(list(parameters).matched, matched, "{parameters}");
    }
    let refused = error(get(&server, "/v1/contacts?stage=hot"));
    assert_eq!(refused, (400, "`stage` is of a plan: say which with `plan`".to_owned()));
}

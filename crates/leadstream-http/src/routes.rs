//! The routes: what is asked, and how the answer is made.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Json;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use leadstream_core::{Contact, Fold, Span, Timestamp};
use leadstream_runtime::{ContactVisitor, PlansInForce, QueryAnswer, QueryRefusal, Readiness, WorkerStatus};
use prometheus::{Registry, TextEncoder};

use crate::Engine;
use crate::forward::{FORWARDED, Forwarder};
use crate::list::{self, Collector, Parameters, Question};
use crate::view::{ContactView, HealthView, Refusal};

/// What the routes share.
pub(crate) struct Shared {
    /// Empty while the process waits for what it cannot begin without.
    behind: OnceLock<Behind>,
    waits_for: Mutex<String>,
    registry: Registry,
    forwarder: Forwarder,
    /// Held by whoever makes a list: one at a time, since each reads everything.
    listing: Mutex<()>,
}

/// What is behind the routes once the process can score.
struct Behind {
    engine: Arc<dyn Engine>,
    plans: PlansInForce,
}

impl Shared {
    pub(crate) fn new(application: String, waits_for: String, registry: Registry) -> Arc<Shared> {
        Arc::new(Shared {
            behind: OnceLock::new(),
            waits_for: Mutex::new(waits_for),
            registry,
            forwarder: Forwarder::new(application),
            listing: Mutex::default(),
        })
    }

    pub(crate) fn wait_for(&self, what: String) {
        *self.waits_for.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    pub(crate) fn serve(&self, engine: Arc<dyn Engine>, plans: PlansInForce) {
        // A second engine would be a mistake of the caller, and answers go on coming from the first.
        let _ = self.behind.set(Behind { engine, plans });
    }

    fn waits_for(&self) -> String {
        self.waits_for.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is behind the routes, or the answer that there is nothing yet.
    fn behind(&self) -> Result<&Behind, Box<Response>> {
        self.behind.get().ok_or_else(|| Box::new(later(&format!("waiting for {}: ask again soon", self.waits_for()))))
    }
}

/// All routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/contacts", get(listed))
        .route("/v1/contacts/{id}", get(contact))
        .fallback(nowhere)
        .method_not_allowed_fallback(other_method)
        .with_state(shared)
}

/// A process of which a worker hangs is not alive, though it answers: nothing but a new start helps it.
async fn live(State(shared): State<Arc<Shared>>) -> Response {
    let status = shared.behind.get().map(|behind| behind.engine.status()).unwrap_or_default();
    let stalled = status.into_iter().enumerate();
    let stalled: Vec<String> = stalled
        .filter_map(|(number, worker)| Some((number, worker.stalled_ms?)))
        .map(|(number, ms)| {
            format!("worker {number} has been in one step for {} s: a call does not come back\n", ms / 1_000)
        })
        .collect();
    if stalled.is_empty() {
        "live\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, stalled.concat()).into_response()
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let Some(Behind { engine, plans }) = shared.behind.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(HealthView::waiting(shared.waits_for()))).into_response();
    };
    let status = engine.status();
    let works = |worker: &WorkerStatus| worker.readiness == Readiness::Ready && worker.stalled_ms.is_none();
    let is_ready = !status.is_empty() && status.iter().all(works);
    let code = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(HealthView::of(is_ready, plans.book.newest().as_ref(), &status))).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    match TextEncoder::new().encode_to_string(&shared.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &format!("the metrics cannot be written: {error}")),
    }
}

async fn nowhere() -> Response {
    refuse(StatusCode::NOT_FOUND, "there are /health/live, /health/ready, /metrics, /v1/contacts and /v1/contacts/{id}")
}

async fn other_method() -> Response {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "everything here is asked for with GET")
}

async fn listed(State(shared): State<Arc<Shared>>, parameters: Result<Query<Parameters>, QueryRejection>) -> Response {
    let asked = parameters.map_err(|rejection| rejection.body_text()).and_then(|Query(given)| Question::read(given));
    let question = match asked {
        Ok(question) => question,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    let answered = tokio::task::spawn_blocking(move || {
        let Behind { engine, plans } = match shared.behind() {
            Ok(behind) => behind,
            Err(answer) => return *answer,
        };
        let Ok(_listing) = shared.listing.try_lock() else {
            return later("another list is being made: ask again soon");
        };
        let collector = match Collector::new(question) {
            Ok(collector) => Arc::new(Mutex::new(collector)),
            Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        };
        let rest = engine.visit_all(Arc::clone(&collector) as Arc<Mutex<dyn ContactVisitor>>);
        match rest.and_then(|rest| list::finish(&collector, rest, engine.tasks(), plans.history)) {
            Ok(view) => Json(view).into_response(),
            Err(refusal) => refuse_query(&refusal),
        }
    });
    answered.await.unwrap_or_else(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "the list could not be made"))
}

/// The instant asked about, as it was written and as it is meant. The error is for whoever asks.
fn instant_asked(parameters: Parameters) -> Result<Option<(String, Timestamp)>, String> {
    let mut asked = None;
    for (name, value) in parameters {
        if name != "at" {
            return Err(format!("there is no parameter `{name}`: there is `at`, an instant, as in ?{EXAMPLE}"));
        }
        if asked.replace(value).is_some() {
            return Err("`at` is given twice".to_owned());
        }
    }
    let Some(text) = asked else { return Ok(None) };
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Ok(Some((text, Timestamp::from_millis(at.as_millisecond())))),
        Err(_) => Err(format!("`at` is an instant with its offset, as in ?{EXAMPLE} (a + is written %2B)")),
    }
}

const EXAMPLE: &str = "at=2026-01-31T00:00:00Z";

async fn contact(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Path(id)) = id else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "the id of a contact is UTF-8, each byte of it escaped that is no letter or digit",
        );
    };
    let asked = parameters.map_err(|rejection| rejection.body_text()).and_then(|Query(given)| instant_asked(given));
    let at = match asked {
        Ok(at) => at,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    let forwarded = headers.get(FORWARDED).map(|application| application.as_bytes().to_vec());
    if forwarded.as_ref().is_some_and(|application| !shared.forwarder.accepts(application)) {
        return refuse(StatusCode::MISDIRECTED_REQUEST, "the question is for another application");
    }
    // The engine answers within a step of a worker's loop, and folding the past anew takes as long as the history is long.
    let answered = tokio::task::spawn_blocking(move || {
        let behind = match shared.behind() {
            Ok(behind) => behind,
            Err(answer) => return *answer,
        };
        look_up(&shared.forwarder, behind, id, at, forwarded.is_some())
    });
    let answered = answered.await;
    answered.unwrap_or_else(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "the contact could not be explained"))
}

/// The contact that an id belongs to, here or at the instance that owns it. A question that was handed on is answered for its id alone.
fn look_up(
    forwarder: &Forwarder,
    behind: &Behind,
    mut id: String,
    at: Option<(String, Timestamp)>,
    was_forwarded: bool,
) -> Response {
    let (text, at) = at.map_or((None, None), |(text, at)| (Some(text), Some(at)));
    for _ in 0..CONTACTS_ASKED {
        match behind.engine.contact(&id) {
            Ok(answer) => match answer.contact.as_ref().and_then(|contact| contact.root()) {
                None => return explain(behind, &id, at, answer),
                Some(root) if was_forwarded => return part_of(&id, root),
                Some(root) => id = root.to_string(),
            },
            Err(QueryRefusal::NotOwned { task }) if !was_forwarded => {
                match forward(forwarder, behind, task, &id, text.as_deref()) {
                    Forwarded::Answer(answer) => return answer,
                    Forwarded::PartOf(root) => id = root,
                }
            }
            Err(refusal) => return refuse_query(&refusal),
        }
    }
    later("the ids of the contact are changing: ask again soon")
}

/// An id belongs to another contact, which belongs to no further one unless both change in this moment.
const CONTACTS_ASKED: usize = 4;

/// What another instance says.
enum Forwarded {
    Answer(Response),
    PartOf(String),
}

/// What the instance answers that owns the contact.
fn forward(forwarder: &Forwarder, behind: &Behind, task: u32, id: &str, at: Option<&str>) -> Forwarded {
    Forwarded::Answer(match forwarder.ask(behind.engine.as_ref(), task, id, at) {
        Ok((StatusCode::SERVICE_UNAVAILABLE, body)) => {
            let refusal = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.error);
            later(&refusal.unwrap_or_default())
        }
        Ok((StatusCode::CONFLICT, body)) => match serde_json::from_slice::<Refusal>(&body) {
            Ok(Refusal { part_of: Some(root), .. }) => return Forwarded::PartOf(root),
            _ => later("the owner of the contact gives an answer that is none of ours"),
        },
        Ok((status, body)) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(reason) => later(&format!("{reason}: ask again soon")),
    })
}

/// Said to the instance that handed the question on: it asks for the other contact itself.
fn part_of(id: &str, root: &str) -> Response {
    let error = format!("{id} is part of the contact {root}");
    (StatusCode::CONFLICT, Json(Refusal { error, part_of: Some(root.to_owned()) })).into_response()
}

/// Said of an id that was erased, whatever it was and whenever that was.
const ERASED: &str = "the contact was erased";

fn explain(Behind { plans, .. }: &Behind, id: &str, asked: Option<Timestamp>, answer: QueryAnswer) -> Response {
    let QueryAnswer { contact, erased, clock, epoch, timeline, .. } = answer;
    if erased {
        return refuse(StatusCode::GONE, ERASED);
    }
    let Some(contact) = contact else {
        return refuse(StatusCode::NOT_FOUND, &format!("nothing is known of a contact {id}"));
    };
    // The task's own plans over time: a past instant is read under those of its time.
    let mut fold = Fold::new(timeline, plans.history);
    // S5: nobody can be asked beyond the last step and the clock of the task.
    let newest = contact.state.tau.max(Some(clock)).unwrap_or(clock);
    let at = asked.map(|asked| asked.min(newest));
    let earliest = known_since(&contact, plans.history.horizon);
    let shown = match at {
        None => Some(contact),
        Some(at) if earliest.is_some_and(|earliest| at < earliest) => None,
        Some(at) => fold.at(&contact, at).map(Box::new),
    };
    let Some(shown) = shown else {
        let earliest = earliest.map(|earliest| earliest.to_string()).unwrap_or_default();
        let reason =
            format!("what {id} was then is not kept: the earliest instant that can be asked for is {earliest}");
        return refuse(StatusCode::GONE, &reason);
    };
    let explanation = fold.explain(&shown, at.unwrap_or(newest));
    let holds_for = at.or(explanation.scorecard.at).unwrap_or(newest);
    let view = ContactView::of(&explanation, holds_for, epoch).of_ids(&shown);
    Json(view.asked_beyond(asked.filter(|asked| *asked > newest))).into_response()
}

/// The first instant at which it is known what a contact was (S6). Where rows have left, that is when the last of them happened: they are there as a
/// sum only. Where none has, an event of before the horizon would have been turned away, so that nobody knows whether there was one.
fn known_since(contact: &Contact, horizon: Span) -> Option<Timestamp> {
    match (&contact.base, contact.rows.last()) {
        (Some(base), _) => Some(base.boundary.0),
        (None, Some(newest)) => Some(newest.time - horizon),
        (None, None) => None,
    }
}

fn refuse_query(refusal: &QueryRefusal) -> Response {
    match refusal {
        QueryRefusal::NotOwned { task } => {
            refuse(StatusCode::MISDIRECTED_REQUEST, &format!("another instance owns task {task}: ask there"))
        }
        QueryRefusal::Restoring { task } => later(&format!("task {task} is being restored: ask again soon")),
        QueryRefusal::Unavailable { reason } => later(&format!("{reason}: ask again soon")),
    }
}

fn later(reason: &str) -> Response {
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, reason);
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    response
}

fn refuse(code: StatusCode, reason: &str) -> Response {
    (code, Json(Refusal { error: reason.to_owned(), part_of: None })).into_response()
}

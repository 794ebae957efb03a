//! Questions about contacts of other instances, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use leadstream_core::identity::Joined;
use leadstream_core::plan::PlanSet;
use leadstream_core::{Contact, HistoryLimits, Timeline, Timestamp, Uid};
use leadstream_http::view::{ContactView, Refusal};
use leadstream_http::{Engine, Listener, Owner, Server, ServerOptions};
use leadstream_runtime::{AllAnswer, ContactVisitor, PlansInForce, QueryAnswer, QueryRefusal, WorkerStatus};
use prometheus::Registry;

type Owners = Vec<Result<Option<Owner>, String>>;

/// Knows `here` if it owns anything, and is told who owns the rest.
#[derive(Default)]
struct Instance {
    owns: bool,
    restores: bool,
    /// What the group says, question by question; the last answer stays.
    owners: Mutex<Owners>,
    /// Whether each question was asked anew.
    asked: Mutex<Vec<bool>>,
    questions: AtomicUsize,
}

/// A contact that a visitor became part of, the visitor, or one that finds no end.
fn contact(id: &str) -> Contact {
    let mut contact = Contact::new(id);
    let of = |id: &str| Some(Arc::from(id));
    match id {
        "visitor" => contact.identity_mut().root = of("c/1 ż"),
        "in circles" => contact.identity_mut().root = of("in circles"),
        _ => {
            let joined = Joined {
                id: Arc::from("visitor"),
                uid: Uid::of("web", "m1"),
                time: Timestamp::from_millis(0),
                seen: true,
            };
            let identity = contact.identity_mut();
            identity.ids = vec![Arc::from(id), Arc::clone(&joined.id)];
            identity.joined = vec![joined];
        }
    }
    contact
}

impl Engine for Instance {
    fn contact(&self, id: &str) -> Result<QueryAnswer, QueryRefusal> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        if self.restores {
            return Err(QueryRefusal::Restoring { task: 3 });
        }
        if !self.owns {
            return Err(QueryRefusal::NotOwned { task: 3 });
        }
        let contact = ["c/1 ż", "visitor", "in circles"].contains(&id).then(|| Box::new(contact(id)));
        let timeline = Timeline::new(Arc::new(PlanSet::default()));
        Ok(QueryAnswer { contact, erased: false, task: 3, epoch: 7, clock: Timestamp::from_millis(5_000), timeline })
    }

    fn visit_all(&self, _visitor: Arc<Mutex<dyn ContactVisitor>>) -> Result<AllAnswer, QueryRefusal> {
        Ok(AllAnswer::new())
    }

    fn tasks(&self) -> u32 {
        4
    }

    fn owner(&self, task: u32, anew: bool) -> Result<Option<Owner>, String> {
        assert_eq!(task, 3);
        self.asked.lock().unwrap().push(anew);
        let mut owners = self.owners.lock().unwrap();
        if owners.len() > 1 { owners.remove(0) } else { owners[0].clone() }
    }

    fn status(&self) -> Vec<WorkerStatus> {
        Vec::new()
    }
}

fn serve_as(application: &str, instance: &Arc<Instance>) -> Server {
    let server = Server::start(ServerOptions {
        listener: Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap(),
        application: application.to_owned(),
        waits_for: "nothing".to_owned(),
        registry: Registry::new(),
    })
    .unwrap();
    let plans = PlansInForce::only(Arc::new(PlanSet::default()), HistoryLimits::default());
    server.serve(Arc::clone(instance) as Arc<dyn Engine>, plans);
    server
}

fn serve(instance: &Arc<Instance>) -> Server {
    serve_as("scoring", instance)
}

fn owner(address: impl ToString) -> Result<Option<Owner>, String> {
    Ok(Some(Owner { name: "b-0 on 10.0.0.7".to_owned(), address: Some(address.to_string()) }))
}

/// An instance that owns nothing, with what the group tells it.
fn stranger(owners: Owners) -> Arc<Instance> {
    Arc::new(Instance { owners: Mutex::new(owners), ..Instance::default() })
}

fn get(server: &Server, path: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(format!("http://{}{path}", server.address())).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// What a stranger answers who is told of these owners.
fn refusal(owners: Owners) -> String {
    let server = serve(&stranger(owners));
    let (code, body) = get(&server, "/v1/contacts/c1");
    assert_eq!(code, 503, "{body}");
    serde_json::from_str::<Refusal>(&body).unwrap().error
}

/// An address where nobody listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn any_instance_answers_for_any_contact() {
    let there = Arc::new(Instance { owns: true, ..Instance::default() });
    let there_server = serve(&there);
    let here = stranger(vec![owner(there_server.address())]);
    let here_server = serve(&here);
    let path = "/v1/contacts/c%2F1%20%C5%BC";
    for path in [path.to_owned(), format!("{path}?at=1970-01-01T01:00:02%2B01:00")] {
        let answer = get(&here_server, &path);
        assert_eq!(answer, get(&there_server, &path));
        assert_eq!(answer.0, 200, "{}", answer.1);
        assert_eq!(serde_json::from_str::<ContactView>(&answer.1).unwrap().contact, "c/1 ż");
    }
    // An id that is part of the contact is asked for as the contact, here and elsewhere.
    for server in [&here_server, &there_server] {
        assert_eq!(get(server, "/v1/contacts/visitor"), get(&there_server, path));
        let (code, body) = get(server, "/v1/contacts/in%20circles");
        assert_eq!((code, &*body), (503, r#"{"error":"the ids of the contact are changing: ask again soon"}"#));
    }
    let shown = serde_json::from_str::<ContactView>(&get(&here_server, path).1).unwrap().ids;
    let [visitor] = &shown[..] else { panic!("{shown:?}") };
    assert_eq!((&*visitor.id, &*visitor.how, &*visitor.link), ("visitor", "seen", &*Uid::of("web", "m1").to_string()));
    let nobody = get(&here_server, "/v1/contacts/nobody");
    assert_eq!(nobody, get(&there_server, "/v1/contacts/nobody"));
    assert_eq!(nobody.0, 404);
    assert_eq!(here.asked.lock().unwrap()[..], [false; 10], "what the group said will do");
}

#[test]
fn an_owner_that_restores_says_so_through_others() {
    let there_server = serve(&Arc::new(Instance { restores: true, ..Instance::default() }));
    assert_eq!(refusal(vec![owner(there_server.address())]), "task 3 is being restored: ask again soon");
}

#[test]
fn a_question_that_was_handed_on_is_never_handed_on_again() {
    let here = stranger(Vec::new());
    let there = stranger(Vec::new());
    let (here_server, there_server) = (serve(&here), serve(&there));
    here.owners.lock().unwrap().push(owner(there_server.address()));
    there.owners.lock().unwrap().push(owner(here_server.address()));
    let (code, body) = get(&here_server, "/v1/contacts/c1");
    assert_eq!(code, 503, "{body}");
    let expected = format!(
        "b-0 on 10.0.0.7 owns task 3, and at {} an instance answers that does not own it: ask again soon",
        there_server.address()
    );
    assert_eq!(serde_json::from_str::<Refusal>(&body).unwrap().error, expected);
    assert_eq!((here.questions.load(Ordering::Relaxed), there.questions.load(Ordering::Relaxed)), (1, 1));
    assert!(there.asked.lock().unwrap().is_empty());
}

#[test]
fn the_group_is_asked_anew_where_the_owner_it_named_is_not_there() {
    let there_server = serve(&Arc::new(Instance { owns: true, ..Instance::default() }));
    let here = stranger(vec![owner(nowhere()), owner(there_server.address())]);
    let here_server = serve(&here);
    let (code, body) = get(&here_server, "/v1/contacts/c%2F1%20%C5%BC");
    assert_eq!(code, 200, "{body}");
    assert_eq!(here.asked.lock().unwrap()[..], [false, true]);
}

#[test]
fn an_owner_that_cannot_be_asked_is_named() {
    let gone = nowhere();
    let said = refusal(vec![owner(gone)]);
    let expected = format!("b-0 on 10.0.0.7 owns task 3, and at {gone} nobody answers (");
    assert!(said.starts_with(&expected) && said.ends_with(": ask again soon"), "{said}");
    let silent = Owner { name: "b-0 on 10.0.0.7".to_owned(), address: None };
    assert_eq!(
        refusal(vec![Ok(Some(silent))]),
        "b-0 on 10.0.0.7 owns task 3 and does not say where it can be asked: set http.advertise there: ask again soon"
    );
    assert_eq!(refusal(vec![Ok(None)]), "no instance owns task 3 at present: ask again soon");
    assert_eq!(
        refusal(vec![Err("the brokers are away".to_owned())]),
        "another instance owns task 3, and the group does not tell which: the brokers are away: ask again soon"
    );
}

#[test]
fn an_answer_of_somebody_else_is_not_taken_for_the_owners() {
    let other_application = serve_as("other", &Arc::new(Instance { owns: true, ..Instance::default() }));
    let said = refusal(vec![owner(other_application.address())]);
    assert!(said.contains("an instance answers that does not own it"), "{said}");
    for body in ["hello", "{\"contact\":\"c1\"}"] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
                .unwrap();
        });
        let said = refusal(vec![owner(address)]);
        server.join().unwrap();
        assert!(said.contains("somebody answers who is no instance of it (200 OK)"), "{said}");
    }
}

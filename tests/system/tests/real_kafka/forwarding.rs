//! Two instances of one application: either answers for every contact.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use leadstream_system::Application;
use leadstream_test_support::{Broker, Process};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
const CONTACTS: usize = 16;

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// An instance that tells the others where it is.
fn start(application: &Application, name: &str, address: SocketAddr, advertises: bool) -> Process {
    start_in(application, &format!("state-{name}"), name, address, advertises)
}

/// The same with its state in a folder of another name.
fn start_in(application: &Application, state: &str, name: &str, address: SocketAddr, advertises: bool) -> Process {
    let (listen, nowhere) = (address.to_string(), String::new());
    let advertise = if advertises { &listen } else { &nowhere };
    let place = [("http.listen", listen.as_str()), ("http.advertise", advertise), ("storage.directory", state)];
    application.instance(name, &[&place[..], &[("engine.workers", "1")]].concat())
}

/// Asks an instance for a contact. A question may be marked as one that another instance handed on.
fn ask(address: SocketAddr, contact: &str, handed_on: Option<&str>) -> Option<(u16, Value)> {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20)));
    let agent: ureq::Agent = config.build().into();
    let mut request = agent.get(format!("http://{address}/v1/contacts/{contact}"));
    if let Some(application) = handed_on {
        request = request.header("x-leadstream-forwarded", application);
    }
    let mut response = request.call().ok()?;
    let body = response.body_mut().read_to_string().unwrap();
    let mut body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}"));
    // It may go on between two questions.
    body.as_object_mut().unwrap().remove("epoch");
    Some((response.status().as_u16(), body))
}

fn contacts() -> impl Iterator<Item = String> {
    (0..CONTACTS).map(|number| format!("c{number}"))
}

/// Contacts that an instance itself owns.
fn owned(application: &Application, address: SocketAddr) -> Vec<String> {
    let code = |contact: &str| ask(address, contact, Some(&application.id)).map_or(0, |(code, _)| code);
    contacts().filter(|contact| code(contact) == 200).collect()
}

/// Waits until instances own all contacts among them, each some.
fn until_shared(application: &Application, addresses: &[SocketAddr]) -> Vec<Vec<String>> {
    let began = Instant::now();
    loop {
        let shares: Vec<Vec<String>> = addresses.iter().map(|address| owned(application, *address)).collect();
        if shares.iter().all(|share| !share.is_empty()) && shares.iter().map(Vec::len).sum::<usize>() == CONTACTS {
            return shares;
        }
        assert!(began.elapsed() < LIMIT, "the contacts are not shared: {shares:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Asks until the answer has a status.
fn until(code: u16, address: SocketAddr, contact: &str) -> Value {
    let began = Instant::now();
    loop {
        let answer = ask(address, contact, None);
        match answer {
            Some((is, body)) if is == code => return body,
            _ => assert!(began.elapsed() < LIMIT, "{contact} at {address}: {answer:?}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn produce_visits(application: &Application) {
    let visit = |contact: String| {
        format!(
            "{{\"type\":\"page\",\"messageId\":\"m-{contact}\",\"userId\":\"{contact}\",\"timestamp\":\"2026-03-14T09:26:53Z\"}}\n"
        )
    };
    application.produce(&contacts().map(visit).collect::<String>());
}

#[test]
fn either_of_two_instances_answers_for_every_contact_and_one_that_is_gone_is_named() {
    let application = Application::new(Broker::shared(), "forwarding", true);
    produce_visits(&application);
    let (first_address, second_address) = (free_address(), free_address());
    let first = start(&application, "a", first_address, true);
    let second = start(&application, "b", second_address, true);
    let shares = until_shared(&application, &[first_address, second_address]);
    for contact in contacts() {
        let (code, here) = ask(first_address, &contact, None).unwrap();
        assert_eq!(code, 200, "{contact}: {here}");
        assert_eq!(here["contact"], contact.as_str());
        assert_eq!(ask(second_address, &contact, None).unwrap(), (200, here));
    }
    assert_eq!(ask(second_address, "nobody", None).unwrap().0, 404);
    let other_application = ask(second_address, &shares[1][0], Some("another")).unwrap();
    assert_eq!(other_application.0, 421, "{}", other_application.1);

    // Until its session ends, what an instance owned that is gone is nobody else's.
    second.kill().unwrap();
    let refused = until(503, first_address, &shares[1][0])["error"].as_str().unwrap().to_owned();
    let expected = format!("at {second_address} nobody answers (");
    assert!(refused.starts_with("forwarding-b-0-") && refused.contains(&expected), "{refused}");
    assert_eq!(until(200, first_address, &shares[1][0])["contact"], shares[1][0].as_str());
    assert!(first.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn an_instance_that_advertises_nothing_is_named_too() {
    let application = Application::new(Broker::shared(), "silent", true);
    produce_visits(&application);
    let (first_address, second_address) = (free_address(), free_address());
    let first = start(&application, "a", first_address, true);
    let second = start(&application, "b", second_address, false);
    let shares = until_shared(&application, &[first_address, second_address]);
    let (code, body) = ask(first_address, &shares[1][0], None).unwrap();
    let said = body["error"].as_str().unwrap();
    assert!(code == 503 && said.contains("does not say where it can be asked: set http.advertise there"), "{said}");
    assert_eq!(ask(second_address, &shares[0][0], None).unwrap().0, 200, "the other one says where it is");
    for process in [first, second] {
        assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    }
}

#[test]
fn an_instance_that_comes_back_at_another_address_is_found_there() {
    let application = Application::new(Broker::shared(), "moved", true);
    produce_visits(&application);
    let (first_address, second_address, third_address) = (free_address(), free_address(), free_address());
    let first = start(&application, "a", first_address, true);
    let second = start(&application, "b", second_address, true);
    until_shared(&application, &[first_address, second_address]);
    second.kill().unwrap();
    let second = start(&application, "b", third_address, true);
    let shares = until_shared(&application, &[first_address, third_address]);
    for contact in &shares[1] {
        assert_eq!(until(200, first_address, contact)["contact"], contact.as_str());
    }
    for process in [first, second] {
        assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    }
}

#[test]
fn a_process_in_the_folder_of_another_is_refused_before_it_takes_anything_from_it() {
    let application = Application::new(Broker::shared(), "same-folder", true);
    produce_visits(&application);
    let (first_address, second_address) = (free_address(), free_address());
    let mut first = start(&application, "a", first_address, true);
    until_shared(&application, &[first_address]);
    for name in ["a", "b"] {
        let mut second = start_in(&application, "state-a", name, second_address, true);
        let began = Instant::now();
        while !second.has_ended().unwrap() {
            assert!(began.elapsed() < LIMIT, "it goes on: {}", second.output());
            std::thread::sleep(Duration::from_millis(50));
        }
        let said = second.output();
        assert_eq!(second.wait(LIMIT).unwrap().code(), Some(1), "{said}");
        let holder = format!("is in use by process {} (instance a): stop that process", first.id());
        let folder = application.path("state-a").join("same-folder");
        assert!(said.contains(&holder) && said.contains(&folder.display().to_string()), "{said}");
    }
    // The first one owns its contacts still, and scores what comes.
    application.produce(
        "{\"type\":\"page\",\"messageId\":\"n\",\"userId\":\"behind\",\"timestamp\":\"2026-03-15T09:26:53Z\"}\n",
    );
    assert_eq!(until(200, first_address, "behind")["contact"], "behind");
    assert_eq!(owned(&application, first_address).len(), CONTACTS);
    assert!(!first.has_ended().unwrap(), "{}", first.output());
    assert!(first.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn of_two_processes_with_one_name_at_different_addresses_the_older_stops() {
    let application = Application::new(Broker::shared(), "namesakes", true);
    produce_visits(&application);
    let (first_address, second_address) = (free_address(), free_address());
    let mut first = start(&application, "a", first_address, true);
    until_shared(&application, &[first_address]);
    let second = start_in(&application, "other-state", "a", second_address, true);
    let began = Instant::now();
    let mut number = 0;
    while !first.has_ended().unwrap() {
        assert!(began.elapsed() < LIMIT, "both go on: {}", first.output());
        number += 1;
        let line = format!(
            "{{\"type\":\"page\",\"messageId\":\"n-{number}\",\"userId\":\"c{}\",\"timestamp\":\"2026-03-15T09:26:53Z\"}}\n",
            number % CONTACTS
        );
        application.produce(&line);
        std::thread::sleep(Duration::from_millis(100));
    }
    let said = first.output();
    assert!(said.contains("another process"), "{said}");
    // What the client library has to say about closing a member that was fenced is nobody's business.
    assert!(!said.contains("consumer queue"), "{said}");
    until_shared(&application, &[second_address]);
    assert!(second.terminate(Duration::from_secs(5)).unwrap().success());
}

//! Another plan in the running service (S45): put in force by a restart, followed by every instance, refused where instances disagree.

use std::time::{Duration, Instant};

use leadstream_system::Application;
use leadstream_test_support::{Broker, NewRecord, Process, topics};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
const PEOPLE: usize = 12;

fn plan(view: u32, at: u32) -> String {
    format!(
        "plan: cars\nrules:\n  - {{ id: view, on: page_viewed, points: {view} }}\nqualify: {{ score: engagement, at: {at}, release: {at} }}\n"
    )
}

/// An application whose plan files are its own.
fn application(id: &str) -> Application {
    let application = Application::new(Broker::shared(), id, true);
    let path = application.path("leadstream.yaml");
    let configuration = std::fs::read_to_string(&path).expect("the configuration can be read");
    let lines =
        configuration.lines().map(|line| if line.starts_with("plans:") { "plans: [ 'plans/*.yaml' ]" } else { line });
    std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("the configuration can be written");
    std::fs::create_dir(application.path("plans")).expect("a folder can be made");
    application
}

fn write_plan(application: &Application, name: &str, text: &str) {
    std::fs::write(application.path("plans").join(name), text).expect("a plan can be written");
}

fn view(person: usize, id: &str, time: &str) -> String {
    format!(
        "{{\"type\":\"page\",\"messageId\":\"{id}-{person}\",\"userId\":\"p{person}\",\"timestamp\":\"2026-04-{time}Z\"}}\n"
    )
}

fn shown(application: &Application, url: &str, person: usize, at: Option<&str>) -> Value {
    let contact = format!("p{person}");
    let mut arguments = vec!["contact", "show", &contact, "--json", "--url", url];
    arguments.extend(at.iter().flat_map(|at| ["--at", *at]));
    serde_json::from_str(&application.done(&arguments)).expect("an answer is JSON")
}

/// Waits for the score of a person.
fn await_score(application: &Application, url: &str, person: usize, score: f64) -> Value {
    let began = Instant::now();
    loop {
        let output = application.run(&["contact", "show", &format!("p{person}"), "--json", "--url", url]);
        if let Ok(shown) = serde_json::from_slice::<Value>(&output.stdout)
            && shown["plans"][0]["score"].as_f64() == Some(score)
        {
            return shown;
        }
        assert!(began.elapsed() < LIMIT, "p{person} has not {score}: {output:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn url(application: &Application, process: &mut Process) -> String {
    format!("http://{}", application.address(process))
}

/// Writes the first plan set into the topic of plans once more, as the third one: nothing else is needed for a running instance to follow.
fn put_in_force_again(application: &Application) {
    let records = application.settled("plans");
    let first = records.iter().find(|record| record.key.as_deref() == Some(b"set/00000000000000000001"));
    let mut value = first.and_then(|record| record.value.clone()).expect("the first set is there");
    // Behind the version and the kind stands the number.
    assert_eq!(std::mem::replace(&mut value[2], 3), 1);
    let third = NewRecord::keyed("set/00000000000000000003", value);
    topics::produce(&Broker::shared().bootstrap(), &application.topic("plans"), &[third])
        .expect("the broker takes the set");
}

#[test]
fn a_lower_threshold_qualifies_those_who_wait_once_and_late_events_keep_the_plan_of_their_time_s45() {
    let application = application("plan-change");
    write_plan(&application, "cars.yaml", &plan(10, 100));
    let mut process = application.start();
    let at_first = url(&application, &mut process);
    let days = ["01T10:00:00", "01T11:00:00", "01T12:00:00"];
    let views = |person| days.iter().map(move |time| view(person, time, time));
    application.produce(&(0..PEOPLE).flat_map(views).collect::<String>());
    for person in 0..PEOPLE {
        await_score(&application, &at_first, person, 30.0);
    }
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());

    // The same plan under another name and with other line ends is no change.
    std::fs::remove_file(application.path("plans").join("cars.yaml")).unwrap();
    write_plan(&application, "renamed.yaml", &plan(10, 100).replace('\n', "\r\n"));
    let mut process = application.start();
    let same = url(&application, &mut process);
    let old = await_score(&application, &same, 0, 30.0)["plans"][0]["version"].clone();
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());

    write_plan(&application, "renamed.yaml", &plan(11, 25));
    let mut process = application.start();
    let changed = url(&application, &mut process);
    let derived = application.derived(PEOPLE, LIMIT);
    for event in &derived {
        assert_eq!((&event["type"], &event["n"]), (&"lead.qualified".into(), &1.into()), "{event}");
        assert_eq!(event["marks"], serde_json::json!(["plan"]), "{event}");
        assert_ne!(event["version"], old, "{event}");
    }
    assert_eq!(derived.len(), PEOPLE);

    application.produce(&(view(0, "late", "01T11:30:00") + &view(0, "later", "02T12:00:00")));
    let now = await_score(&application, &changed, 0, 51.0);
    assert_eq!(now["plans"][0]["version"], derived[0]["version"]);
    let lines =
        now["ledgers"].as_array().unwrap().iter().find(|ledger| ledger["of"] == "plan:cars").unwrap()["lines"].clone();
    let of_version =
        |version: &Value| lines.as_array().unwrap().iter().filter(|line| line["version"] == *version).count();
    assert_eq!((of_version(&old), of_version(&derived[0]["version"])), (4, 1), "each line says which plan booked it");
    let past = shown(&application, &changed, 0, Some("2026-04-01T11:45:00Z"));
    assert_eq!((&past["plans"][0]["version"], &past["plans"][0]["qualified"]), (&old, &false.into()), "{past}");
    assert_eq!(past["plans"][0]["score"], 30.0);

    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    let _ = std::fs::remove_dir_all(application.path("state"));
    let mut process = application.start();
    let restored = url(&application, &mut process);
    await_score(&application, &restored, 0, 51.0);
    let past = shown(&application, &restored, 0, Some("2026-04-01T11:45:00Z"));
    assert_eq!(past["plans"][0]["version"], old, "a restored task knows since when it is under which plans");
    assert_eq!(application.derived(PEOPLE, LIMIT).len(), PEOPLE, "nobody is told twice");

    put_in_force_again(&application);
    let derived = application.derived(2 * PEOPLE, LIMIT);
    let withdrawn: Vec<&Value> = derived.iter().filter(|event| event["type"] == "lead.disqualified").collect();
    assert_eq!((derived.len(), withdrawn.len()), (2 * PEOPLE, PEOPLE));
    assert!(withdrawn.iter().all(|event| event["marks"] == serde_json::json!(["plan"]) && event["version"] == old));
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn an_instance_with_other_plans_than_those_at_work_refuses_and_says_how_they_differ() {
    let application = application("plan-quarrel");
    write_plan(&application, "cars.yaml", &plan(10, 100));
    let mut process = application.start();
    url(&application, &mut process);
    let second = ["run", "--set", "application.instance=second", "--set", "storage.directory=second"];
    write_plan(&application, "cars.yaml", &plan(11, 25));
    write_plan(&application, "bikes.yaml", &plan(10, 50).replace("cars", "bikes"));
    let refused = application.run(&second);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for part in [
        "other instances of plan-quarrel are at work under other plans (plan set 1; members plan-quarrel-",
        "plan bikes: added, not in force, ",
        "plan cars: changed, ",
        "to change the plans of all of them use `leadstream plan activate`",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }

    // The one that was there goes on; one with the plans in force may join.
    assert!(!process.has_ended().unwrap());
    std::fs::remove_file(application.path("plans").join("bikes.yaml")).unwrap();
    write_plan(&application, "cars.yaml", &plan(10, 100));
    let mut joined = application.begin(&second);
    url(&application, &mut joined);
    assert!(!joined.has_ended().unwrap(), "{}", joined.output());
    assert!(joined.terminate(Duration::from_secs(5)).unwrap().success());
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn of_two_instances_that_start_at_once_with_different_plans_one_goes_on_and_the_other_refuses() {
    let application = application("plan-race");
    let mut processes = ["first", "second"].map(|name| {
        let (file, folder) = (format!("{name}.yaml"), format!("storage.directory={name}"));
        write_plan(&application, &file, &plan(if name == "first" { 10 } else { 11 }, 100));
        let (instance, plans) = (format!("application.instance={name}"), format!("plans=[ 'plans/{file}' ]"));
        application.begin(&["run", "--set", &instance, "--set", &folder, "--set", &plans])
    });
    let began = Instant::now();
    let refused = loop {
        if let Some(place) = processes.iter_mut().position(|process| process.has_ended().unwrap()) {
            break place;
        }
        assert!(began.elapsed() < LIMIT, "both go on: {}{}", processes[0].output(), processes[1].output());
        std::thread::sleep(Duration::from_millis(100));
    };
    let mut processes = Vec::from(processes);
    let refused = processes.remove(refused);
    let said = refused.output();
    assert!(said.contains("plan cars: changed, ") && said.contains("to join them give this instance"), "{said}");
    assert_eq!(refused.wait(LIMIT).unwrap().code(), Some(1), "{said}");
    let mut process = processes.remove(0);
    url(&application, &mut process);
    let records = application.settled("plans");
    let is_set = |key: &Option<Vec<u8>>| key.as_ref().is_some_and(|key| key.starts_with(b"set/"));
    assert_eq!(records.iter().filter(|record| is_set(&record.key)).count(), 1, "nothing came behind it");
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

#[test]
fn plans_are_activated_in_the_running_service_taken_back_and_applied_to_the_past_s45_s46() {
    let application = application("plan-live");
    write_plan(&application, "cars.yaml", &plan(10, 100));
    let mut process = application.start();
    let at = url(&application, &mut process);
    application.produce(&(0..PEOPLE).map(|person| view(person, "first", "01T10:00:00")).collect::<String>());
    for person in 0..PEOPLE {
        await_score(&application, &at, person, 10.0);
    }
    std::fs::write(application.path("new.yaml"), plan(30, 25)).unwrap();
    let published = application.done(&["plan", "publish", "new.yaml"]);
    let name = published.split_whitespace().nth(1).unwrap().trim_end_matches(';').to_owned();
    assert!(name.starts_with("cars@"), "{published}");

    // A look changes nothing, and nobody is asked where nobody is.
    let looked = application.done(&["plan", "activate", &name, "--dry-run"]);
    assert!(looked.contains("each page_viewed: +30 points") && looked.contains("nothing was changed"), "{looked}");
    let asked = application.run(&["plan", "activate", &name]);
    assert_eq!(asked.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("nobody can be asked here: give --yes"), "{asked:?}");
    let history = application.done(&["plan", "history"]);
    assert!(
        history.contains("plan set 1, since ") && history.contains(&format!("published, never in force\n  {name}"))
    );

    let activated = application.done(&["plan", "activate", &name, "--yes"]);
    assert!(activated.contains("in force from now on (plan set 2)"), "{activated}");
    application.await_log(&mut process, |log| log.contains("\"message\":\"plans in force\",\"set\":2"));
    let again = application.done(&["plan", "activate", "new.yaml", "--yes"]);
    assert_eq!(again, "these plans are in force already (plan set 2)\n");
    application.produce(&(0..PEOPLE).map(|person| view(person, "second", "02T10:00:00")).collect::<String>());
    for person in 0..PEOPLE {
        await_score(&application, &at, person, 40.0);
    }
    assert_eq!(application.derived(PEOPLE, LIMIT).len(), PEOPLE);

    // A start with the files of before joins what was activated, and says so.
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
    let mut process = application.start();
    let at = url(&application, &mut process);
    application.await_log(&mut process, |log| log.contains("activated by a command and stay"));
    assert_eq!(await_score(&application, &at, 0, 40.0)["plans"][0]["qualified"], true);

    let back = application.done(&["plan", "rollback", "--yes"]);
    assert!(back.contains("in force from now on (plan set 3)"), "{back}");
    let derived = application.derived(2 * PEOPLE, LIMIT);
    let withdrawn = derived.iter().filter(|event| event["type"] == "lead.disqualified").count();
    assert_eq!((derived.len(), withdrawn), (2 * PEOPLE, PEOPLE), "who qualified at 25 does not at 100");
    let history = application.done(&["plan", "history"]);
    assert!(history.starts_with("plan set 3, since ") && history.contains(", by a command on "), "{history}");

    // The past counts anew: two views of 30 points each, whatever they were worth when they came.
    let looked = application.done(&["plan", "activate", "new.yaml", "--recompute", "--dry-run"]);
    assert!(looked.contains("the past counts anew") && looked.ends_with("\nnothing was changed\n"), "{looked}");
    let qualify = looked.lines().find(|line| line.contains("contacts that qualified")).unwrap();
    assert_eq!(qualify.split_whitespace().next_back(), Some(&*format!("+{PEOPLE}")), "{looked}");
    application.done(&["plan", "activate", "new.yaml", "--recompute", "--announce", "events", "--yes"]);
    let derived = application.derived(3 * PEOPLE, LIMIT);
    let anew = derived.iter().filter(|event| event["marks"] == serde_json::json!(["recompute"]));
    assert_eq!(anew.filter(|event| event["type"] == "lead.qualified" && event["score"] == 60.0).count(), PEOPLE);
    for person in 0..PEOPLE {
        await_score(&application, &at, person, 60.0);
    }
    let history = application.done(&["plan", "history"]);
    assert!(history.lines().next().unwrap().ends_with(", the past counting anew, in force"), "{history}");

    let refused = |arguments: &[&str], words: &str| {
        let output = application.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(words), "{words}: {output:?}");
    };
    refused(&["plan", "activate", "cars@ffffffff", "--yes"], "cars@ffffffff is not published; there are cars@");
    refused(&["plan", "activate", "boats@ffffffff", "--yes"], "no version of a plan boats is published");
    refused(&["plan", "activate", "--retire", "boats", "--yes"], "the plan boats is not in force; these are: cars");
    refused(&["plan", "rollback", "--to", "9", "--yes"], "there is no plan set 9");
    refused(&["plan", "rollback", "--announce", "events", "--yes"], "--recompute");
    std::fs::write(application.path("bad.yaml"), plan(30, 25).replace("page_viewed", "page_veiwed")).unwrap();
    refused(&["plan", "publish", "bad.yaml"], "did you mean `page_viewed`?");
    let retired = application.done(&["plan", "activate", "--retire", "cars", "--yes"]);
    assert!(retired.contains("plan cars is retired"), "{retired}");
    assert!(process.terminate(Duration::from_secs(5)).unwrap().success());
}

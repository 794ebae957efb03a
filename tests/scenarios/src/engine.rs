//! A scenario through the engine: workers over the in-memory log that are killed at calls of their producer and start again, with their store or
//! without. The shipped binary has no such log, so this way goes through the crates it is made of.
//!
//! The wall clock is set to the time of each event that is not late, and to the end behind the last one; timers fire by it in between.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadstream_config::{Config, Layers, YamlFile};
use leadstream_core::identity::Request;
use leadstream_core::plan::PlanSet;
use leadstream_core::{Contact, DerivedEvent, Event, Fold, HistoryLimits, Span, Timestamp};
use leadstream_http::{Engine, Listener, Owner, Server, ServerOptions, segment};
use leadstream_plan::{Options, Source, Style};
use leadstream_runtime::log::{Record, TopicPartition};
use leadstream_runtime::{
    AllAnswer, ClockMode, ContactVisitor, DeadLetter, Decoded, EventBatch, InputDecoder, NumberedPlans, OutputBuffer,
    OutputEncoder, OutputTopic, PlansInForce, QueryAnswer, QueryRefusal, Watermark, WorkerStatus,
};
use leadstream_simulation::{Formats, Random, Settings, World};
use leadstream_wire::out::{DataFormat, DerivedWriter, OutRecord};
use leadstream_wire::{DeadLetterRecord, Decoder, Encoding, InputRecord, Shape, SourceFormat, envelope};
use serde_json::Value;

use crate::document::Scenario;
use crate::expected::{Observed, end, instants};
use crate::instant;
use crate::replay::configuration;
use crate::rows::{Input, SOURCE, inputs};
use crate::standing::Standing;

/// How far the clock stays behind the wall, so that an event on its way comes before a timer.
const SLACK_MS: i64 = 60_000;
/// Derived events, in the order of the simulation's topics.
const DERIVED: OutputTopic = OutputTopic(0);
const DEAD: OutputTopic = OutputTopic(1);

/// What workers made of a scenario, as it can be asked for over HTTP.
pub struct Live {
    /// Times that a worker died in the middle of something.
    pub crashes: u64,
    /// Derived events, those of a contact in their order.
    pub told: Vec<Value>,
    server: Server,
    contacts: Vec<String>,
    end: i64,
}

/// Runs a scenario; `seed` says when workers die.
///
/// # Errors
/// What cannot be understood or run.
pub fn run(scenario: &Scenario, seed: u64) -> Result<Live, String> {
    let inputs = inputs(scenario)?;
    let config = config(scenario)?;
    let beginning = plan_set(scenario, &config, None)?;
    let bytes = usize::try_from(config.history.bytes.as_bytes()).unwrap_or(usize::MAX);
    let history =
        HistoryLimits { horizon: span(config.history.horizon.as_ms()), rows: config.history.rows as usize, bytes };
    let in_force = PlansInForce::only(beginning, history);
    let format = source(&config);
    let mut settings = Settings::new(in_force.clone());
    settings.identities = true;
    settings.rekeyed = !scenario.records.is_empty();
    settings.start_ms = inputs.iter().map(|input| input.time_ms).min().unwrap_or(instant::BEGINNING_MS);
    settings.clock = ClockMode::Wall { slack: Span::from_millis(SLACK_MS) };
    Decoders::new(&format)?;
    settings.formats = Formats::new(move || {
        let decoders = Decoders::new(&format).unwrap_or_else(|problem| panic!("{problem}"));
        (Box::new(decoders), Box::new(Encoders::default()))
    });
    let mut world = World::new(seed, settings, 1);
    let end = end(scenario, &inputs)?;
    let crashes = feed(scenario, &config, &mut world, &inputs, end, seed)
        .map_err(|problem| format!("{}: {problem}", scenario.place()))?;
    live(scenario, &mut world, in_force, end, crashes)
}

fn span(milliseconds: u64) -> Span {
    Span::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

fn config(scenario: &Scenario) -> Result<Config, String> {
    let file =
        YamlFile { name: "leadstream.yaml".to_owned(), directory: PathBuf::new(), text: configuration(scenario) };
    let loaded = leadstream_config::load(&Layers { file: Some(file), ..Layers::default() });
    loaded.map(|loaded| loaded.config).map_err(|error| format!("{}: {error}", scenario.place()))
}

/// The format of the only source: one of those without a mapping.
fn source(config: &Config) -> SourceFormat {
    let Some(source) = config.sources.first() else { return SourceFormat::new(SOURCE, Shape::Segment) };
    let shape = match source.format {
        leadstream_config::Format::Segment => Shape::Segment,
        _ => Shape::Interactions(Encoding::Json),
    };
    SourceFormat {
        contact: source.contact.clone(),
        company: source.company.clone(),
        contact_prefix: source.contact_prefix.clone().unwrap_or_default(),
        max_ahead: span(config.history.max_ahead.as_ms()),
        ..SourceFormat::new(source.name(), shape)
    }
}

/// The plans in force from an instant on.
fn plan_set(scenario: &Scenario, config: &Config, from: Option<&str>) -> Result<Arc<PlanSet>, String> {
    let texts = scenario.plans.iter().enumerate().filter(|(_, plan)| plan.from.as_deref() == from);
    let sources = texts.map(|(number, plan)| Source { name: format!("plan-{number}.yaml"), text: plan.yaml.clone() });
    let options = Options {
        horizon: span(config.history.horizon.as_ms()),
        event_types: config.event_types.clone(),
        ..Options::default()
    };
    let report = leadstream_plan::check(sources.collect(), &options);
    if report.has_errors() {
        return Err(format!("{}:\n{}", scenario.place(), report.render(Style::Plain)));
    }
    Ok(Arc::new(PlanSet::new(report.plans)))
}

/// Hands the records over, one at its time, and kills whoever works on them.
fn feed(
    scenario: &Scenario,
    config: &Config,
    world: &mut World,
    inputs: &[Input],
    end: i64,
    seed: u64,
) -> Result<u64, String> {
    let mut random = Random::new(seed ^ 0xc4a5);
    let mut crashes = 0;
    let failed = |error: leadstream_runtime::WorkerError| error.to_string();
    world.start(0, true).map_err(failed)?;
    let mut changes = Vec::new();
    for plan in &scenario.plans {
        if let Some(from) = &plan.from
            && changes.iter().all(|(_, known, _)| known != from)
        {
            changes.push((instant::read(from)?, from.clone(), plan.coming));
        }
    }
    changes.sort_by_key(|(at, ..)| *at);
    let mut set = 1;
    let mut inputs = inputs.iter().peekable();
    loop {
        let next = inputs.peek().map_or(end, |input| input.time_ms);
        if changes.first().is_some_and(|(at, ..)| *at <= next) {
            let (at, from, coming) = changes.remove(0);
            go_to(world, at)?;
            set += 1;
            let plans = plan_set(scenario, config, Some(&from))?;
            world.settings_mut().plans.book.add(NumberedPlans::of(set, plans).coming(coming));
            come_to_rest(world)?;
            continue;
        }
        let Some(input) = inputs.next() else { break };
        go_to(world, input.time_ms)?;
        world.produce(&input.contact, &input.record);
        world.crash_plan(0).after(random.below(9) as i64);
        for _ in 0..8 {
            world.pass(20);
            world.step(0).map_err(failed)?;
            if !world.is_alive(0) {
                crashes += 1;
                world.start(0, random.chance(500)).map_err(failed)?;
            }
        }
        world.crash_plan(0).never();
    }
    go_to(world, end + SLACK_MS)?;
    come_to_rest(world)?;
    Ok(crashes)
}

/// Steps until everything is scored and told. Behind a re-keying stage watermarks never end, so there it is a number of steps.
fn come_to_rest(world: &mut World) -> Result<(), String> {
    let failed = |error: leadstream_runtime::WorkerError| error.to_string();
    if world.settings_mut().rekeyed {
        for _ in 0..80 {
            world.pass(20);
            world.step(0).map_err(failed)?;
        }
        return Ok(());
    }
    world.settle(0).map_err(failed)
}

/// Lets everything come to rest, and then the wall clock show an instant, unless it is behind it already.
fn go_to(world: &mut World, at: i64) -> Result<(), String> {
    let ahead = at - world.log.now_ms();
    if ahead > 0 {
        come_to_rest(world)?;
        world.pass(u64::try_from(at - world.log.now_ms()).unwrap_or(0));
    }
    Ok(())
}

fn live(scenario: &Scenario, world: &mut World, plans: PlansInForce, end: i64, crashes: u64) -> Result<Live, String> {
    let mut told = Vec::new();
    for partition in 0..2 {
        for (_, value) in world.read_from(&TopicPartition::new("derived", partition), 0) {
            told.push(serde_json::from_slice::<Value>(&value).map_err(|error| error.to_string())?);
        }
    }
    if let Some(first) = world.told().dead.first() {
        return Err(format!("{}: a dead letter: {first}", scenario.place()));
    }
    let rows = [&scenario.scores, &scenario.events, &scenario.known, &scenario.booked];
    let mut contacts: Vec<String> = rows.into_iter().flatten().map(|row| row.cell("who").to_owned()).collect();
    contacts.sort();
    contacts.dedup();
    let mut answers: BTreeMap<String, QueryAnswer> = contacts.iter().map(|id| (id.clone(), world.insist(id))).collect();
    let roots = answers.values().filter_map(|answer| Some(answer.contact.as_ref()?.root()?.to_string()));
    for root in roots.collect::<Vec<_>>() {
        answers.entry(root.clone()).or_insert_with(|| world.insist(&root));
    }
    Ok(Live { crashes, told, server: serve(answers, plans)?, contacts, end })
}

impl Live {
    /// Where it answers: `http://` and an address.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The code and the body of an answer.
    ///
    /// # Errors
    /// No answer, or one that is no JSON.
    pub fn get(&self, path: &str) -> Result<(u16, Value), String> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let address = self.url() + path;
        let mut response = agent.get(&address).call().map_err(|error| format!("{address}: {error}"))?;
        let body = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
        let body = serde_json::from_str(&body).map_err(|error| format!("{path}: {error}: {body}"))?;
        Ok((response.status().as_u16(), body))
    }

    /// Asks for everything that a scenario expects.
    ///
    /// # Errors
    /// No answer, or a cell that is no instant.
    pub fn observe(&self, scenario: &Scenario) -> Result<Observed, String> {
        let told = Some(self.told.clone());
        let mut observed = Observed { way: "the engine, with crashes", told, ..Observed::default() };
        for id in &self.contacts {
            let ask = |at: i64| self.get(&format!("/v1/contacts/{}?at={}", segment(id), instant::written(at)));
            for at in instants(scenario)? {
                let (code, body) = ask(at)?;
                if code == 200 {
                    observed.standings.insert((at, id.clone()), Standing::of(&body));
                }
            }
            let (code, body) = ask(self.end)?;
            if code == 200 {
                observed.contacts.get_or_insert_default().insert(id.clone(), body);
            }
        }
        for row in &scenario.lists {
            let asked = row.cell("list");
            let (code, body) = self.get(&format!("/v1/contacts?{asked}"))?;
            let cards = body["contacts"].as_array().cloned().unwrap_or_default();
            let ids = cards.iter().map(|card| card["contact"].as_str().unwrap_or_default().to_owned());
            let found = if code == 200 { ids.collect() } else { vec![format!("{code} {body}")] };
            observed.lists.get_or_insert_default().insert(asked.to_owned(), found);
        }
        Ok(observed)
    }
}

/// What the workers know, behind the routes of HTTP.
struct Answers {
    by_contact: Mutex<BTreeMap<String, QueryAnswer>>,
    plans: PlansInForce,
}

impl Answers {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, QueryAnswer>> {
        self.by_contact.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(by_contact: BTreeMap<String, QueryAnswer>, plans: PlansInForce) -> Result<Server, String> {
    let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).map_err(|error| error.to_string())?;
    let engine = Arc::new(Answers { by_contact: Mutex::new(by_contact), plans: plans.clone() });
    let (application, waits_for) = ("scenarios".to_owned(), String::new());
    let options = ServerOptions { listener, application, waits_for, registry: prometheus::Registry::new() };
    let server = Server::start(options).map_err(|error| error.to_string())?;
    server.serve(engine, plans);
    Ok(server)
}

impl Engine for Answers {
    fn contact(&self, id: &str) -> Result<QueryAnswer, QueryRefusal> {
        self.known()
            .get(id)
            .map(copy)
            .ok_or_else(|| QueryRefusal::Unavailable { reason: format!("nobody asked for {id} before") })
    }

    fn visit_all(&self, visitor: Arc<Mutex<dyn ContactVisitor>>) -> Result<AllAnswer, QueryRefusal> {
        for answer in self.known().values() {
            let Some(contact) = &answer.contact else { continue };
            let fold = Fold::new(answer.timeline.clone(), self.plans.history);
            let mut visitor = visitor.lock().unwrap_or_else(PoisonError::into_inner);
            visitor.visit(&fold, contact, answer.clock);
        }
        Ok(Vec::new())
    }

    fn tasks(&self) -> u32 {
        2
    }

    fn owner(&self, _task: u32, _anew: bool) -> Result<Option<Owner>, String> {
        Ok(None)
    }

    fn status(&self) -> Vec<WorkerStatus> {
        Vec::new()
    }
}

fn copy(answer: &QueryAnswer) -> QueryAnswer {
    QueryAnswer {
        contact: answer.contact.clone(),
        erased: answer.erased,
        task: answer.task,
        epoch: answer.epoch,
        clock: answer.clock,
        timeline: answer.timeline.clone(),
    }
}

/// Reads events, commands, and what was re-keyed.
struct Decoders {
    events: Decoder,
    commands: Decoder,
    batch: leadstream_wire::EventBatch,
}

impl Decoders {
    fn new(format: &SourceFormat) -> Result<Decoders, String> {
        let commands = SourceFormat::new("leadstream.contacts", Shape::Contacts(Encoding::Json));
        let compile = |format: &SourceFormat| Decoder::compile(format).map_err(|problems| format!("{problems:?}"));
        Ok(Decoders {
            events: compile(format)?,
            commands: compile(&commands)?,
            batch: leadstream_wire::EventBatch::new(),
        })
    }
}

impl InputDecoder for Decoders {
    fn decode(&mut self, _input: usize, record: &Record<'_>, events: &mut EventBatch) -> Decoded {
        let value = record.value.unwrap_or_default();
        // Only what is re-keyed is no JSON.
        if value.first() == Some(&b'~') {
            let text = String::from_utf8_lossy(value);
            return Decoded::Watermarks(text.split('~').filter_map(read_watermark).collect());
        }
        if value.first() != Some(&b'{') {
            let read = envelope::read(record.key.unwrap_or_default(), value, events.add());
            return if matches!(read, Ok(envelope::Message::Event)) { Decoded::Events } else { dead(value) };
        }
        let is_command = serde_json::from_slice::<Value>(value).is_ok_and(|value| value.get("command").is_some());
        let decoder = if is_command { &mut self.commands } else { &mut self.events };
        self.batch.clear();
        let timestamp_ms = record.timestamp.map(|timestamp| timestamp.ms);
        let input = InputRecord { topic: "events", timestamp_ms, value: Some(value), ..InputRecord::default() };
        match decoder.decode(&input, &mut self.batch) {
            Ok(leadstream_wire::Decoded::Events(_)) => {
                for event in self.batch.events_mut() {
                    std::mem::swap(events.add(), event);
                }
                Decoded::Events
            }
            Ok(leadstream_wire::Decoded::Skipped(_)) => Decoded::Skipped,
            Err(letter) => dead(format!("{}: {}", letter.code.as_str(), letter.reason).as_bytes()),
        }
    }
}

fn dead(reason: &[u8]) -> Decoded {
    let record = DeadLetterRecord { key: None, value: Some(reason.to_vec()), headers: Vec::new(), own_headers: 0 };
    Decoded::DeadLetter(Box::new(DeadLetter { code: "unreadable", topic: DEAD, record }))
}

fn read_watermark(text: &str) -> Option<Watermark> {
    let mut words = text.split('|');
    let (topic, partition, time) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(Watermark { topic: topic.to_owned(), partition, time: Timestamp::from_millis(time) })
}

/// Writes derived events as the product's JSON.
struct Encoders(DerivedWriter, OutRecord);

impl Default for Encoders {
    fn default() -> Encoders {
        let writer = DerivedWriter::new("/leadstream/scenarios", DataFormat::Json);
        Encoders(writer.unwrap_or_else(|error| panic!("{error}")), OutRecord::default())
    }
}

impl OutputEncoder for Encoders {
    fn topics(&self) -> Vec<String> {
        ["derived", "dead", "scores"].map(str::to_owned).to_vec()
    }

    fn derived(&mut self, event: &DerivedEvent, out: &mut OutputBuffer) {
        self.0.write(event, &mut self.1).unwrap_or_else(|error| panic!("{error}"));
        out.push(DERIVED, Some(&self.1.key), Some(&self.1.value), &[], None);
    }

    fn scorecard(&mut self, _fold: &Fold, _contact: &Contact, _clock: Timestamp, _out: &mut OutputBuffer) {}

    fn erased(&mut self, _contact: &str, _out: &mut OutputBuffer) {}

    fn refused(&mut self, request: &Request, code: &'static str, out: &mut OutputBuffer) {
        out.push(DEAD, Some(request.via.as_bytes()), Some(code.as_bytes()), &[], None);
    }

    fn rekeyed(&mut self, event: &Event, value: &mut Vec<u8>) {
        envelope::write_event(event, value);
    }

    fn watermarks(&mut self, watermarks: &[Watermark], value: &mut Vec<u8>) {
        for watermark in watermarks {
            let line = format!("~{}|{}|{}", watermark.topic, watermark.partition, watermark.time.millis());
            value.extend_from_slice(line.as_bytes());
        }
    }
}

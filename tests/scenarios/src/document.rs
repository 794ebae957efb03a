//! A scenario file: headings, the plans and records in fences, the events and what is expected in tables.
//!
//! Invariant: everything that is not prose is understood; a table or fence of another kind, a row that is too short, a heading without a code is
//! an error with its line.

use std::fmt;

use leadstream_wire::stored::plans::Coming;

/// A row of a table: the line in the file, and its cells by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line in the file.
    pub line: usize,
    cells: Vec<(String, String)>,
}

impl Row {
    /// The text of a column; empty where the table has none of that name.
    pub fn cell(&self, column: &str) -> &str {
        self.cells.iter().find(|(name, _)| name == column).map_or("", |(_, text)| text)
    }

    /// The columns that say something, but for some.
    pub fn others<'a>(&'a self, but: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let said = self.cells.iter().filter(|(name, text)| !text.is_empty() && !but.contains(&name.as_str()));
        said.map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<&str> = self.cells.iter().map(|(_, text)| text.as_str()).collect();
        write!(f, "| {} |", cells.join(" | "))
    }
}

/// A plan, and since when it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanText {
    /// The YAML.
    pub yaml: String,
    /// `None` from the beginning; else the instant from which on the plans of that instant, together, take the place of those before.
    pub from: Option<String>,
    /// How they do.
    pub coming: Coming,
}

/// Since when a plan is in force, and how it comes, by the line before it.
fn since(prose: &str) -> (Option<String>, Coming) {
    let ends = [
        (" on:", Coming::Forward),
        (" on, the past counting anew:", Coming::Recompute { silent: false }),
        (" on, the past counting anew in silence:", Coming::Recompute { silent: true }),
    ];
    let rest = prose.strip_prefix("From ");
    let found = rest.and_then(|rest| ends.iter().find_map(|(end, coming)| Some((rest.strip_suffix(end)?, *coming))));
    found.map_or((None, Coming::Forward), |(from, coming)| (Some(from.to_owned()), coming))
}

/// One scenario.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// The file.
    pub file: String,
    /// The line of the heading.
    pub line: usize,
    /// The code that the heading begins with: R1, S44, P7.
    pub code: String,
    /// The heading behind it.
    pub title: String,
    /// The plans.
    pub plans: Vec<PlanText>,
    /// Keys of the configuration.
    pub configuration: String,
    /// Records as a source writes them, one a line; in place of `events`.
    pub records: Vec<String>,
    /// What happens, in the order of arrival.
    pub events: Vec<Row>,
    /// Expected scores and levels.
    pub scores: Vec<Row>,
    /// Expected derived events, in order; `None` where they are not looked at.
    pub told: Option<Vec<Row>>,
    /// Expected lists.
    pub lists: Vec<Row>,
    /// Expected attributes.
    pub known: Vec<Row>,
    /// Expected ledger lines.
    pub booked: Vec<Row>,
    /// Expected outcomes of records.
    pub outcomes: Vec<Row>,
    /// Why the order of arrival matters beyond what is told.
    pub not_shuffled: Option<String>,
    /// Why it cannot be run through `replay`.
    pub engine_only: Option<String>,
}

impl Scenario {
    /// Where it stands, for messages.
    pub fn place(&self) -> String {
        format!("tests/scenarios/{}:{}: {} {}", self.file, self.line, self.code, self.title)
    }

    /// How many rows say what is expected.
    pub fn expectations(&self) -> usize {
        let rows = [&self.scores, &self.lists, &self.known, &self.booked, &self.outcomes];
        rows.iter().map(|rows| rows.len()).sum::<usize>() + self.told.as_ref().map_or(0, Vec::len)
    }
}

/// A file of scenarios.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Its scenarios.
    pub scenarios: Vec<Scenario>,
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// The first thing that is not as it must be, with its line.
    pub fn read(name: &str, text: &str) -> Result<Document, String> {
        let lines: Vec<&str> = text.lines().collect();
        let mut document = Document::default();
        let mut at = 0;
        let mut prose = "";
        while at < lines.len() {
            let line = lines[at];
            let wrong = |what: &str| format!("tests/scenarios/{name}:{}: {what}", at + 1);
            if let Some(heading) = line.strip_prefix("## ") {
                document.scenarios.push(scenario(name, at + 1, heading).ok_or_else(|| {
                    wrong("a heading begins with its code, R1 for a requirement, S44 for a clause, P7 for a pitfall")
                })?);
                at += 1;
                continue;
            }
            let Some(scenario) = document.scenarios.last_mut() else {
                at += 1;
                continue;
            };
            if let Some(language) = line.strip_prefix("```") {
                let length = lines[at + 1..].iter().position(|line| *line == "```").ok_or_else(|| wrong("no end"))?;
                let content = lines[at + 1..at + 1 + length].join("\n");
                fence(scenario, language, content, prose).map_err(|what| wrong(&what))?;
                at += length + 2;
            } else if line.starts_with('|') {
                let length = lines[at..].iter().take_while(|line| line.starts_with('|')).count();
                table(scenario, &lines[at..at + length], at + 1).map_err(|what| wrong(&what))?;
                at += length;
            } else {
                sentence(scenario, line);
                if !line.is_empty() {
                    prose = line;
                }
                at += 1;
            }
        }
        for scenario in &document.scenarios {
            check(scenario).map_err(|what| format!("{}: {what}", scenario.place()))?;
        }
        Ok(document)
    }
}

fn scenario(file: &str, line: usize, heading: &str) -> Option<Scenario> {
    let (code, title) = heading.split_once(' ')?;
    let number = code.strip_prefix(['R', 'S', 'P'])?;
    number.parse::<u32>().ok()?;
    Some(Scenario {
        file: file.to_owned(),
        line,
        code: code.to_owned(),
        title: title.to_owned(),
        ..Scenario::default()
    })
}

/// What a scenario must have.
fn check(scenario: &Scenario) -> Result<(), String> {
    if scenario.plans.is_empty() {
        return Err("there is no plan: a fence of yaml that begins with `plan:`".to_owned());
    }
    if scenario.events.is_empty() && scenario.records.is_empty() {
        return Err("nothing happens: a table with the columns when, who, what, with, or a fence of json".to_owned());
    }
    if !scenario.events.is_empty() && !scenario.records.is_empty() {
        return Err("there are events and records: one of the two".to_owned());
    }
    if scenario.expectations() == 0 && scenario.told.is_none() {
        return Err("nothing is expected".to_owned());
    }
    if scenario.scores.is_empty() && scenario.told.is_none() {
        return Err("neither scores nor derived events are expected".to_owned());
    }
    if scenario.plans.iter().any(|plan| plan.from.is_some()) && scenario.engine_only.is_none() {
        return Err("plans change, which `replay` cannot: say `Only in the engine: ...`".to_owned());
    }
    Ok(())
}

fn fence(scenario: &mut Scenario, language: &str, content: String, prose: &str) -> Result<(), String> {
    match language {
        "yaml" if content.starts_with("plan:") => {
            let (from, coming) = since(prose);
            scenario.plans.push(PlanText { yaml: content + "\n", from, coming });
        }
        "yaml" => scenario.configuration = content + "\n",
        "json" => scenario.records = content.lines().map(str::to_owned).collect(),
        _ => return Err("a fence is yaml, for plans and configuration, or json, for records, one a line".to_owned()),
    }
    Ok(())
}

fn sentence(scenario: &mut Scenario, line: &str) {
    if line == "Nothing is told." {
        scenario.told = Some(Vec::new());
    }
    for (begin, place) in
        [("Not shuffled: ", &mut scenario.not_shuffled), ("Only in the engine: ", &mut scenario.engine_only)]
    {
        if let Some(reason) = line.strip_prefix(begin) {
            *place = Some(reason.to_owned());
        }
    }
}

/// The kinds of tables, by their first column, and the columns that they must have and may have.
const TABLES: &[(&str, &[&str], &[&str])] = &[
    ("when", &["who", "what"], &["with"]),
    (
        "at",
        &["who"],
        &[
            "plan",
            "score",
            "engagement",
            "fit",
            "global",
            "member",
            "qualified",
            "stage",
            "stage score",
            "band",
            "grade",
            "owner",
            "actions",
            "tags",
            "qualified since",
        ],
    ),
    (
        "told",
        &["who", "event"],
        &[
            "plan",
            "subject",
            "old",
            "new",
            "score",
            "threshold",
            "since",
            "marks",
            "reason",
            "via",
            "n",
            "seq",
            "id",
            "cause",
            "rule",
            "corrects",
            "emit",
            "data",
            "contributions",
        ],
    ),
    ("list", &["contacts"], &[]),
    ("known", &["who", "value"], &["from", "since"]),
    ("booked", &["who", "rule", "points"], &["plan", "event", "raw", "less by", "by", "why"]),
    ("outcome", &["how many"], &[]),
];

fn table(scenario: &mut Scenario, lines: &[&str], first: usize) -> Result<(), String> {
    let header = cells(lines[0]);
    let kind = header.first().map_or("", String::as_str);
    let (_, needed, optional) = TABLES
        .iter()
        .find(|(name, ..)| *name == kind)
        .ok_or_else(|| format!("a table cannot begin with the column {kind:?}"))?;
    if let Some(missing) = needed.iter().find(|name| !header.contains(&(**name).to_owned())) {
        return Err(format!("the table has no column {missing:?}"));
    }
    let known =
        |name: &str| needed.contains(&name) || optional.contains(&name) || (kind == "at" && name.starts_with("tag:"));
    if let Some(other) = header.iter().skip(1).find(|name| !known(name)) {
        return Err(format!("the table cannot have a column {other:?}"));
    }
    if lines.len() < 3 {
        return Err("the table is empty".to_owned());
    }
    let mut rows = Vec::new();
    for (place, line) in lines.iter().enumerate().skip(2) {
        let cells = cells(line);
        if cells.len() != header.len() {
            return Err(format!("line {} has {} cells, the header {}", first + place, cells.len(), header.len()));
        }
        rows.push(Row { line: first + place, cells: header.iter().cloned().zip(cells).collect() });
    }
    match kind {
        "when" => scenario.events.extend(rows),
        "at" => scenario.scores.extend(rows),
        "told" => scenario.told.get_or_insert_default().extend(rows),
        "list" => scenario.lists.extend(rows),
        "known" => scenario.known.extend(rows),
        "booked" => scenario.booked.extend(rows),
        _ => scenario.outcomes.extend(rows),
    }
    Ok(())
}

/// The cells of a line, without backticks around a whole one. A bar inside is written as `\|`.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|').replace("\\|", "\u{1}");
    let text = |cell: &str| {
        let cell = cell.trim();
        let bare = cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).filter(|bare| !bare.contains('`'));
        bare.unwrap_or(cell).replace('\u{1}', "|")
    };
    inner.split('|').map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "# A file\n\n## R1 A title\n\nA story.\n\n```yaml\nplan: cars\n```\n\n| when | who | what | with |\n|---|---|---|---|\n\
                         | d0 | c1 | page_viewed | path: /a |\n\n| at | who | score |\n|---|---|---|\n| d0 | c1 | `10` |\n";

    #[test]
    fn a_scenario_has_its_code_its_plan_its_events_and_what_is_expected() {
        let read = Document::read("a.md", SOUND).expect("it is sound");
        let scenario = &read.scenarios[0];
        assert_eq!((scenario.code.as_str(), scenario.title.as_str(), scenario.line), ("R1", "A title", 3));
        assert_eq!(scenario.plans[0].yaml, "plan: cars\n");
        assert_eq!((scenario.events[0].cell("with"), scenario.scores[0].cell("score")), ("path: /a", "10"));
        assert_eq!(scenario.scores[0].line, 17);
        assert!(scenario.told.is_none());
        let silent = Document::read("a.md", &format!("{SOUND}\nNothing is told.\n")).expect("it is sound");
        assert_eq!(silent.scenarios[0].told, Some(Vec::new()));
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_line() {
        for (was, is, what) in [
            ("## R1 A title", "## A title", "a.md:3: a heading begins with its code"),
            ("plan: cars", "sources: []", "a.md:3: R1 A title: there is no plan"),
            ("| d0 | c1 | page_viewed | path: /a |\n", "", "a.md:11: the table is empty"),
            ("| d0 | c1 | `10` |\n", "", "a.md:15: the table is empty"),
            ("| at | who | score |", "| at | who | points |", "a.md:15: the table cannot have a column \"points\""),
            ("| at | who | score |", "| at | whose | score |", "a.md:15: the table has no column \"who\""),
            (
                "| at | who | score |\n|---|---|---|\n| d0 | c1 | `10` |\n",
                "",
                "a.md:3: R1 A title: nothing is expected",
            ),
            ("| at |", "| then |", "a table cannot begin with the column \"then\""),
            ("| d0 | c1 | `10` |", "| d0 | c1 |", "line 17 has 2 cells, the header 3"),
            ("```yaml", "```toml", "a.md:7: a fence is yaml"),
        ] {
            let text = SOUND.replace(was, is);
            assert!(text != SOUND, "{was}");
            let problem = Document::read("a.md", &text).expect_err(what);
            assert!(problem.contains(what), "{problem}");
        }
    }
}

//! What is wrong with an expression, found before any record is there: its spelling, the names it uses, and values of a kind that cannot be meant.
//!
//! A record's fields may be anything, so only what no record could make right is a mistake: `skip_when: "'yes'"`, `'a' * 2`, `size(5)`. Each
//! mistake has its place in the expression's text.

use std::ops::Range;

use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, SourceInfo, operators};
use cel::parser::ParseErrors;
use cel::{IdedExpr, Program};

use super::kinds::{Function, Kinds, closest_function, function};
use crate::format::FormatProblem;

/// What the value of an expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The contact's id.
    Contact,
    /// The event's type.
    Type,
    /// The event's id.
    Id,
    /// A time of the event.
    Time,
    /// Who caused the event.
    Verdict,
    /// Whether the record is left out.
    SkipWhen,
    /// The object whose members become properties.
    AllProperties,
    /// A property.
    Property,
    /// Whether the contact has a tag.
    Tag,
}

impl Purpose {
    /// The kinds that can serve, and how a person calls them.
    fn wanted(self) -> (Kinds, &'static str) {
        match self {
            Purpose::Contact | Purpose::Id => (Kinds::TEXT | Kinds::NUMBER, "a text or a number"),
            Purpose::Type => (Kinds::TEXT, "a text"),
            Purpose::Time => (Kinds::TEXT | Kinds::NUMBER, "a text or a number"),
            Purpose::Verdict => (Kinds::TEXT | Kinds::BOOL, "a text (human, suspect or machine) or true for a machine"),
            Purpose::SkipWhen | Purpose::Tag => (Kinds::BOOL, "true or false"),
            Purpose::AllProperties => (Kinds::MAP, "`record` or a field of it"),
            Purpose::Property => (Kinds::TEXT | Kinds::NUMBER | Kinds::BOOL, "a text, a number or a truth value"),
        }
    }
}

/// Everything that is wrong with an expression, in the order of the places; `field` is the path that the problems are given.
pub fn check_expression(field: &str, text: &str, purpose: Purpose) -> Vec<FormatProblem> {
    match Program::compile(text) {
        Ok(program) => {
            let mut checker =
                Checker { field, text, places: program.source_info(), purpose, bound: Vec::new(), found: Vec::new() };
            checker.whole(program.expression());
            let mut found = checker.found;
            found.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
            found
        }
        Err(errors) => vec![misspelt(field, text, &errors)],
    }
}

/// The first error of the parser: those behind it follow from it more often than not.
fn misspelt(field: &str, text: &str, errors: &ParseErrors) -> FormatProblem {
    let (place, message) = match errors.errors.first() {
        Some(error) => (offset(text, error.pos), error.msg.as_str()),
        None => (text.len(), ""),
    };
    let message = message.trim_start_matches("Syntax error: ");
    let message = message.split(" expecting ").next().unwrap_or(message);
    let message = match message.contains("<EOF>") {
        true => "the expression ends too early".to_owned(),
        false => format!("not a CEL expression: {}", message.lines().next().unwrap_or("it cannot be read")),
    };
    let end = text[place..].chars().next().map_or(place, |first| place + first.len_utf8());
    let problem = FormatProblem::new(field, message).at(place..end);
    match spelling_advice(text) {
        Some(advice) => problem.hint(advice),
        None => problem,
    }
}

/// What people write who know other languages.
fn spelling_advice(text: &str) -> Option<&'static str> {
    let outside = outside_quotes(text);
    let words = || outside.split(|other: char| !other.is_ascii_alphanumeric() && other != '_');
    let single_equals = outside.replace("==", "").replace("!=", "").replace("<=", "").replace(">=", "").contains('=');
    if outside.contains(['“', '”', '„', '‘', '’', '«', '»']) {
        Some("write texts in straight quotes: 'text'")
    } else if single_equals {
        Some("write == to compare")
    } else if words().any(|word| word == "and") {
        Some("write && for \"and\"")
    } else if words().any(|word| word == "or") {
        Some("write || for \"or\"")
    } else if words().any(|word| word == "not") {
        Some("write ! for \"not\"")
    } else {
        None
    }
}

/// The text without what stands in quotes.
fn outside_quotes(text: &str) -> String {
    let mut open = None;
    text.chars()
        .filter(|character| match open {
            Some(quote) if *character == quote => {
                open = None;
                false
            }
            Some(_) => false,
            None if matches!(character, '\'' | '"') => {
                open = Some(*character);
                false
            }
            None => true,
        })
        .collect()
}

/// The byte of a line from 1 and a column in characters from 1; a place that is none is the end.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let (Ok(line), Ok(column)) = (usize::try_from(line), usize::try_from(column)) else { return text.len() };
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(before..).unwrap_or_default();
    before + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

struct Checker<'a> {
    field: &'a str,
    text: &'a str,
    places: &'a SourceInfo,
    purpose: Purpose,
    /// What macros such as `exists` bind.
    bound: Vec<String>,
    found: Vec<FormatProblem>,
}

impl Checker<'_> {
    fn whole(&mut self, expression: &IdedExpr) {
        let (wanted, words) = self.purpose.wanted();
        if self.purpose == Purpose::AllProperties && super::path_of(&expression.expr).is_none() {
            let kinds = self.kinds(expression);
            if self.found.is_empty() {
                let hint =
                    format!("it says which object's members become properties, and this is {}", kinds.describe());
                self.report(expression, format!("`{}` is not {words}", self.written(expression)), Some(hint));
            }
            return;
        }
        self.result(expression, wanted, words, false);
    }

    /// Looks at what an expression results in, and into both branches of a choice.
    fn result(&mut self, expression: &IdedExpr, wanted: Kinds, words: &str, is_branch: bool) {
        if let Expr::Call(call) = &expression.expr
            && call.func_name == operators::CONDITIONAL
            && let [condition, first, second] = call.args.as_slice()
        {
            self.want(condition, Kinds::BOOL, "true or false");
            self.result(first, wanted, words, true);
            self.result(second, wanted, words, true);
            return;
        }
        let before = self.found.len();
        let kinds = self.kinds(expression);
        // A branch that gives nothing leaves the field out, which may well be meant.
        if self.found.len() > before || (is_branch && kinds == Kinds::NULL) {
            return;
        }
        if !kinds.meets(wanted) {
            let message = format!("this is {} where there must be {words}", kinds.describe());
            let hint =
                (wanted == Kinds::BOOL).then(|| "compare it with something, as in record.status == 'test'".to_owned());
            self.report(expression, message, hint);
        } else if let (Purpose::Verdict, Expr::Literal(LiteralValue::String(word))) = (self.purpose, &expression.expr)
            && !["human", "suspect", "machine", ""].contains(&word.inner())
        {
            self.report(
                expression,
                format!("{:?} is no verdict; allowed are human, suspect and machine", word.inner()),
                None,
            );
        }
    }

    /// The kinds that an expression may result in; what is wrong inside it is reported, and anything may come of that.
    fn kinds(&mut self, expression: &IdedExpr) -> Kinds {
        match &expression.expr {
            Expr::Literal(literal) => Kinds::of_literal(literal),
            Expr::Ident(name) => self.name(expression, name),
            Expr::Select(select) => {
                self.want(&select.operand, Kinds::MAP, "something with fields");
                if select.test { Kinds::BOOL } else { Kinds::ANY }
            }
            Expr::List(list) => {
                list.elements.iter().for_each(|element| {
                    self.kinds(element);
                });
                Kinds::LIST
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    match &entry.expr {
                        EntryExpr::MapEntry(entry) => {
                            self.kinds(&entry.key);
                            self.kinds(&entry.value);
                        }
                        EntryExpr::StructField(field) => {
                            self.kinds(&field.value);
                        }
                    }
                }
                Kinds::MAP
            }
            Expr::Comprehension(macro_call) => {
                self.want(&macro_call.iter_range, Kinds::LIST | Kinds::MAP, "a list or an object");
                let outer = self.bound.len();
                self.bound.extend([macro_call.iter_var.clone(), macro_call.accu_var.clone()]);
                self.bound.extend(macro_call.iter_var2.clone());
                self.kinds(&macro_call.loop_cond);
                self.kinds(&macro_call.loop_step);
                self.bound.truncate(outer);
                // map() and filter() gather a list; all the others answer yes or no.
                if matches!(macro_call.accu_init.expr, Expr::List(_)) { Kinds::LIST } else { Kinds::BOOL }
            }
            Expr::Call(call) => self.call(expression, call),
            Expr::Struct(_) | Expr::Unspecified => {
                self.report(expression, "an expression cannot build messages", None);
                Kinds::ANY
            }
        }
    }

    fn name(&mut self, expression: &IdedExpr, name: &str) -> Kinds {
        match name {
            _ if self.bound.iter().any(|bound| bound == name) => Kinds::ANY,
            "record" => Kinds::MAP,
            "key" => Kinds::TEXT | Kinds::NULL,
            "topic" => Kinds::TEXT,
            "line" => Kinds::NUMBER | Kinds::NULL,
            _ => {
                let message = format!("`{name}` is not known here; an expression can name record, key, topic and line");
                let hint = match super::closest_input(name) {
                    Some(close) => format!("did you mean {close}?"),
                    None => format!("a field of the record is record.{name}, the text itself is \"'{name}'\""),
                };
                self.report(expression, message, Some(hint));
                Kinds::ANY
            }
        }
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Kinds {
        use operators as op;
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, operands) => {
                operands.iter().for_each(|operand| self.want(operand, Kinds::BOOL, "true or false"));
                Kinds::BOOL
            }
            (op::CONDITIONAL, [condition, first, second]) => {
                self.want(condition, Kinds::BOOL, "true or false");
                self.kinds(first) | self.kinds(second)
            }
            (op::ADD, [left, right]) => {
                let summable = Kinds::TEXT | Kinds::NUMBER | Kinds::LIST | Kinds::BYTES;
                self.alike(expression, left, right, summable, "be added")
            }
            (op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO | op::NEGATE, operands) => {
                operands.iter().for_each(|operand| self.want(operand, Kinds::NUMBER, "a number"));
                Kinds::NUMBER
            }
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [left, right]) => {
                let ordered = Kinds::TEXT | Kinds::NUMBER | Kinds::BOOL | Kinds::BYTES;
                self.alike(expression, left, right, ordered, "be compared");
                Kinds::BOOL
            }
            (op::EQUALS | op::NOT_EQUALS, [left, right]) => {
                let is_null = |operand: &IdedExpr| matches!(operand.expr, Expr::Literal(LiteralValue::Null));
                if is_null(left) || is_null(right) {
                    self.kinds(left);
                    self.kinds(right);
                } else {
                    self.alike(expression, left, right, Kinds::ANY, "ever be equal");
                }
                Kinds::BOOL
            }
            (op::IN, [element, of]) => {
                self.kinds(element);
                self.want(of, Kinds::LIST | Kinds::MAP, "a list or an object");
                Kinds::BOOL
            }
            (op::INDEX, [of, index]) => {
                self.want(of, Kinds::LIST | Kinds::MAP, "a list or an object");
                self.kinds(index);
                Kinds::ANY
            }
            (name, _) => self.function(expression, call, name),
        }
    }

    fn function(&mut self, expression: &IdedExpr, call: &CallExpr, name: &str) -> Kinds {
        let operands: Vec<&IdedExpr> = call.target.iter().map(|target| &**target).chain(&call.args).collect();
        let Some(Function { forms, operand, words, result }) = function(name) else {
            let hint = closest_function(name).map(|close| format!("did you mean {close}()?"));
            self.report(expression, format!("there is no function {name}()"), hint);
            operands.iter().for_each(|operand| {
                self.kinds(operand);
            });
            return Kinds::ANY;
        };
        let given = (call.target.is_some(), call.args.len());
        if !forms.iter().any(|form| form.shape == given) {
            let spellings: Vec<&str> = forms.iter().map(|form| form.spelling).collect();
            self.report(
                expression,
                format!("{name}() is not used like this"),
                Some(format!("write {}", spellings.join(" or "))),
            );
            return *result;
        }
        operands.iter().for_each(|given| self.want(given, *operand, words));
        *result
    }

    /// Two operands of which both must be of one kind; answers which it can be.
    fn alike(
        &mut self,
        expression: &IdedExpr,
        left: &IdedExpr,
        right: &IdedExpr,
        allowed: Kinds,
        doing: &str,
    ) -> Kinds {
        let before = self.found.len();
        let (first, second) = (self.kinds(left), self.kinds(right));
        let common = first & second & allowed;
        if !common.is_empty() || self.found.len() > before {
            return if common.is_empty() { Kinds::ANY } else { common };
        }
        let message = format!("{} and {} cannot {doing}", first.describe(), second.describe());
        let mixes_text = (first | second).meets(Kinds::TEXT) && (first | second).meets(Kinds::NUMBER);
        let hint =
            mixes_text.then(|| "string(...) makes a text of a number, double(...) a number of a text".to_owned());
        self.report(expression, message, hint);
        Kinds::ANY
    }

    /// An operand that must be of a kind.
    fn want(&mut self, operand: &IdedExpr, wanted: Kinds, words: &str) {
        let before = self.found.len();
        let kinds = self.kinds(operand);
        if self.found.len() == before && !kinds.meets(wanted) {
            self.report(operand, format!("this is {} where there must be {words}", kinds.describe()), None);
        }
    }

    fn report(&mut self, expression: &IdedExpr, message: impl Into<String>, hint: Option<String>) {
        let problem = FormatProblem::new(self.field, message).at(self.span(expression));
        self.found.push(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }

    fn written(&self, expression: &IdedExpr) -> &str {
        self.text.get(self.span(expression)).unwrap_or(self.text)
    }

    /// The bytes of an expression: the parser knows one token of each node, and the rest is between those of its parts.
    fn span(&self, expression: &IdedExpr) -> Range<usize> {
        let mut span: Option<Range<usize>> = None;
        self.widen(expression, &mut span);
        let Some(mut span) = span else { return 0..self.text.len() };
        // The bracket that closes a call is no token of any node.
        let depth = |span: &Range<usize>| {
            let outside = outside_quotes(&self.text[span.clone()]);
            let count = |brackets: [char; 2]| outside.matches(brackets).count();
            count(['(', '[']).saturating_sub(count([')', ']']))
        };
        while depth(&span) > 0
            && let Some(at) = self.text[span.end..].find([')', ']'])
        {
            span.end += at + 1;
        }
        span
    }

    fn widen(&self, expression: &IdedExpr, span: &mut Option<Range<usize>>) {
        if let Some((start, stop)) = self.places.offset_for(expression.id) {
            let start = self.text.floor_char_boundary(start as usize);
            let end = self.text.ceil_char_boundary(stop as usize + 1).max(start);
            *span = Some(match span.take() {
                Some(known) => known.start.min(start)..known.end.max(end),
                None => start..end,
            });
        }
        match &expression.expr {
            Expr::Select(select) => self.widen(&select.operand, span),
            Expr::Call(call) => {
                call.target.iter().map(|target| &**target).chain(&call.args).for_each(|part| self.widen(part, span));
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.widen(element, span)),
            Expr::Comprehension(macro_call) => self.widen(&macro_call.iter_range, span),
            _ => {}
        }
        // The name of a function is no node: it stands before its bracket.
        if let (Expr::Call(call), Some(span)) = (&expression.expr, &mut *span)
            && self.text[..span.start].trim_end().ends_with(&call.func_name)
        {
            span.start = self.text[..span.start].trim_end().len() - call.func_name.len();
        }
        // Nor is a field's: it follows the dot.
        if let (Expr::Select(select), Some(span)) = (&expression.expr, span)
            && self.text[span.end..].trim_start().starts_with(&select.field)
        {
            let blank = self.text[span.end..].len() - self.text[span.end..].trim_start().len();
            span.end += blank + select.field.len();
        }
    }
}

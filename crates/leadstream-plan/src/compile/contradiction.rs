//! Conditions that can never be true, and conditions that another one implies.
//!
//! Owns a prover that is never wrong where it says yes and often silent: it takes a condition apart into tests of single values and looks for
//! two that exclude each other. What it does not understand it takes for possible. An error counts as not true (S9), so a test that reads a
//! field holds only where the field is there.

use leadstream_core::expr::{Comparison, Expr, Literal, TextTest};

/// How many parts are looked at before a condition is taken for possible.
const STEPS_MAX: u32 = 2_000;

/// Whether no event and no contact makes all of these conditions true together.
pub(super) fn never_all_true(conditions: &[&Expr]) -> bool {
    Search::default().fails(conditions.iter().map(|condition| (*condition, true)).collect(), Vec::new())
}

/// Whether the second condition is true wherever the first one is.
pub(super) fn implies(first: &Expr, second: &Expr) -> bool {
    first == second || Search::default().fails(vec![(first, true), (second, false)], Vec::new())
}

/// A part of a condition, and the value that it must have.
type Goal<'e> = (&'e Expr, bool);

/// What one value must be.
#[derive(Clone, Debug)]
struct Fact<'e> {
    of: &'e Expr,
    test: Test<'e>,
}

/// A test of one value.
#[derive(Clone, Copy, Debug)]
enum Test<'e> {
    /// Equal, or not equal, to one of these.
    In(&'e [Literal], bool),
    /// At or above a number; strictly above where it says so.
    From(f64, bool),
    /// At or below a number; strictly below where it says so.
    To(f64, bool),
    /// A test of a text, or the opposite.
    Text(TextTest, &'e str, bool),
    /// True or false.
    Is(bool),
}

#[derive(Default)]
struct Search {
    steps: u32,
}

impl Search {
    /// Whether the goals contradict each other or the facts.
    fn fails<'e>(&mut self, mut goals: Vec<Goal<'e>>, mut facts: Vec<Fact<'e>>) -> bool {
        let mut choices: Vec<(Goal<'e>, &'e [Expr])> = Vec::new();
        while let Some((goal, wanted)) = goals.pop() {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return false;
            }
            match (goal, wanted) {
                (Expr::Not(part), _) => goals.push((part, !wanted)),
                (Expr::And(parts), true) | (Expr::Or(parts), false) => {
                    goals.extend(parts.iter().map(|part| (part, wanted)));
                }
                (Expr::And(parts), false) | (Expr::Or(parts), true) => choices.push(((goal, wanted), parts)),
                (Expr::Literal(Literal::Bool(value)), _) if *value != wanted => return true,
                (Expr::Literal(_), _) => {}
                _ => {
                    let fact = fact(goal, wanted);
                    if facts.iter().any(|known| excludes(known, &fact)) {
                        return true;
                    }
                    facts.push(fact);
                }
            }
        }
        let Some(((_, wanted), parts)) = choices.pop() else { return false };
        // Whichever way is chosen, the choices that are still open remain.
        parts.iter().all(|part| {
            let open = choices.iter().map(|(goal, _)| *goal);
            self.fails(open.chain([(part, wanted)]).collect(), facts.clone())
        })
    }
}

/// What a part says about one value.
fn fact<'e>(part: &'e Expr, wanted: bool) -> Fact<'e> {
    let opaque = Fact { of: part, test: Test::Is(wanted) };
    match part {
        Expr::Compare(comparison, operands) => match operands.as_ref() {
            [of, Expr::Literal(literal)] => compared(of, *comparison, literal, wanted).unwrap_or(opaque),
            [Expr::Literal(literal), of] => compared(of, turned(*comparison), literal, wanted).unwrap_or(opaque),
            _ => opaque,
        },
        Expr::InList(of, list) => Fact { of, test: Test::In(list, wanted) },
        Expr::Text(test, operands) => match operands.as_ref() {
            [of, Expr::Literal(Literal::Text(text))] => Fact { of, test: Test::Text(*test, text, wanted) },
            _ => opaque,
        },
        _ => opaque,
    }
}

fn compared<'e>(of: &'e Expr, comparison: Comparison, literal: &'e Literal, wanted: bool) -> Option<Fact<'e>> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let test = match (comparison, literal) {
        (Equal | NotEqual, Literal::Bool(value)) => Test::Is(*value == (wanted == (comparison == Equal))),
        (Equal | NotEqual, _) => Test::In(std::slice::from_ref(literal), wanted == (comparison == Equal)),
        (_, Literal::Number(number)) => match (comparison, wanted) {
            (Less, true) | (GreaterOrEqual, false) => Test::To(*number, true),
            (LessOrEqual, true) | (Greater, false) => Test::To(*number, false),
            (Greater, true) | (LessOrEqual, false) => Test::From(*number, true),
            _ => Test::From(*number, false),
        },
        _ => return None,
    };
    Some(Fact { of, test })
}

/// The comparison with its sides exchanged.
fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        Comparison::Equal | Comparison::NotEqual => comparison,
    }
}

/// Whether two facts cannot both hold.
fn excludes(one: &Fact<'_>, other: &Fact<'_>) -> bool {
    if needs_what_is_absent(one, other) || needs_what_is_absent(other, one) {
        return true;
    }
    one.of == other.of && (excludes_test(one.test, other.test) || excludes_test(other.test, one.test))
}

/// Whether the first says that a field is absent that the second reads: reading it is an error, and an error is not true.
fn needs_what_is_absent(absent: &Fact<'_>, reads: &Fact<'_>) -> bool {
    if !matches!(absent.test, Test::Is(false)) {
        return false;
    }
    let mut of = reads.of;
    while let Expr::Lower(inner)
    | Expr::Size(inner)
    | Expr::ToNumber(inner)
    | Expr::ToWhole(inner)
    | Expr::ToText(inner) = of
    {
        of = inner;
    }
    match (absent.of, of) {
        (Expr::HasEvent(absent), Expr::Event(read)) | (Expr::HasContact(absent), Expr::Contact(read)) => absent == read,
        _ => false,
    }
}

fn excludes_test(one: Test<'_>, other: Test<'_>) -> bool {
    match (one, other) {
        (Test::Is(one), Test::Is(other)) => one != other,
        (Test::In(list, true), other) => list.iter().all(|literal| holds(literal, other) == Some(false)),
        (Test::From(from, strictly_above), Test::To(to, strictly_below)) => {
            from > to || (from == to && (strictly_above || strictly_below))
        }
        (Test::Text(test, text, true), Test::Text(other_test, other_text, wanted)) => {
            text_excludes((test, text), (other_test, other_text), wanted)
        }
        _ => false,
    }
}

/// Whether a text that passes the first test cannot have the second outcome.
fn text_excludes((test, text): (TextTest, &str), (other, other_text): (TextTest, &str), wanted: bool) -> bool {
    use TextTest::{Contains, EndsWith, StartsWith};
    match (test, other, wanted) {
        (StartsWith, StartsWith, true) => !text.starts_with(other_text) && !other_text.starts_with(text),
        (EndsWith, EndsWith, true) => !text.ends_with(other_text) && !other_text.ends_with(text),
        (StartsWith, StartsWith, false) => text.starts_with(other_text),
        (EndsWith, EndsWith, false) => text.ends_with(other_text),
        (_, Contains, false) => text.contains(other_text),
        _ => false,
    }
}

/// Whether a value passes a test; `None` where the test has no answer for it.
fn holds(literal: &Literal, test: Test<'_>) -> Option<bool> {
    match (literal, test) {
        (_, Test::In(list, wanted)) => Some(list.contains(literal) == wanted),
        (Literal::Number(number), Test::From(from, strictly)) => Some(*number > from || (*number == from && !strictly)),
        (Literal::Number(number), Test::To(to, strictly)) => Some(*number < to || (*number == to && !strictly)),
        (Literal::Text(value), Test::Text(test, text, wanted)) => {
            let passes = match test {
                TextTest::StartsWith => value.starts_with(text),
                TextTest::EndsWith => value.ends_with(text),
                TextTest::Contains => value.contains(text),
            };
            Some(passes == wanted)
        }
        (Literal::Bool(value), Test::Is(wanted)) => Some(*value == wanted),
        _ => None,
    }
}

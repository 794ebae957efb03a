//! What is said about expressions before any record is there: nothing where a record could make them right.

use super::check::{Purpose, check_expression};
use super::kinds::spellings;
use super::{Expression, Inputs, Outcome};

/// What is said about an expression: the text underlined, the message, and the hint behind a slash.
#[track_caller]
fn told(text: &str, purpose: Purpose) -> String {
    let found = check_expression("f", text, purpose);
    let lines: Vec<String> = found
        .iter()
        .map(|problem| {
            let hint = problem.hint.as_deref().map(|hint| format!(" / {hint}")).unwrap_or_default();
            format!("[{}] {}{hint}", &text[problem.span.clone().unwrap()], problem.problem)
        })
        .collect();
    lines.join("\n")
}

#[test]
fn what_records_could_make_right_is_no_mistake() {
    for (text, purpose) in [
        ("record.id", Purpose::Contact),
        ("string(record['customer id'])", Purpose::Contact),
        ("key", Purpose::Contact),
        ("'order_' + record.kind", Purpose::Type),
        ("record.a ? 'x' : record.b", Purpose::Type),
        ("record.kind == 'a' ? 'suspect' : null", Purpose::Verdict),
        ("record.bot", Purpose::Verdict),
        ("record.bot == true", Purpose::Verdict),
        ("record.status in ['test', 'draft'] || !has(record.id)", Purpose::SkipWhen),
        ("record.items.exists(i, i.sku.startsWith('T'))", Purpose::SkipWhen),
        ("record.items.map(i, i.price).size() > 2 && size(record) < 3", Purpose::SkipWhen),
        ("record.total * 1.19 - double(record.discount)", Purpose::Property),
        ("line", Purpose::Id),
        ("record.data", Purpose::AllProperties),
        ("record", Purpose::AllProperties),
        ("record.code.matches('^C') == (topic == 't')", Purpose::Tag),
        ("record.x == null || key != null", Purpose::SkipWhen),
    ] {
        assert_eq!(told(text, purpose), "", "{text}");
    }
}

#[test]
fn a_result_of_a_kind_that_cannot_serve_is_told() {
    let compare = "/ compare it with something, as in record.status == 'test'";
    for (text, purpose, expected) in [
        ("'yes'", Purpose::SkipWhen, format!("['yes'] this is a text where there must be true or false {compare}")),
        ("record.n + 1", Purpose::SkipWhen, format!("[record.n + 1] this is a number where there must be true or false {compare}")),
        ("record.n > 1", Purpose::Contact, "[record.n > 1] this is a truth value where there must be a text or a number".into()),
        ("7", Purpose::Type, "[7] this is a number where there must be a text".into()),
        ("record", Purpose::Property, "[record] this is an object where there must be a text, a number or a truth value".into()),
        ("record.a ? 'human' : 'robot'", Purpose::Verdict, "['robot'] \"robot\" is no verdict; allowed are human, suspect and machine".into()),
        ("record.a ? 1 : 'human'", Purpose::Verdict, "[1] this is a number where there must be a text (human, suspect or machine) or true for a machine".into()),
        ("record.a + 'x'", Purpose::AllProperties, "[record.a + 'x'] `record.a + 'x'` is not `record` or a field of it / it says which object's members become properties, and this is a text".into()),
    ] {
        assert_eq!(told(text, purpose), expected, "{text}");
    }
}

#[test]
fn operands_that_no_record_can_make_right_are_told_where_they_stand_s59() {
    for (text, expected) in [
        ("record.a == 1 && 'x'", "['x'] this is a text where there must be true or false"),
        ("'a' * 2 > 1", "['a'] this is a text where there must be a number"),
        ("'ą' + 'b' == 'x' && size(5) > 1", "[5] this is a number where there must be a text, a list or an object"),
        (
            "topic == 5",
            "[topic == 5] a text and a number cannot ever be equal / string(...) makes a text of a number, double(...) a number of a text",
        ),
        (
            "topic + 1 == 'x'",
            "[topic + 1] a text and a number cannot be added / string(...) makes a text of a number, double(...) a number of a text",
        ),
        ("topic.name == 'x'", "[topic] this is a text where there must be something with fields"),
        ("len(record.x) > 1", "[len(record.x)] there is no function len() / did you mean size()?"),
        (
            "record.x.startswith('a')",
            "[record.x.startswith('a')] there is no function startswith() / did you mean startsWith()?",
        ),
        (
            "size(record.x, 2) > 1",
            "[size(record.x, 2)] size() is not used like this / write size(record.items) or record.items.size()",
        ),
        (
            "recrod.x == 1",
            "[recrod] `recrod` is not known here; an expression can name record, key, topic and line / did you mean record?",
        ),
        (
            "status == 1",
            "[status] `status` is not known here; an expression can name record, key, topic and line / a field of the record is record.status, the text itself is \"'status'\"",
        ),
        (
            "a == 1 || b == 2",
            "[a] `a` is not known here; an expression can name record, key, topic and line / a field of the record is record.a, the text itself is \"'a'\"\n[b] `b` is not known here; an expression can name record, key, topic and line / a field of the record is record.b, the text itself is \"'b'\"",
        ),
    ] {
        assert_eq!(told(text, Purpose::SkipWhen), expected, "{text}");
    }
}

#[test]
fn misspelt_expressions_are_told_at_their_first_mistake() {
    for (text, place, hint) in [
        ("record.a = 1", "=", Some("write == to compare")),
        ("record.a == 1 and record.b", "a", Some("write && for \"and\"")),
        ("'ąć' + record.a = 1", "=", Some("write == to compare")),
        ("record.", "", None),
        ("1 +", "", None),
        ("record.a == “x”", "“", Some("write texts in straight quotes: 'text'")),
        ("", "", None),
    ] {
        let found = check_expression("f", text, Purpose::SkipWhen);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(&text[found[0].span.clone().unwrap()], place, "{text}: {found:?}");
        assert_eq!(found[0].hint.as_deref(), hint, "{text}");
    }
}

#[test]
fn every_function_that_is_let_through_is_one_the_interpreter_has() {
    let record = serde_json::json!({"items": [1], "id": "7", "total": 1.5, "active": true, "name": "a", "url": "/cars", "code": "C1"});
    for spelling in spellings() {
        let expression = Expression::compile(spelling).unwrap();
        let inputs = Inputs { record: &record, key: None, topic: "t", line: None };
        let outcome = expression.evaluate(&inputs);
        assert!(matches!(outcome, Outcome::Value(_)), "{spelling}: {outcome:?}");
    }
}

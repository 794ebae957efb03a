//! Why an expression failed over a record, in words that never quote the record: the interpreter's own messages do.

use cel::{ExecutionError, Value};

/// What went wrong, with the kinds of the values that were there.
pub(super) fn in_words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function was given {actual} arguments and takes {expected}")
        }
        ExecutionError::UnsupportedTargetType { target } => format!("a function does not take {}", kind(target)),
        ExecutionError::NotSupportedAsMethod { method, target } => format!("{} has no `{method}`", kind(target)),
        ExecutionError::UnsupportedKeyType(key) => format!("{} cannot be a key", kind(key)),
        ExecutionError::NoSuchOverload(overload) => overload.to_string(),
        ExecutionError::UndeclaredReference(name) => format!("`{name}` is not known here"),
        ExecutionError::ValuesNotComparable(one, other) => {
            format!("{} cannot be compared with {}", kind(one), kind(other))
        }
        ExecutionError::UnsupportedBinaryOperator(operator, one, other) => {
            format!("`{operator}` does not take {} and {}", kind(one), kind(other))
        }
        ExecutionError::UnsupportedIndex(index, of) => format!("{} is no place in {}", kind(index), kind(of)),
        ExecutionError::IndexOutOfBounds(_) => "a list has no such place".to_owned(),
        ExecutionError::FunctionError { function, .. } => format!("`{function}` cannot take the value it was given"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "a division by zero".to_owned(),
        ExecutionError::Overflow(operator, ..) => format!("`{operator}` gives a number that is too large"),
        ExecutionError::DuplicateKey(_) => "a map with one key twice".to_owned(),
        _ => "the expression cannot be evaluated over this record".to_owned(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Float(_) => "a number",
        Value::Int(_) | Value::UInt(_) => "a whole number",
        Value::String(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "an object",
        _ => "a value of another kind",
    }
}

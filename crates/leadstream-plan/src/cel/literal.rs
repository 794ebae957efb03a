//! Literals of a condition: numbers, and texts with CEL's quotes and escapes.

use super::lexer::{Mistake, Word};

/// 2^53: whole numbers up to here are themselves in binary64.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The length of `b`, `r` or `br`, in any case, before a quote; nothing where no quoted literal begins.
pub(crate) fn prefix_length(text: &str) -> Option<usize> {
    let is_bytes = text.starts_with(['b', 'B']);
    let is_raw = text[usize::from(is_bytes)..].starts_with(['r', 'R']);
    let length = usize::from(is_bytes) + usize::from(is_raw);
    text[length..].starts_with(['"', '\'']).then_some(length)
}

/// The number at `at`, and its length.
pub(crate) fn number(text: &str, at: usize) -> Result<(Word, usize), Mistake> {
    let rest = &text[at..];
    let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
    let hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    let mut length;
    let mut is_whole = true;
    let value = if hexadecimal {
        length = 2 + rest[2..].bytes().take_while(u8::is_ascii_hexdigit).count();
        u64::from_str_radix(&rest[2..length], 16).ok().map(|number| number as f64)
    } else {
        length = digits(0);
        if rest[length..].starts_with('.') && digits(length + 1) > 0 {
            length += 1 + digits(length + 1);
            is_whole = false;
        }
        if rest[length..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
            if digits(length + 1 + sign) > 0 {
                length += 1 + sign + digits(length + 1 + sign);
                is_whole = false;
            }
        }
        rest[..length].parse::<f64>().ok()
    };
    if is_whole && rest[length..].starts_with(['u', 'U']) {
        length += 1;
    }
    let span = at..at + length;
    if rest[length..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_') {
        let end = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
        return Err(Mistake::new(at..at + end, format!("`{}` is neither a number nor a name", &rest[..end]))
            .help("write a span of time as a text, as in count(\"page_viewed\", \"7d\")"));
    }
    match value {
        Some(value) if value.is_finite() && !(is_whole && value > WHOLE_MAX) => Ok((Word::Number(value), length)),
        _ => Err(Mistake::new(span, format!("the number `{}` is too large to be exact", &rest[..length]))
            .help("write one below 9007199254740993; an id is a text and stands in quotes")),
    }
}

/// The text in quotes at `at`, and its length with prefix and quotes.
pub(crate) fn text(text: &str, at: usize) -> Result<(Word, usize), Mistake> {
    let rest = &text[at..];
    let letters = prefix_length(rest).unwrap_or(0);
    let (prefix, quoted) = rest.split_at(letters);
    let is_raw = prefix.contains(['r', 'R']);
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| quoted.starts_with(quote)).unwrap_or("\"");
    let mut value = String::new();
    let mut inside = letters + quote.len();
    loop {
        let ahead = &rest[inside..];
        if ahead.starts_with(quote) {
            let word = if prefix.contains(['b', 'B']) { Word::Bytes } else { Word::Text(value) };
            return Ok((word, inside + quote.len()));
        }
        let Some(next) = ahead.chars().next().filter(|next| quote.len() == 3 || !matches!(next, '\n' | '\r')) else {
            return Err(Mistake::new(at..at + inside, "this text has no closing quote")
                .help(format!("close it with {quote}, and mind that YAML takes its own quotes away first")));
        };
        if next == '\\' && !is_raw {
            let (escaped, length) = escape(ahead).ok_or_else(|| {
                let end = ahead.chars().nth(1).map_or(1, |after| 1 + after.len_utf8());
                Mistake::new(at + inside..at + inside + end, format!("`{}` is not an escape of CEL", &ahead[..end]))
                    .help("write `\\\\` for a backslash, or put r before the quote: r\"..\"")
            })?;
            value.push(escaped);
            inside += length;
        } else {
            value.push(next);
            inside += next.len_utf8();
        }
    }
}

/// The character that an escape stands for, and the length of the escape.
fn escape(text: &str) -> Option<(char, usize)> {
    let simple = |character| Some((character, 2));
    match text[1..].chars().next()? {
        'a' => simple('\x07'),
        'b' => simple('\x08'),
        'f' => simple('\x0c'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\x0b'),
        quoted @ ('\\' | '?' | '"' | '\'' | '`') => simple(quoted),
        'x' | 'X' => code(text, 2, 2, 16),
        'u' => code(text, 2, 4, 16),
        'U' => code(text, 2, 8, 16),
        '0'..='3' => code(text, 1, 3, 8),
        _ => None,
    }
}

fn code(text: &str, from: usize, digits: usize, radix: u32) -> Option<(char, usize)> {
    let digits = text.get(from..from + digits).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))?;
    let character = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    Some((character, from + digits.len()))
}

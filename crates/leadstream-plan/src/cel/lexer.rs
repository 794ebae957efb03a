//! The words of a condition.
//!
//! Never panics; a text that is no CEL gives one [`Mistake`] with the bytes that are wrong, what is wrong in plain words, and what to write instead.

use super::literal;
use crate::yaml::Span;

/// What is wrong with the spelling of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The bytes that are wrong.
    pub(crate) span: Span,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Mistake {
    /// A mistake; what to do about it follows by [`Mistake::help`].
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Mistake {
        Mistake { span, message: message.into(), help: None }
    }

    /// With advice.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Mistake {
        self.help = Some(help.into());
        self
    }
}

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    /// Its bytes.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) word: Word,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    /// A name or keyword.
    Name(String),
    /// A number.
    Number(f64),
    /// A text in quotes.
    Text(String),
    /// Bytes in quotes.
    Bytes,
    /// An operator or bracket.
    Symbol(&'static str),
    /// The end of the condition.
    End,
}

/// Longer ones first where one begins another.
const SYMBOLS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", "(", ")", "[", "]", "{", "}",
    ",", ".",
];

/// The words of a text, [`Word::End`] last.
pub(crate) fn lex(text: &str) -> Result<Vec<Token>, Mistake> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at += blank(&text[at..]);
        let Some(first) = text[at..].chars().next() else {
            tokens.push(Token { span: text.len()..text.len(), word: Word::End });
            return Ok(tokens);
        };
        let (word, length) = match first {
            '"' | '\'' => literal::text(text, at)?,
            'b' | 'B' | 'r' | 'R' if literal::prefix_length(&text[at..]).is_some() => literal::text(text, at)?,
            'a'..='z' | 'A'..='Z' | '_' => name(&text[at..]),
            '0'..='9' => literal::number(text, at)?,
            '.' if text[at + 1..].starts_with(|next: char| next.is_ascii_digit()) => literal::number(text, at)?,
            _ => symbol(text, at, first)?,
        };
        tokens.push(Token { span: at..at + length, word });
        at += length;
    }
}

/// The length of white space and comments.
fn blank(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']).len();
        let comment =
            if rest[spaces..].starts_with("//") { rest[spaces..].find('\n').unwrap_or(rest.len() - spaces) } else { 0 };
        if spaces + comment == 0 {
            return at;
        }
        at += spaces + comment;
    }
}

fn name(text: &str) -> (Word, usize) {
    let length = text.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(text.len());
    (Word::Name(text[..length].to_owned()), length)
}

fn symbol(text: &str, at: usize, first: char) -> Result<(Word, usize), Mistake> {
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| text[at..].starts_with(**symbol)) {
        return Ok((Word::Symbol(symbol), symbol.len()));
    }
    let span = at..at + first.len_utf8();
    Err(match first {
        '=' => Mistake::new(span, "a single `=` does not compare").help("write `==`"),
        '&' => Mistake::new(span, "a single `&` has no meaning").help("write `&&` for \"and\""),
        '|' => Mistake::new(span, "a single `|` has no meaning").help("write `||` for \"or\""),
        '“' | '”' | '„' | '‘' | '’' | '«' | '»' => {
            Mistake::new(span, format!("`{first}` is a typographic quote"))
                .help("write texts in straight quotes: \"text\" or 'text'")
        }
        '≥' => Mistake::new(span, "`≥` is not an operator").help("write `>=`"),
        '≤' => Mistake::new(span, "`≤` is not an operator").help("write `<=`"),
        '`' => Mistake::new(span, "names in backticks are not supported")
            .help("write event[\"name with spaces\"] for a name that is more than letters, digits and `_`"),
        other if other.is_alphabetic() => {
            Mistake::new(span, format!("`{other}` cannot be part of a name")).help("put texts in quotes: \"text\"")
        }
        other => Mistake::new(span, format!("`{}` has no meaning in a condition", other.escape_debug()))
            .help("take it out, or put it in quotes where it is part of a text"),
    })
}

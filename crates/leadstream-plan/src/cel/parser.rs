//! The grammar of conditions: CEL's, by recursive descent, one function for each level of precedence.
//!
//! Bounded: parentheses and their kin nest at most [`NESTING_MAX`] deep and at most [`OPERATORS_MAX`] operators, selections and calls follow each
//! other between two `&&` or `||`, so that no later walk over the tree can exhaust the stack.

use super::ast::{Call, Field, Kind, Node, Operator};
use super::lexer::{Mistake, Token, Word, lex};
use crate::yaml::Span;

/// How deep a condition may nest.
const NESTING_MAX: usize = 32;

/// How many operators, selections and calls may follow each other.
const OPERATORS_MAX: usize = 400;

/// Words that CEL keeps for itself; they can be fields but stand for nothing alone.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Parses a condition.
pub(crate) fn parse(text: &str) -> Result<Node, Mistake> {
    let mut parser = Parser { tokens: lex(text)?, at: 0, nesting: 0, operators: 0 };
    let node = parser.expression()?;
    match &parser.peek().word {
        Word::End => Ok(node),
        _ => Err(parser.unexpected("the condition should end here, or go on with an operator such as `&&`")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    operators: usize,
}

type Parsed<T> = Result<T, Mistake>;

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(&self.peek().word, Word::Symbol(found) if *found == symbol)
    }

    fn skip(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str, opened: &Span) -> Parsed<Span> {
        if self.is(symbol) {
            return Ok(self.next().span);
        }
        if self.peek().word == Word::End {
            return Err(Mistake::new(opened.clone(), format!("this is never closed: `{symbol}` is missing"))
                .help(format!("add the `{symbol}` where it belongs, at the end at the latest")));
        }
        Err(self.unexpected(&format!("`{symbol}` was expected here")))
    }

    /// What to say of a word that does not belong where it stands.
    fn unexpected(&self, expected: &str) -> Mistake {
        let token = self.peek();
        let mistake = Mistake::new(token.span.clone(), expected);
        match &token.word {
            Word::Name(name) => match name.to_ascii_lowercase().as_str() {
                "and" => mistake.help("write `&&` for \"and\""),
                "or" => mistake.help("write `||` for \"or\""),
                "is" | "equals" | "eq" => mistake.help("write `==` to compare"),
                "not" => mistake.help("write `!` for \"not\""),
                "matches" | "contains" | "starts" | "like" => {
                    mistake.help("text tests are written with a dot: event.path.contains(\"shoes\")")
                }
                _ => mistake.help("put a text in quotes, and join two conditions by `&&` or `||`"),
            },
            Word::Number(_) | Word::Text(_) | Word::Bytes => {
                mistake.help("compare it with something: `==`, `>`, `in`; join two conditions by `&&` or `||`")
            }
            Word::Symbol(symbol) => {
                mistake.help(format!("take the `{symbol}` out, or write what is missing before it"))
            }
            Word::End => mistake.help("finish the condition, or take the last operator out"),
        }
    }

    /// Counts an operator, selection or call.
    fn count(&mut self, span: &Span) -> Parsed<()> {
        self.operators += 1;
        if self.operators <= OPERATORS_MAX {
            return Ok(());
        }
        Err(Mistake::new(span.clone(), format!("at most {OPERATORS_MAX} operators can follow each other"))
            .help("use `in [..]` for many alternatives, or make several rules"))
    }

    /// Runs a parser one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Parser) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= NESTING_MAX {
            return Err(Mistake::new(
                self.peek().span.clone(),
                format!("a condition nests at most {NESTING_MAX} deep"),
            )
            .help("take brackets out, or make several rules"));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    fn expression(&mut self) -> Parsed<Node> {
        self.nested(|parser| {
            let condition = parser.or()?;
            if !parser.is("?") {
                return Ok(condition);
            }
            let mark = parser.next().span;
            parser.count(&mark)?;
            let then = parser.or()?;
            parser.expect(":", &mark)?;
            let otherwise = parser.expression()?;
            let span = condition.span.start..otherwise.span.end;
            Ok(Node { span, kind: Kind::If(Box::new([condition, then, otherwise])) })
        })
    }

    fn or(&mut self) -> Parsed<Node> {
        self.joined("||", Parser::and, Kind::Or)
    }

    fn and(&mut self) -> Parsed<Node> {
        self.joined("&&", Parser::relation, Kind::And)
    }

    fn joined(
        &mut self,
        symbol: &str,
        operand: fn(&mut Parser) -> Parsed<Node>,
        kind: fn(Vec<Node>) -> Kind,
    ) -> Parsed<Node> {
        // The operands lie side by side: the deepest counts, not all of them together.
        let (before, mut deepest) = (self.operators, self.operators);
        let first = operand(self)?;
        let mut span = first.span.clone();
        let mut operands = vec![first];
        while self.skip(symbol) {
            deepest = deepest.max(self.operators);
            self.operators = before;
            let next = operand(self)?;
            span.end = next.span.end;
            operands.push(next);
        }
        self.operators = self.operators.max(deepest);
        match operands.pop() {
            Some(only) if operands.is_empty() => Ok(only),
            last => Ok(Node { span, kind: kind(operands.into_iter().chain(last).collect()) }),
        }
    }

    fn relation(&mut self) -> Parsed<Node> {
        self.binary(Parser::addition, |word| match word {
            Word::Symbol("==") => Some(Operator::Equal),
            Word::Symbol("!=") => Some(Operator::NotEqual),
            Word::Symbol("<") => Some(Operator::Less),
            Word::Symbol("<=") => Some(Operator::LessOrEqual),
            Word::Symbol(">") => Some(Operator::Greater),
            Word::Symbol(">=") => Some(Operator::GreaterOrEqual),
            Word::Name(name) if name == "in" => Some(Operator::In),
            _ => None,
        })
    }

    fn addition(&mut self) -> Parsed<Node> {
        self.binary(Parser::multiplication, |word| match word {
            Word::Symbol("+") => Some(Operator::Add),
            Word::Symbol("-") => Some(Operator::Subtract),
            _ => None,
        })
    }

    fn multiplication(&mut self) -> Parsed<Node> {
        self.binary(Parser::unary, |word| match word {
            Word::Symbol("*") => Some(Operator::Multiply),
            Word::Symbol("/") => Some(Operator::Divide),
            Word::Symbol("%") => Some(Operator::Remainder),
            _ => None,
        })
    }

    fn binary(
        &mut self,
        operand: fn(&mut Parser) -> Parsed<Node>,
        operator: fn(&Word) -> Option<Operator>,
    ) -> Parsed<Node> {
        let mut left = operand(self)?;
        while let Some(operator) = operator(&self.peek().word) {
            let symbol = self.next().span;
            self.count(&symbol)?;
            let right = operand(self)?;
            let span = left.span.start..right.span.end;
            left = Node { span, kind: Kind::Binary(operator, Box::new([left, right])) };
        }
        Ok(left)
    }

    /// `!` or `-`, as often as wanted but not mixed, before a member.
    fn unary(&mut self) -> Parsed<Node> {
        let negation = ("!", Kind::Not as fn(Box<Node>) -> Kind);
        let Some((symbol, kind)) = [negation, ("-", Kind::Negate)].into_iter().find(|(symbol, _)| self.is(symbol))
        else {
            return self.member();
        };
        let mut starts = Vec::new();
        while self.is(symbol) {
            let span = self.next().span;
            self.count(&span)?;
            starts.push(span.start);
        }
        let mut node = self.member()?;
        while let Some(start) = starts.pop() {
            let span = start..node.span.end;
            // A negative literal is a literal.
            let kind = match node.kind {
                Kind::Number(number) if symbol == "-" => Kind::Number(-number),
                _ => kind(Box::new(node)),
            };
            node = Node { span, kind };
        }
        Ok(node)
    }

    fn member(&mut self) -> Parsed<Node> {
        let mut node = self.primary()?;
        loop {
            let symbol = self.peek().span.clone();
            if self.skip(".") {
                self.count(&symbol)?;
                let field = self.field()?;
                let start = node.span.start;
                node = if self.is("(") {
                    let (arguments, end) = self.arguments()?;
                    let call = Call { function: field, receiver: Some(Box::new(node)), arguments };
                    Node { span: start..end, kind: Kind::Call(call) }
                } else {
                    Node { span: start..field.span.end, kind: Kind::Select(Box::new(node), field) }
                };
            } else if self.skip("[") {
                self.count(&symbol)?;
                let index = self.expression()?;
                let end = self.expect("]", &symbol)?.end;
                node = Node { span: node.span.start..end, kind: Kind::Index(Box::new(node), Box::new(index)) };
            } else {
                return Ok(node);
            }
        }
    }

    fn field(&mut self) -> Parsed<Field> {
        match self.peek().word.clone() {
            Word::Name(name) if !matches!(name.as_str(), "true" | "false" | "null" | "in") => {
                Ok(Field { name, span: self.next().span })
            }
            _ => Err(self.unexpected("a name was expected after the dot")),
        }
    }

    /// Arguments in parentheses, and where they end.
    fn arguments(&mut self) -> Parsed<(Vec<Node>, usize)> {
        let opened = self.next().span;
        let mut arguments = Vec::new();
        if self.is(")") {
            return Ok((arguments, self.next().span.end));
        }
        loop {
            arguments.push(self.expression()?);
            if !self.skip(",") {
                return Ok((arguments, self.expect(")", &opened)?.end));
            }
        }
    }

    fn primary(&mut self) -> Parsed<Node> {
        let token = self.peek().clone();
        let span = token.span.clone();
        let kind = match token.word {
            Word::Number(number) => Kind::Number(number),
            Word::Text(text) => Kind::Text(text),
            Word::Bytes => Kind::Bytes,
            Word::Name(name) => return self.name(name, span),
            Word::Symbol("(") => {
                self.at += 1;
                let inner = self.expression()?;
                let end = self.expect(")", &span)?.end;
                return Ok(Node { span: span.start..end, kind: inner.kind });
            }
            Word::Symbol("[") => return self.list(),
            Word::Symbol("{") => return self.map(span.start),
            Word::Symbol(".") => {
                // A leading dot only says that the name is a full one.
                self.at += 1;
                let field = self.field()?;
                return Ok(Node { span: span.start..field.span.end, kind: Kind::Name(field.name) });
            }
            Word::Symbol(_) | Word::End => return Err(self.missing_operand()),
        };
        self.at += 1;
        Ok(Node { span, kind })
    }

    fn missing_operand(&self) -> Mistake {
        if self.at == 0 && self.peek().word == Word::End {
            return Mistake::new(self.peek().span.clone(), "the condition is empty")
                .help("leave the key out if there is no condition");
        }
        self.unexpected("a value was expected here: a field such as `event.path`, a number or a text in quotes")
    }

    fn name(&mut self, name: String, span: Span) -> Parsed<Node> {
        let kind = match name.as_str() {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" => Kind::Null,
            "in" => return Err(self.missing_operand()),
            reserved if RESERVED.contains(&reserved) => {
                let mistake = Mistake::new(span, format!("`{reserved}` is a word that CEL keeps for itself"));
                let choice = "write a choice as `condition ? this : that`";
                return Err(mistake.help(if reserved == "if" { choice } else { "put it in quotes if it is a text" }));
            }
            _ => Kind::Name(name),
        };
        self.at += 1;
        match kind {
            Kind::Name(name) if self.is("(") => {
                self.count(&span)?;
                let (arguments, end) = self.arguments()?;
                let function = Field { name, span: span.clone() };
                Ok(Node { span: span.start..end, kind: Kind::Call(Call { function, receiver: None, arguments }) })
            }
            Kind::Name(_) if self.is("{") => self.map(span.start),
            kind => Ok(Node { span, kind }),
        }
    }

    fn list(&mut self) -> Parsed<Node> {
        let opened = self.next().span;
        let mut items = Vec::new();
        while !self.is("]") {
            items.push(self.expression()?);
            if !self.skip(",") {
                break;
            }
        }
        let end = self.expect("]", &opened)?.end;
        Ok(Node { span: opened.start..end, kind: Kind::List(items) })
    }

    /// A map or message: read to its end, so that the refusal covers it whole.
    fn map(&mut self, start: usize) -> Parsed<Node> {
        let opened = self.next().span;
        while !self.is("}") {
            self.expression()?;
            self.expect(":", &opened)?;
            self.expression()?;
            if !self.skip(",") {
                break;
            }
        }
        let end = self.expect("}", &opened)?.end;
        Ok(Node { span: start..end, kind: Kind::Map })
    }
}

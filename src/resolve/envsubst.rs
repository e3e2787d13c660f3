//! `${VAR}` as Flux reads it (github.com/fluxcd/pkg/envsubst, a port of its scanner and parser): what a text refers to,
//! and what it becomes. Knows nothing of YAML.

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it is, with the byte of the source that it starts at.
    Text(String, usize),
    /// `${name…}`: an operator and its arguments.
    Call { name: String, operator: String, arguments: Vec<Part> },
}

/// What a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup<'v> {
    /// Its value.
    Known(&'v str),
    /// Nobody defines it: the empty text.
    Absent,
    /// Somebody may define it, and Git does not show what as.
    Hidden(&'v str),
}

/// Why a text has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A variable that Git does not show: its name, and why.
    Hidden(String, String),
    /// A form that is not followed.
    Unsure(String),
}

const IDENT: u8 = 1;
const LBRACK: u8 = 2;
const RBRACK: u8 = 4;
const ESCAPE: u8 = 8;

#[derive(PartialEq, Eq)]
enum Token {
    Illegal,
    End,
    Ident,
    Lbrack,
    Rbrack,
}

struct Scanner {
    text: Vec<char>,
    /// Byte of the source that each character stands at.
    bytes: Vec<usize>,
    at: usize,
    start: usize,
    width: usize,
    mode: u8,
    /// Inside `${…}`, a backslash escapes too.
    backslash: bool,
    accept: fn(char, usize) -> bool,
}

impl Scanner {
    fn new(text: &str) -> Self {
        let (bytes, text) = text.char_indices().unzip();
        Self { text, bytes, at: 0, start: 0, width: 0, mode: 0, backslash: false, accept: |_, _| true }
    }

    fn read(&mut self) -> char {
        let Some(c) = self.text.get(self.at) else {
            self.width = 0;
            return '\0';
        };
        self.width = 1;
        self.at += 1;
        *c
    }

    fn unread(&mut self) {
        self.at -= self.width.min(self.at);
    }

    fn peek(&mut self) -> char {
        let c = self.read();
        self.unread();
        c
    }

    /// Takes the character before this place out of the text.
    fn skip(&mut self) {
        if self.at > 0 && self.at <= self.text.len() {
            self.text.remove(self.at - 1);
            self.bytes.remove(self.at - 1);
        }
    }

    fn taken(&self) -> String {
        self.text.get(self.start..self.at).unwrap_or_default().iter().collect()
    }

    fn scan(&mut self) -> Token {
        self.start = self.at;
        let c = self.read();
        if c == '\0' {
            Token::End
        } else if self.is_lbrack(c) {
            Token::Lbrack
        } else if self.mode & RBRACK != 0 && c == '}' {
            Token::Rbrack
        } else if self.is_ident(c) {
            Token::Ident
        } else {
            Token::Illegal
        }
    }

    fn is_lbrack(&mut self, c: char) -> bool {
        if self.mode & LBRACK == 0 || c != '$' {
            return false;
        }
        if self.read() == '{' {
            return true;
        }
        self.unread();
        false
    }

    fn is_escaped(&mut self, c: char) -> bool {
        self.mode & ESCAPE != 0
            && (c == '$' && self.peek() == '$' || c == '\\' && self.backslash && matches!(self.peek(), '/' | '\\'))
    }

    fn is_ident(&mut self, c: char) -> bool {
        if self.mode & IDENT == 0 {
            return false;
        }
        if self.is_escaped(c) {
            self.skip();
        } else if !(self.accept)(c, self.at - self.start) {
            return false;
        }
        loop {
            let c = self.read();
            if c == '\0' {
                self.unread();
                break;
            }
            if self.is_lbrack(c) {
                self.unread();
                self.unread();
                break;
            }
            if self.is_escaped(c) {
                self.skip();
                continue;
            }
            if !(self.accept)(c, self.at.saturating_sub(self.start)) {
                self.unread();
                break;
            }
        }
        true
    }

    fn set(&mut self, mode: u8, accept: fn(char, usize) -> bool) {
        (self.mode, self.accept) = (mode, accept);
    }
}

fn identifier(c: char, _: usize) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn before_brace(c: char, _: usize) -> bool {
    c != '}'
}

/// The parts of a text.
///
/// # Errors
/// What Flux refuses.
pub(super) fn parse(text: &str) -> Result<Vec<Part>, String> {
    let mut scanner = Scanner::new(text);
    let mut parts = Vec::new();
    loop {
        scanner.set(IDENT | LBRACK | ESCAPE, |_, _| true);
        scanner.backslash = false;
        match scanner.scan() {
            Token::Ident => parts.push(text_part(&scanner)),
            Token::End => return Ok(parts),
            Token::Lbrack => parts.push(call(&mut scanner, 0)?),
            Token::Rbrack | Token::Illegal => return Err("bad substitution".to_owned()),
        }
    }
}

fn text_part(scanner: &Scanner) -> Part {
    Part::Text(scanner.taken(), scanner.bytes.get(scanner.start).copied().unwrap_or_default())
}

const TOO_DEEP: usize = 32;

fn call(scanner: &mut Scanner, depth: usize) -> Result<Part, String> {
    if depth > TOO_DEEP {
        return Err("substitutions are nested too deep".to_owned());
    }
    scanner.backslash = true;
    if scanner.peek() == '#' {
        return length(scanner);
    }
    scanner.set(IDENT, identifier);
    if scanner.scan() != Token::Ident {
        return Err("unable to parse variable name".to_owned());
    }
    let name = scanner.taken();
    match scanner.peek() {
        ':' => {
            scanner.read();
            let next = scanner.peek();
            scanner.unread();
            // `peek` after `read` at the very end leaves nothing to put back, as in the original.
            if matches!(next, '=' | '-' | '?' | '+') {
                default(scanner, name, false, depth)
            } else {
                substring(scanner, name, depth)
            }
        }
        '=' => default(scanner, name, true, depth),
        ',' | '^' => casing(scanner, name),
        '/' => replacement(scanner, name, depth),
        '#' => removal(scanner, name, |c, at| c == '#' && at < 3, depth),
        '%' => removal(scanner, name, |c, at| c == '%' && at < 3, depth),
        _ => {
            scanner.set(RBRACK, identifier);
            match scanner.scan() {
                Token::Rbrack => Ok(Part::Call { name, operator: String::new(), arguments: Vec::new() }),
                _ => Err("missing closing brace".to_owned()),
            }
        }
    }
}

fn operator(scanner: &mut Scanner, accept: fn(char, usize) -> bool) -> Result<String, String> {
    scanner.set(IDENT, accept);
    if scanner.scan() == Token::Ident { Ok(scanner.taken()) } else { Err("bad substitution".to_owned()) }
}

fn close(scanner: &mut Scanner) -> Result<(), String> {
    scanner.mode = RBRACK;
    if scanner.scan() == Token::Rbrack { Ok(()) } else { Err("bad substitution".to_owned()) }
}

fn argument(scanner: &mut Scanner, accept: fn(char, usize) -> bool, mode: u8, depth: usize) -> Result<Part, String> {
    scanner.set(mode | LBRACK, accept);
    match scanner.scan() {
        Token::Lbrack => call(scanner, depth + 1),
        Token::Ident | Token::Rbrack => Ok(text_part(scanner)),
        _ => Err("unable to parse substitution within function".to_owned()),
    }
}

fn length(scanner: &mut Scanner) -> Result<Part, String> {
    let operator = operator(scanner, |c, at| c == '#' && at == 1)?;
    scanner.set(IDENT, identifier);
    if scanner.scan() != Token::Ident {
        return Err("bad substitution".to_owned());
    }
    let name = scanner.taken();
    close(scanner)?;
    Ok(Part::Call { name, operator, arguments: Vec::new() })
}

fn default(scanner: &mut Scanner, name: String, equals: bool, depth: usize) -> Result<Part, String> {
    let accept: fn(char, usize) -> bool = if equals {
        |c, at| at == 1 && c == '='
    } else {
        |c, at| at == 1 && c == ':' || at == 2 && matches!(c, '=' | '-' | '?' | '+')
    };
    let operator = operator(scanner, accept)?;
    let mut arguments = Vec::new();
    while scanner.peek() != '}' {
        arguments.push(argument(scanner, before_brace, IDENT, depth)?);
    }
    close(scanner)?;
    Ok(Part::Call { name, operator, arguments })
}

fn substring(scanner: &mut Scanner, name: String, depth: usize) -> Result<Part, String> {
    let operator = operator(scanner, |c, at| at == 1 && c == ':')?;
    let mut arguments = vec![argument(scanner, |c, _| c != ':' && c != '}', IDENT, depth)?];
    scanner.set(IDENT | RBRACK, |c, _| c == ':');
    match scanner.scan() {
        Token::Rbrack => return Ok(Part::Call { name, operator, arguments }),
        Token::Ident => {}
        _ => return Err("bad substitution".to_owned()),
    }
    arguments.push(argument(scanner, before_brace, IDENT, depth)?);
    close(scanner)?;
    Ok(Part::Call { name, operator, arguments })
}

fn removal(scanner: &mut Scanner, name: String, accept: fn(char, usize) -> bool, depth: usize) -> Result<Part, String> {
    let operator = operator(scanner, accept)?;
    let arguments = vec![argument(scanner, before_brace, IDENT, depth)?];
    close(scanner)?;
    Ok(Part::Call { name, operator, arguments })
}

fn replacement(scanner: &mut Scanner, name: String, depth: usize) -> Result<Part, String> {
    let operator = operator(scanner, |c, at| at == 1 && c == '/' || at == 2 && matches!(c, '/' | '#' | '%'))?;
    let mut arguments = vec![argument(scanner, |c, _| c != '/', IDENT | ESCAPE, depth)?];
    scanner.set(IDENT, |c, _| c == '/');
    if scanner.scan() != Token::Ident {
        return Err("bad substitution".to_owned());
    }
    if scanner.peek() != '}' {
        arguments.push(argument(scanner, before_brace, IDENT | ESCAPE, depth)?);
    }
    close(scanner)?;
    Ok(Part::Call { name, operator, arguments })
}

fn casing(scanner: &mut Scanner, name: String) -> Result<Part, String> {
    let operator = operator(scanner, |c, at| (c == ',' || c == '^') && at < 3)?;
    close(scanner)?;
    Ok(Part::Call { name, operator, arguments: Vec::new() })
}

/// Longest text that is made: values may double from one Kustomization to the next.
const LONGEST: usize = 256 << 10;

/// What the parts become.
pub(super) fn evaluate<'v>(parts: &[Part], find: &dyn Fn(&str) -> Lookup<'v>) -> Result<String, Failure> {
    let mut text = String::new();
    for part in parts {
        text.push_str(&one(part, find)?);
        if text.len() > LONGEST {
            return Err(Failure::Unsure(format!("a value of more than {} KiB", LONGEST >> 10)));
        }
    }
    Ok(text)
}

fn one<'v>(part: &Part, find: &dyn Fn(&str) -> Lookup<'v>) -> Result<String, Failure> {
    let (name, operator, arguments) = match part {
        Part::Text(text, _) => return Ok(text.clone()),
        Part::Call { name, operator, arguments } => (name, operator, arguments),
    };
    let arguments: Vec<String> = arguments.iter().map(|part| one(part, find)).collect::<Result<_, _>>()?;
    let value = match find(name) {
        Lookup::Known(value) => value,
        Lookup::Absent => "",
        Lookup::Hidden(why) => return Err(Failure::Hidden(name.clone(), why.to_owned())),
    };
    apply(operator, value, &arguments)
}

fn apply(operator: &str, value: &str, arguments: &[String]) -> Result<String, Failure> {
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    Ok(match operator {
        "," | "^" => {
            let mut chars = value.chars();
            let first = chars.next();
            let first: String = match (operator, first) {
                (_, None) => String::new(),
                (",", Some(c)) => c.to_lowercase().collect(),
                (_, Some(c)) => c.to_uppercase().collect(),
            };
            first + chars.as_str()
        }
        ",," => value.to_lowercase(),
        "^^" => value.to_uppercase(),
        "#" if arguments.is_empty() => value.len().to_string(),
        "#" | "##" | "%" | "%%" => trimmed(operator, value, argument(0))?,
        ":" => substring_of(value, arguments)?,
        "/#" if arguments.len() == 2 => {
            if value.starts_with(argument(0)) {
                value.replacen(argument(0), argument(1), 1)
            } else {
                value.to_owned()
            }
        }
        "/%" if arguments.len() == 2 => match value.strip_suffix(argument(0)) {
            Some(rest) => format!("{rest}{}", argument(1)),
            None => value.to_owned(),
        },
        "/#" | "/%" => value.to_owned(),
        "/" => value.replacen(argument(0), argument(1), 1),
        "//" => value.replace(argument(0), argument(1)),
        _ if value.is_empty() => arguments.concat(),
        _ => value.to_owned(),
    })
}

fn substring_of(value: &str, arguments: &[String]) -> Result<String, Failure> {
    let number = |index: usize| arguments.get(index).map(|text| text.parse::<i64>());
    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let Some(Ok(position)) = number(0) else { return Ok(value.to_owned()) };
    let from = if position < 0 { (length + position).max(0) } else { position };
    let to = match number(1) {
        None => length,
        Some(Err(_)) => return Ok(value.to_owned()),
        Some(Ok(count)) if count < 0 => {
            if length + count < from {
                return Ok(String::new());
            }
            length + count
        }
        Some(Ok(count)) => from.saturating_add(count).min(length),
    };
    if from >= length {
        return Ok(String::new());
    }
    let range = usize::try_from(from).unwrap_or_default()..usize::try_from(to).unwrap_or_default();
    value.get(range).map(str::to_owned).ok_or_else(|| Failure::Unsure(format!("a part of {value:?}")))
}

/// `#` and `%` with a pattern of `*`, `?` and plain characters.
fn trimmed(operator: &str, value: &str, pattern: &str) -> Result<String, Failure> {
    if pattern.contains(['[', '\\']) || !value.is_ascii() || !pattern.is_ascii() {
        return Err(Failure::Unsure(format!("the pattern {pattern:?}")));
    }
    let reversed = |text: &str| text.chars().rev().collect::<String>();
    let back = operator.starts_with('%');
    let (value, pattern) =
        if back { (reversed(value), reversed(pattern)) } else { (value.to_owned(), pattern.to_owned()) };
    let longest = operator.len() == 2;
    let mut lengths: Vec<usize> = (1..=value.len()).collect();
    if longest {
        lengths.reverse();
    }
    let found = lengths.into_iter().find(|length| glob(pattern.as_bytes(), &value.as_bytes()[..*length]));
    let rest = value[found.unwrap_or(0)..].to_owned();
    Ok(if back { reversed(&rest) } else { rest })
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| glob(rest, &text[at..])),
        Some((b'?', rest)) => text.split_first().is_some_and(|(first, text)| *first != b'/' && glob(rest, text)),
        Some((wanted, rest)) => text.split_first().is_some_and(|(first, text)| first == wanted && glob(rest, text)),
    }
}

#[cfg(test)]
#[path = "envsubst_tests.rs"]
mod tests;

//! What the rules look at: the words of a source, without comments and the insides of literals.

/// A word, `::`, or another single character of code.
pub struct Token {
    pub line: usize,
    pub text: String,
}

/// The token at `i`; nothing behind the last.
pub fn text(tokens: &[Token], i: usize) -> &str {
    tokens.get(i).map_or("", |token| &token.text)
}

/// Whether that is a name or a number.
pub fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Splits a source into tokens, without its comments and the insides of its literals.
pub fn tokenize(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment_len(rest),
            '"' => string_len(rest),
            '\'' => quote_len(rest),
            c if c.is_alphanumeric() || c == '_' => {
                let word = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let (name, after) = rest.split_at(word);
                match name {
                    "r" | "br" | "cr" if raw_string_len(after) > 0 => word + raw_string_len(after),
                    "b" | "c" if after.starts_with('"') => word + string_len(after),
                    "b" if after.starts_with('\'') => word + quote_len(after),
                    "r" if after.starts_with('#') => word + 1, // r#name: the name comes next
                    _ => {
                        tokens.push(Token {
                            line,
                            text: name.to_string(),
                        });
                        word
                    }
                }
            }
            c if c.is_whitespace() => c.len_utf8(),
            c => {
                let len = if rest.starts_with("::") {
                    2
                } else {
                    c.len_utf8()
                };
                tokens.push(Token {
                    line,
                    text: rest[..len].to_string(),
                });
                len
            }
        };
        line += rest[..len].matches('\n').count();
        rest = &rest[len..];
    }
    tokens
}

/// The length of the comment at the start, which may hold other such comments.
fn block_comment_len(rest: &str) -> usize {
    let (mut depth, mut len) = (0, 0);
    while len < rest.len() {
        let step = &rest.as_bytes()[len..];
        if step.starts_with(b"/*") {
            depth += 1;
            len += 2;
        } else if step.starts_with(b"*/") {
            depth -= 1;
            len += 2;
            if depth == 0 {
                break;
            }
        } else {
            len += 1;
        }
    }
    len
}

/// The length of the string at the start, quotes included.
fn string_len(rest: &str) -> usize {
    let mut bytes = rest.bytes().enumerate().skip(1);
    while let Some((i, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return i + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of what follows the `r` of a raw string, or 0 if it is none.
fn raw_string_len(after: &str) -> usize {
    let hashes = after.len() - after.trim_start_matches('#').len();
    if !after[hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = &after[hashes + 1..];
    hashes + 1 + inside.find(&end).map_or(inside.len(), |at| at + end.len())
}

/// The length of the character literal at the start, or that of the `'` of a lifetime.
fn quote_len(rest: &str) -> usize {
    let inside = &rest[1..];
    if let Some(escape) = inside.strip_prefix('\\') {
        let after = escape.chars().next().map_or(0, char::len_utf8);
        return 2 + after + escape[after..].find('\'').map_or(0, |at| at + 1);
    }
    match inside.chars().next() {
        Some(c) if inside[c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
        _ => 1,
    }
}

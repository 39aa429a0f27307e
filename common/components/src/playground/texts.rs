//! The texts of the command line or a file, with the lines they stand on.

use ottl::LoadError;

use super::request::read_file;
use super::{Arguments, Stop};

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// What it says.
    pub(super) source: String,
    /// The line it begins on, from 1; on the command line its place.
    pub(super) line: usize,
}

impl Text {
    /// `ottl:LINE:COL: CLASS: message`.
    pub(super) fn mistake(&self, error: &LoadError) -> String {
        let (line, column) = error.position(&self.source);
        format!("ottl:{}:{column}: {error}", self.line + line - 1)
    }
}

/// Statements of the arguments or their file, or the expressions, or the condition.
pub(super) fn of(arguments: &Arguments) -> Result<Vec<Text>, Stop> {
    if let Some(path) = &arguments.file {
        let bytes = read_file(path)?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| Stop::failed(format!("{}: not UTF-8", path.display())))?;
        return Ok(lines(&text));
    }
    let given = arguments.condition.iter().chain(&arguments.statements).chain(&arguments.values);
    Ok(numbered(given))
}

fn numbered<'a>(sources: impl Iterator<Item = &'a String>) -> Vec<Text> {
    let mut line = 1;
    let text = |source: &String| {
        let text = Text { source: source.clone(), line };
        line += source.matches('\n').count() + 1;
        text
    };
    sources.map(text).collect()
}

/// The statements of a file.
fn lines(text: &str) -> Vec<Text> {
    let mut texts: Vec<Text> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let goes_on = line.starts_with([' ', '\t']);
        match texts.last_mut() {
            // Kept as an empty line, so that the lines after it are counted right.
            Some(last) if goes_on => {
                let gap = (index + 1).saturating_sub(last.line + last.source.matches('\n').count());
                last.source.push_str(&"\n".repeat(gap));
                last.source.push_str(if is_comment { "" } else { line });
            }
            _ if is_comment || line.trim().is_empty() => {}
            _ => texts.push(Text { source: line.to_owned(), line: index + 1 }),
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_a_file() {
        let check = |file: &str, expect: &[(usize, &str)]| {
            let found = lines(file);
            let found: Vec<_> = found.iter().map(|it| (it.line, it.source.as_str())).collect();
            assert_eq!(found, expect, "{file}");
        };
        check("", &[]);
        check("# nothing\n\n", &[]);
        check("a\nb\r\n\n# no\nc", &[(1, "a"), (2, "b"), (5, "c")]);
        check("a\n  where b\n  # why\n  or c\nd\n", &[(1, "a\n  where b\n\n  or c"), (5, "d")]);
        check("a\n\n  where b", &[(1, "a\n\n  where b")]);
        check("  a", &[(1, "  a")]);
    }

    #[test]
    fn mistakes_name_the_line_of_the_whole() {
        let error = LoadError::new(ottl::Class::Arity, 3, "too few");
        let text = Text { source: "ab\ncd".into(), line: 7 };
        assert_eq!(text.mistake(&error), "ottl:8:1: arity: too few");
        let given = ["a\nb".to_owned(), "c".to_owned()];
        assert_eq!(numbered(given.iter())[1].line, 3);
    }
}

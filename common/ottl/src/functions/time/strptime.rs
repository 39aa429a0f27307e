//! Directives of strptime as layouts of Go.
//!
//! A directive stands for a piece of a Go layout, and the layout as a whole is what acts. So words that mean
//! something to Go act when they are written plainly (`Jan`, `MST`), which is why digits are refused, and `%L`,
//! `%f` and `%s` are fractions only behind a point or a comma.

/// What a layout is for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Use {
    Read,
    Write,
}

/// The Go layout of a format.
pub(super) fn layout(format: &str, purpose: Use) -> Result<String, String> {
    if format.is_empty() {
        return Err("the format is empty".to_owned());
    }
    if let Some(digit) = format.chars().find(char::is_ascii_digit) {
        return Err(format!("the format holds the digit {digit}: write directives such as %Y"));
    }
    let mut layout = String::with_capacity(format.len() * 2);
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            layout.push(char);
            continue;
        }
        let Some(directive) = chars.next() else {
            layout.push(char);
            break;
        };
        // As in the reference, where the sign is no part of what is read.
        if directive == 'o' && purpose == Use::Write {
            layout.push('_');
        }
        layout.push_str(piece(directive).ok_or_else(|| format!("unknown directive %{directive}"))?);
    }
    Ok(layout)
}

fn piece(directive: char) -> Option<&'static str> {
    Some(match directive {
        'Y' => "2006",
        'y' => "06",
        'm' => "01",
        'o' | 'q' => "1",
        'b' | 'h' => "Jan",
        'B' => "January",
        'd' => "02",
        'e' => "_2",
        'g' => "2",
        'a' => "Mon",
        'A' => "Monday",
        'H' => "15",
        'I' => "03",
        'l' => "3",
        'p' => "PM",
        'P' => "pm",
        'M' => "04",
        'S' => "05",
        'L' => "999",
        'f' => "999999",
        's' => "999999999",
        'Z' => "MST",
        'z' => "Z0700",
        'w' => "-070000",
        'i' => "-07",
        'j' => "-07:00",
        'k' => "-07:00:00",
        'D' | 'x' => "01/02/2006",
        'F' => "2006-01-02",
        'T' | 'X' => "15:04:05",
        'r' => "03:04:05 pm",
        'R' => "15:04",
        'c' => "Mon Jan 02 15:04:05 2006",
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        _ => return None,
    })
}

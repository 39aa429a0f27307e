//! W3C `tracestate`: a list of vendors' `key=value` pairs, the newest first.

/// At most this many members.
const MAX_MEMBERS: usize = 32;

/// A parsed trace state.
pub(super) struct TraceState<'t> {
    members: Vec<(&'t str, &'t str)>,
}

impl<'t> TraceState<'t> {
    /// Reads one; `None` if it is not well formed, has a key twice, or too many members.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let mut members: Vec<(&str, &str)> = Vec::new();
        for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])) {
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            let is_known = members.iter().any(|(known, _)| *known == key);
            if is_known || members.len() == MAX_MEMBERS || !is_key(key) || !is_value(value) {
                return None;
            }
            members.push((key, value));
        }
        Some(Self { members })
    }

    /// The value of a member.
    pub(super) fn get(&self, key: &str) -> Option<&'t str> {
        self.members.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// The text with a member in front; `None` if it cannot be.
    pub(super) fn with(&self, key: &str, value: &str) -> Option<String> {
        let others = self.members.iter().filter(|(known, _)| *known != key);
        if !is_key(key) || !is_value(value) || others.clone().count() == MAX_MEMBERS {
            return None;
        }
        let mut text = format!("{key}={value}");
        for (key, value) in others {
            text.extend([",", key, "=", value]);
        }
        Some(text)
    }
}

/// `key` or `tenant@system`.
fn is_key(key: &str) -> bool {
    let is_rest = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'_' | b'-' | b'*' | b'/')
    };
    let fits = |text: &str, longest: usize| {
        (1..=longest).contains(&text.len()) && text.bytes().all(is_rest)
    };
    match key.split_once('@') {
        None => fits(key, 256) && key.as_bytes()[0].is_ascii_lowercase(),
        Some((tenant, system)) => {
            let starts = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            fits(tenant, 241)
                && starts(tenant.as_bytes()[0])
                && fits(system, 14)
                && system.as_bytes()[0].is_ascii_lowercase()
        }
    }
}

/// Printable, no comma, no equals sign, does not end in a space.
fn is_value(value: &str) -> bool {
    let is_printable = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=256).contains(&value.len()) && value.bytes().all(is_printable) && !value.ends_with(' ')
}

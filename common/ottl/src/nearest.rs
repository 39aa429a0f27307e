//! The name that was probably meant.

/// Longer names are near nothing.
const LEN_MAX: usize = 64;
/// More slips make another name, and so does more than a third of the letters.
const SLIPS_MAX: usize = 3;

/// Of the known names the one that `name` probably is: other in case and underscores only, the end of a longer one
/// (`WARN` of `SEVERITY_NUMBER_WARN`) or its beginning (`delete` of `delete_key`), or a slip of the pen away.
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    if name.is_empty() || name.len() > LEN_MAX {
        return None;
    }
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let wanted = plain(name);
    let same = known.iter().find(|known| plain(known) == wanted);
    let ending = format!("_{}", name.to_uppercase());
    let ends = same.or_else(|| known.iter().find(|known| known.ends_with(&ending)));
    let begins = ends.or_else(|| {
        let rest =
            |known: &&&str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
        known.iter().find(rest)
    });
    if let Some(found) = begins {
        return Some(found);
    }
    let slips = |known: &&&str| distance(&wanted, &plain(known));
    let closest = known.iter().filter(|known| known.len() <= LEN_MAX).min_by_key(slips)?;
    (slips(&closest) <= SLIPS_MAX.min(wanted.len() / 3)).then_some(closest)
}

/// `; did you mean NAME` where there is one.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean {near}"))
}

/// How many letters have to be put in, left out or changed.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, letter) in left.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in right.iter().enumerate() {
            let changed = corner + usize::from(letter != *other);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen() {
        const KNOWN: &[&str] =
            &["IsMatch", "delete_key", "delete_index", "SEVERITY_NUMBER_WARN", "URL"];
        for (name, expect) in [
            ("ismatch", Some("IsMatch")),
            ("IsMtach", Some("IsMatch")),
            ("IsMatchh", Some("IsMatch")),
            ("deleteKey", Some("delete_key")),
            ("delete_keys", Some("delete_key")),
            ("WARN", Some("SEVERITY_NUMBER_WARN")),
            ("warn", Some("SEVERITY_NUMBER_WARN")),
            ("SEVERITY_NUMBER_WARNING", Some("SEVERITY_NUMBER_WARN")),
            ("SEVERITY_NUMBER_NOPE", None),
            ("delete", Some("delete_key")),
            ("url", Some("URL")),
            ("uri", Some("URL")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, KNOWN), expect, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(LEN_MAX + 1), KNOWN), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}

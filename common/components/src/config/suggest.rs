//! The nearest valid name for a misspelt one.
//!
//! Distance is Damerau-Levenshtein in its restricted form (a pair of characters is swapped at most
//! once), over characters. Limits: names above [`MAX_NAME_CHARS`] get no suggestion, so the cost per
//! name is bounded; at most two changes, and fewer than half of the name, count as a slip.

/// Longest name that gets a suggestion.
pub const MAX_NAME_CHARS: usize = 64;

const MAX_DISTANCE: usize = 2;

/// The candidate with the fewest changes from `name`; the first of equals.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let name: Vec<char> = fold(name);
    if name.len() > MAX_NAME_CHARS {
        return None;
    }
    let near = |candidate: &'a str| {
        let distance = distance(&name, &fold(candidate));
        (distance <= MAX_DISTANCE && distance * 2 < name.len().max(2))
            .then_some((distance, candidate))
    };
    let best = candidates.into_iter().filter_map(near).min_by_key(|(distance, _)| *distance);
    best.map(|(_, candidate)| candidate.to_owned())
}

// Case and the choice of separator are no changes: `Send-Batch-Size` means `send_batch_size`.
fn fold(name: &str) -> Vec<char> {
    let same = |c: char| {
        if c == '-' { '_' } else { c.to_ascii_lowercase() }
    };
    name.chars().take(MAX_NAME_CHARS + 1).map(same).collect()
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let changed = above[j] + usize::from(a[i] != b[j]);
            let mut cost = changed.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let keys = ["endpoint", "timeout", "compression", "headers", "path"];
        let check = |name: &str, expect: Option<&str>| {
            assert_eq!(nearest(name, keys).as_deref(), expect, "{name}");
        };
        check("endpiont", Some("endpoint"));
        check("endpoints", Some("endpoint"));
        check("Timeout", Some("timeout"));
        check("paht", Some("path"));
        check("x", None);
        check("", None);
        check("tls", None);
        check("completely_else", None);
        check(&"e".repeat(100_000), None);
    }
}

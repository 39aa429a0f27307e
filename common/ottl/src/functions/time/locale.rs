//! Names of months and days in the languages of the world.
//!
//! The names are glibc's (crate `pure-rust-locales`). A locale is a language tag (`de`, `pt-BR`, `zh_CN`); a language
//! alone means its main region.

use pure_rust_locales::{Locale, locale_match};

use super::parse;

/// The names of one locale, in the order of [`super::write::MONTHS`] and [`super::write::DAYS`].
pub(super) struct Names {
    long_months: &'static [&'static str],
    short_months: &'static [&'static str],
    long_days: &'static [&'static str],
    short_days: &'static [&'static str],
}

/// Languages whose main region is not their own name in upper case.
const REGIONS: &[(&str, &str)] = &[
    ("af", "ZA"),
    ("am", "ET"),
    ("ar", "EG"),
    ("be", "BY"),
    ("bn", "BD"),
    ("bs", "BA"),
    ("ca", "ES"),
    ("cs", "CZ"),
    ("cy", "GB"),
    ("da", "DK"),
    ("el", "GR"),
    ("en", "US"),
    ("et", "EE"),
    ("eu", "ES"),
    ("fa", "IR"),
    ("ga", "IE"),
    ("gl", "ES"),
    ("gu", "IN"),
    ("he", "IL"),
    ("hi", "IN"),
    ("hy", "AM"),
    ("ja", "JP"),
    ("ka", "GE"),
    ("kk", "KZ"),
    ("km", "KH"),
    ("kn", "IN"),
    ("ko", "KR"),
    ("ky", "KG"),
    ("lo", "LA"),
    ("ml", "IN"),
    ("mr", "IN"),
    ("ms", "MY"),
    ("my", "MM"),
    ("nb", "NO"),
    ("ne", "NP"),
    ("nn", "NO"),
    ("pa", "IN"),
    ("sl", "SI"),
    ("sq", "AL"),
    ("sr", "RS"),
    ("sv", "SE"),
    ("sw", "KE"),
    ("ta", "IN"),
    ("te", "IN"),
    ("uk", "UA"),
    ("ur", "PK"),
    ("vi", "VN"),
    ("zh", "CN"),
    ("zu", "ZA"),
];

impl Names {
    /// The names of a language tag.
    pub(super) fn of(tag: &str) -> Result<Self, String> {
        // Parts of a tag stand behind `-` (BCP 47).
        let locale = find(tag).filter(|_| !tag.contains('_'));
        let locale = locale.ok_or_else(|| format!("unknown locale {tag:?}"))?;
        Ok(Self {
            long_months: locale_match!(locale => LC_TIME::MON),
            short_months: locale_match!(locale => LC_TIME::ABMON),
            long_days: locale_match!(locale => LC_TIME::DAY),
            short_days: locale_match!(locale => LC_TIME::ABDAY),
        })
    }

    /// The month whose name `text` begins with, from 0, and what follows; in English without a locale.
    pub(super) fn month<'t>(
        names: Option<&Self>,
        text: &'t str,
        long: bool,
    ) -> Option<(usize, &'t str)> {
        match names {
            Some(names) => begin(if long { names.long_months } else { names.short_months }, text),
            None => parse::english(text, false, long),
        }
    }

    /// The day of the week, from Sunday.
    pub(super) fn day<'t>(
        names: Option<&Self>,
        text: &'t str,
        long: bool,
    ) -> Option<(usize, &'t str)> {
        match names {
            Some(names) => begin(if long { names.long_days } else { names.short_days }, text),
            None => parse::english(text, true, long),
        }
    }
}

fn find(tag: &str) -> Option<Locale> {
    let mut parts = tag.split(['-', '_']);
    let language = parts.next()?.to_ascii_lowercase();
    // A script (`zh-Hans-CN`) stands between language and region.
    let region = parts.find(|part| part.len() == 2).map(str::to_ascii_uppercase);
    let region = region.unwrap_or_else(|| {
        let known = REGIONS.iter().find(|(name, _)| *name == language);
        known.map_or_else(|| language.to_ascii_uppercase(), |(_, region)| (*region).to_owned())
    });
    Locale::try_from(format!("{language}_{region}").as_str()).ok()
}

/// The longest name wins; case does not matter.
fn begin<'t>(names: &[&str], text: &'t str) -> Option<(usize, &'t str)> {
    let named = names.iter().enumerate().filter_map(|(index, name)| {
        let rest = strip(text, name)?;
        Some((index, rest))
    });
    named.min_by_key(|(_, rest)| rest.len())
}

fn strip<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = text.chars();
    for char in name.trim().chars() {
        let found = rest.next()?;
        if char != found && !char.to_lowercase().eq(found.to_lowercase()) {
            return None;
        }
    }
    (!name.trim().is_empty()).then_some(rest.as_str())
}

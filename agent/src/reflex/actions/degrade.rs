//! Features switched off for a while, through the file that flagd reads.
//!
//! The file holds every flag of the base file; one that is degraded gets a targeting around its own that
//! compares `$flagd.timestamp` with the end of the lease. So the evaluator itself ends it: if we die, the
//! feature comes back. The base file is only read; ours is written beside itself and renamed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

use crate::reflex::policy::Action;
use crate::reflex::settings::Flags;
use crate::whole_file;

/// Largest base file.
const BASE_MAX_BYTES: u64 = 4 << 20;
const SCHEMA: &str = "https://flagd.dev/schema/v0/flags.json";

/// The base is looked at for changes this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is degraded: the variant, and until when in seconds since 1970.
pub type Degraded = BTreeMap<String, (String, u64)>;

/// The file, and what it says.
#[derive(Default)]
pub struct FlagFile {
    flags: Flags,
    /// Features that rules may degrade, each with one of the variants for it.
    features: BTreeMap<String, String>,
    degraded: Degraded,
    /// When the base was changed last, and when that was looked at.
    base_of: Option<SystemTime>,
    looked_at: Option<Instant>,
}

impl FlagFile {
    /// Writes the file as rules with these actions need it; nothing if none of them degrades. So evaluators find it
    /// before the first degradation, and a mistake shows at the start. What is degraded stays so while a rule still may.
    pub fn follow<'a>(&mut self, flags: &Flags, actions: impl Iterator<Item = &'a Action>) {
        let named = actions.filter_map(|action| match action {
            Action::Degrade(plan) => Some((plan.feature.clone(), plan.variant.clone())),
            _ => None,
        });
        let features: BTreeMap<String, String> = named.collect();
        let mut degraded = std::mem::take(&mut self.degraded);
        degraded.retain(|feature, _| features.contains_key(feature));
        *self = Self { flags: flags.clone(), features, degraded, ..Self::default() };
        self.show();
    }

    /// Writes the file anew when its base has changed.
    pub fn look(&mut self, now: Instant) {
        if self.features.is_empty() || self.looked_at.is_some_and(|last| now < last + LOOK_EVERY) {
            return;
        }
        self.looked_at = Some(now);
        if self.base_time() != self.base_of {
            self.show();
        }
    }

    /// Degrades a feature until then.
    ///
    /// # Errors
    /// If the file cannot be written; nothing is degraded then.
    pub fn degrade(&mut self, feature: &str, variant: &str, until_s: u64) -> Result<(), String> {
        self.degraded.insert(feature.to_owned(), (variant.to_owned(), until_s));
        self.write().inspect_err(|_| {
            self.degraded.remove(feature);
        })
    }

    /// Gives a feature back.
    pub fn restore(&mut self, feature: &str) {
        if self.degraded.remove(feature).is_some()
            && let Err(error) = self.write()
        {
            tracing::error!("{error}; the feature {feature} comes back with its lease");
        }
    }

    fn show(&mut self) {
        if !self.features.is_empty()
            && let Err(error) = self.write()
        {
            tracing::warn!("reflex.feature_flags: {error}");
        }
    }

    fn write(&mut self) -> Result<(), String> {
        self.base_of = self.base_time();
        let base = match &self.flags.base {
            Some(path) => read(path)?,
            None => json!({}),
        };
        let content = content(base, &self.features, &self.degraded)?;
        let file = &self.flags.file;
        whole_file::replace(file, format!("{content:#}\n").as_bytes())
            .map_err(|error| format!("{}: {error}", file.display()))
    }

    fn base_time(&self) -> Option<SystemTime> {
        fs::metadata(self.flags.base.as_ref()?).and_then(|file| file.modified()).ok()
    }
}

fn read(path: &Path) -> Result<Value, String> {
    let text = whole_file::read(path, BASE_MAX_BYTES);
    let json = text.and_then(|text| Ok(serde_json::from_slice(&text)?));
    json.map_err(|error| format!("{}: {error}", path.display()))
}

/// The base with these features in it and its degraded flags wrapped.
fn content(
    base: Value,
    features: &BTreeMap<String, String>,
    degraded: &Degraded,
) -> Result<Value, String> {
    let Value::Object(mut root) = base else {
        return Err("the base of the flags is no JSON object".to_owned());
    };
    root.entry("$schema").or_insert_with(|| json!(SCHEMA));
    let flags = root.entry("flags").or_insert_with(|| json!({}));
    let Value::Object(flags) = flags else {
        return Err("`flags` of the base is no JSON object".to_owned());
    };
    for (feature, variant) in features {
        flags.entry(feature.clone()).or_insert_with(|| switch(variant));
    }
    for (feature, (variant, until_s)) in degraded {
        let flag = flags.entry(feature.clone()).or_insert_with(|| switch(variant));
        let Value::Object(flag) = flag else {
            return Err(format!("the flag {feature} of the base is no JSON object"));
        };
        wrap(feature, flag, variant, *until_s)?;
    }
    Ok(Value::Object(root))
}

/// A flag that the base does not have: on, and off only for us.
fn switch(variant: &str) -> Value {
    let mut variants = json!({"on": true});
    variants[variant] = json!(false);
    json!({"state": "ENABLED", "variants": variants, "defaultVariant": "on"})
}

fn wrap(
    feature: &str,
    flag: &mut Map<String, Value>,
    variant: &str,
    until_s: u64,
) -> Result<(), String> {
    if flag.get("variants").and_then(|variants| variants.get(variant)).is_none() {
        return Err(format!("the flag {feature} has no variant {variant}"));
    }
    let own =
        flag.get("targeting").filter(|own| own.as_object().is_some_and(|own| !own.is_empty()));
    let otherwise = own.or_else(|| flag.get("defaultVariant")).cloned().unwrap_or(Value::Null);
    let holds = json!({"<": [{"var": "$flagd.timestamp"}, until_s]});
    flag.insert("targeting".to_owned(), json!({"if": [holds, variant, otherwise]}));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reflex::policy::Degrade;

    fn degraded(variant: &str) -> Degraded {
        Degraded::from([("recommendations".to_owned(), (variant.to_owned(), 1_700_000_000))])
    }

    #[test]
    fn a_flag_carries_its_end_and_others_are_untouched() {
        let none = BTreeMap::new();
        let base = json!({"flags": {
            "other": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"},
            "recommendations": {
                "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
                "targeting": {"if": [{"==": [{"var": "user"}, "x"]}, "off", "on"]},
            },
        }});
        let written = content(base.clone(), &none, &degraded("off")).expect("written");
        assert_eq!(written["flags"]["other"], base["flags"]["other"]);
        let targeting = &written["flags"]["recommendations"]["targeting"]["if"];
        assert_eq!(targeting[0], json!({"<": [{"var": "$flagd.timestamp"}, 1_700_000_000]}));
        assert_eq!(targeting[1], "off");
        assert_eq!(targeting[2], base["flags"]["recommendations"]["targeting"]);
        let restored = content(base.clone(), &none, &Degraded::new()).expect("written");
        assert_eq!(restored["flags"], base["flags"]);
    }

    #[test]
    fn unknown_variants_and_strange_bases_are_refused() {
        let none = BTreeMap::new();
        let base = json!({"flags": {"recommendations": {"variants": {"on": true}}}});
        assert!(
            content(base, &none, &degraded("off")).expect_err("refused").contains("no variant off")
        );
        assert!(content(json!([]), &none, &degraded("off")).is_err());
        assert!(content(json!({"flags": 1}), &none, &degraded("off")).is_err());
        let made = content(json!({}), &none, &degraded("off")).expect("a flag is made");
        assert_eq!(made["flags"]["recommendations"]["variants"], json!({"on": true, "off": false}));
    }

    #[test]
    fn the_file_is_there_from_the_start_replaced_whole_and_follows_its_base() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let at = |name: &str| folder.path().join(name);
        let put = |flag: &str| {
            let base = json!({"flags": {flag: {"variants": {"on": true}, "defaultVariant": "on"}}});
            fs::write(at("base.json"), base.to_string()).expect("writable");
        };
        put("one");
        let flags = Flags { file: at("flags.json"), base: Some(at("base.json")) };
        let plan = Degrade {
            feature: "recommendations".to_owned(),
            variant: "off".to_owned(),
            lease: Duration::from_secs(300),
        };
        let text = || fs::read_to_string(at("flags.json")).expect("readable");
        let mut file = FlagFile::default();
        file.follow(&flags, std::iter::empty());
        assert!(!at("flags.json").exists(), "no rule degrades");
        file.follow(&flags, [Action::Degrade(plan)].iter());
        assert!(text().contains("recommendations") && !text().contains("$flagd.timestamp"));
        file.degrade("recommendations", "off", 1_700_000_000).expect("written");
        assert!(text().contains("$flagd.timestamp") && text().contains("one"));
        assert!(!at("flags.json.new").exists());
        fs::remove_file(at("base.json")).expect("removable");
        let begun = Instant::now();
        file.look(begun);
        put("two");
        file.look(begun + LOOK_EVERY);
        assert!(text().contains("$flagd.timestamp") && text().contains("two"), "{}", text());
        file.restore("recommendations");
        assert!(!text().contains("$flagd.timestamp"));
        file.flags.file = at("no/flags.json");
        assert!(file.degrade("recommendations", "off", 1_700_000_000).is_err());
    }
}

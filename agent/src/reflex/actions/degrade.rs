//! Features switched off for a while, through the file that flagd reads.
//!
//! The file holds every flag of the base file; one that is degraded gets a targeting around its own that
//! compares `$flagd.timestamp` with the end of the lease. So the evaluator itself ends it: if we die, the
//! feature comes back. The base file is only read; ours is written beside itself and renamed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::reflex::settings::Flags;

/// Largest base file.
const BASE_MAX_BYTES: u64 = 4 << 20;
const SCHEMA: &str = "https://flagd.dev/schema/v0/flags.json";

/// What is degraded: the variant, and until when in seconds since 1970.
pub type Degraded = BTreeMap<String, (String, u64)>;

/// Writes the file.
pub fn write(flags: &Flags, degraded: &Degraded) -> Result<(), String> {
    let base = match &flags.base {
        Some(path) => read(path)?,
        None => json!({}),
    };
    let content = content(base, degraded)?;
    let said = |error: std::io::Error| format!("{}: {error}", flags.file.display());
    let beside = flags.file.with_extension("json.new");
    let mut file = fs::File::create(&beside).map_err(said)?;
    file.write_all(format!("{content:#}\n").as_bytes()).map_err(said)?;
    file.sync_all().map_err(said)?;
    fs::rename(&beside, &flags.file).map_err(said)
}

fn read(path: &Path) -> Result<Value, String> {
    let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let length = fs::metadata(path).map_err(|error| said(&error))?.len();
    if length > BASE_MAX_BYTES {
        return Err(said(&format!("{length} bytes, expected at most {BASE_MAX_BYTES}")));
    }
    let text = fs::read_to_string(path).map_err(|error| said(&error))?;
    serde_json::from_str(&text).map_err(|error| said(&error))
}

/// The base with its degraded flags wrapped.
pub fn content(base: Value, degraded: &Degraded) -> Result<Value, String> {
    let Value::Object(mut root) = base else {
        return Err("the base of the flags is no JSON object".to_owned());
    };
    root.entry("$schema").or_insert_with(|| json!(SCHEMA));
    let flags = root.entry("flags").or_insert_with(|| json!({}));
    let Value::Object(flags) = flags else {
        return Err("`flags` of the base is no JSON object".to_owned());
    };
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

    fn degraded(variant: &str) -> Degraded {
        Degraded::from([("recommendations".to_owned(), (variant.to_owned(), 1_700_000_000))])
    }

    #[test]
    fn a_flag_carries_its_end_and_others_are_untouched() {
        let base = json!({"flags": {
            "other": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"},
            "recommendations": {
                "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
                "targeting": {"if": [{"==": [{"var": "user"}, "x"]}, "off", "on"]},
            },
        }});
        let written = content(base.clone(), &degraded("off")).expect("written");
        assert_eq!(written["flags"]["other"], base["flags"]["other"]);
        let targeting = &written["flags"]["recommendations"]["targeting"]["if"];
        assert_eq!(targeting[0], json!({"<": [{"var": "$flagd.timestamp"}, 1_700_000_000]}));
        assert_eq!(targeting[1], "off");
        assert_eq!(targeting[2], base["flags"]["recommendations"]["targeting"]);
        let restored = content(base.clone(), &Degraded::new()).expect("written");
        assert_eq!(restored["flags"], base["flags"]);
    }

    #[test]
    fn unknown_variants_and_strange_bases_are_refused() {
        let base = json!({"flags": {"recommendations": {"variants": {"on": true}}}});
        assert!(content(base, &degraded("off")).expect_err("refused").contains("no variant off"));
        assert!(content(json!([]), &degraded("off")).is_err());
        assert!(content(json!({"flags": 1}), &degraded("off")).is_err());
        let made = content(json!({}), &degraded("off")).expect("a flag is made");
        assert_eq!(made["flags"]["recommendations"]["variants"], json!({"on": true, "off": false}));
    }

    #[test]
    fn the_file_is_replaced_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let flags = Flags { file: folder.path().join("flags.json"), base: None };
        write(&flags, &degraded("off")).expect("written");
        let text = fs::read_to_string(&flags.file).expect("readable");
        assert!(text.contains("$flagd.timestamp"));
        assert!(!folder.path().join("flags.json.new").exists());
        let nowhere = Flags { file: folder.path().join("no/flags.json"), base: None };
        assert!(write(&nowhere, &degraded("off")).is_err());
    }
}

//! Any bytes as a configuration: no panic, no hang, one line per error, and what loads can be
//! printed and loaded again with the same pipelines.

#![no_main]

use components::config::catalog::{Catalog, nothing_more};
use components::config::shared::SHARED;
use components::config::{Sources, load, to_yaml};
use libfuzzer_sys::fuzz_target;

const CATALOG: Catalog = Catalog {
    kinds: &[SHARED],
    sections: &[],
    check_whole: nothing_more,
};

/// Variables and files that lead to each other and to themselves.
struct Loops;

impl Sources for Loops {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "A" => Some("${env:B} ${env:B}".to_owned()),
            "B" => Some("[\"${file:c}\"]".to_owned()),
            _ => None,
        }
    }

    fn file(&self, path: &str) -> Result<String, String> {
        match path {
            "c" => Ok("x: ${env:A}\n".to_owned()),
            _ => Err("not found".to_owned()),
        }
    }
}

fuzz_target!(|text: &str| {
    match load(&[], text, &Loops, &CATALOG) {
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| !error.to_string().contains('\n')));
        }
        Ok(loaded) => {
            let printed = to_yaml(&loaded.config.tree);
            let again = load(&[], &printed, &Loops, &CATALOG).expect("printed as loaded");
            assert_eq!(again.config.pipelines, loaded.config.pipelines);
        }
    }
});

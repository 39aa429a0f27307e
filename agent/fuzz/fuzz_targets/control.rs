//! Any line on the control socket: no panic as a request or as an answer, and what was read survives
//! writing on one line.

#![no_main]

use agent::admin::protocol::{Answer, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &str| {
    if let Ok(request) = serde_json::from_str::<Request>(line) {
        let text = serde_json::to_string(&request).expect("a request can be written");
        assert!(!text.contains('\n'));
        assert_eq!(serde_json::from_str::<Request>(&text).expect("as written"), request);
    }
    if let Ok(answer) = serde_json::from_str::<Answer>(line) {
        let text = serde_json::to_string(&answer).expect("an answer can be written");
        assert!(!text.contains('\n'));
        // Numbers with a fraction may come back a last digit away.
        let again = serde_json::from_str::<Answer>(&text).expect("as written");
        assert_eq!((again.status, again.notes), (answer.status, answer.notes));
    }
});

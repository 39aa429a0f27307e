//! User agents: those that are met daily, and the cases of the project whose rules they are.

use std::path::Path;

use super::*;
use crate::functions::parsing::ALL;
use crate::functions::testing::{call as converter, text};
use crate::value::Any;

fn parsed(agent: &str) -> [String; 4] {
    let value = converter(ALL, "UserAgent", vec![text(agent)]).expect("any text is an agent");
    let Ok(Any::Map(map)) = value.into_any() else { panic!("it is a map") };
    assert_eq!(map.get("user_agent.original"), Some(&Any::from(agent)));
    ["user_agent.name", "user_agent.version", "os.name", "os.version"].map(|key| {
        match map.get(key) {
            Some(Any::Str(text)) => text.clone(),
            _ => String::new(),
        }
    })
}

/// The beginning that most browsers share.
const MOZILLA: &str = "Mozilla/5.0";
const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";

/// An agent, what it is by name and version, and its system by name and version. `%M` and `%W` stand for
/// what most browsers share.
const EVERY_DAY: &[(&str, [&str; 4])] = &[
    // Browsers on desks.
    (
        "%M (Windows NT 10.0; Win64; x64) %W Chrome/131.0.0.0 Safari/537.36",
        ["Chrome", "131.0.0", "Windows", "10"],
    ),
    (
        "%M (X11; Linux x86_64) %W Chrome/131.0.0.0 Safari/537.36",
        ["Chrome", "131.0.0", "Linux", ""],
    ),
    (
        "%M (Windows NT 10.0; Win64; x64) %W Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.86",
        ["Edge", "131.0.2903", "Windows", "10"],
    ),
    (
        "%M (Windows NT 10.0; Win64; x64) %W Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0",
        ["Opera", "115.0.0", "Windows", "10"],
    ),
    (
        "%M (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
        ["Firefox", "133.0", "Ubuntu", ""],
    ),
    (
        "%M (Macintosh; Intel Mac OS X 14.7; rv:133.0) Gecko/20100101 Firefox/133.0",
        ["Firefox", "133.0", "Mac OS X", "14.7"],
    ),
    (
        "%M (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
        ["Safari", "18.1", "Mac OS X", "10.15.7"],
    ),
    (
        "%M (X11; CrOS x86_64 14541.0.0) %W Chrome/131.0.0.0 Safari/537.36",
        ["Chrome", "131.0.0", "Chrome OS", "14541.0.0"],
    ),
    ("%M (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", ["IE", "11.0", "Windows", "7"]),
    (
        "%M (X11; Linux x86_64) %W HeadlessChrome/131.0.0.0 Safari/537.36",
        ["HeadlessChrome", "131.0.0", "Linux", ""],
    ),
    // Browsers in hands.
    (
        "%M (Linux; Android 10; K) %W Chrome/131.0.0.0 Mobile Safari/537.36",
        ["Chrome Mobile", "131.0.0", "Android", "10"],
    ),
    (
        "%M (Linux; Android 10; K) %W SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
        ["Samsung Internet", "27.0", "Android", "10"],
    ),
    (
        "%M (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0",
        ["Firefox Mobile", "133.0", "Android", "14"],
    ),
    (
        "%M (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
        ["Mobile Safari", "18.1", "iOS", "18.1"],
    ),
    (
        "%M (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
        ["Chrome Mobile iOS", "131.0.6778", "iOS", "17.7"],
    ),
    // Crawlers.
    (
        "%M (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        ["Googlebot", "2.1", "Other", ""],
    ),
    ("%M (compatible; YandexBot/3.0; +http://yandex.com/bots)", ["YandexBot", "3.0", "Other", ""]),
    (
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        ["FacebookBot", "1.1", "Other", ""],
    ),
    // Libraries and tools.
    ("curl/8.10.1", ["curl", "8.10.1", "Other", ""]),
    ("Wget/1.24.5", ["Wget", "1.24.5", "Other", ""]),
    ("okhttp/4.12.0", ["okhttp", "4.12.0", "Other", ""]),
    ("Go-http-client/1.1", ["Go-http-client", "1.1", "Other", ""]),
    ("python-requests/2.32.3", ["Python Requests", "2.32", "Other", ""]),
    ("PostmanRuntime/7.43.0", ["PostmanRuntime", "7.43.0", "Other", ""]),
    ("Apache-HttpClient/4.5.14 (Java/17.0.9)", ["Apache-HttpClient", "4.5.14", "Other", ""]),
    // Those that the rules do not know.
    ("kube-probe/1.31", ["Other", "", "Other", ""]),
    ("tool of mine", ["Other", "", "Other", ""]),
    ("", ["Other", "", "Other", ""]),
];

#[test]
fn agents_of_every_day() {
    for (agent, expect) in EVERY_DAY {
        let agent = agent.replace("%M", MOZILLA).replace("%W", WEBKIT);
        assert_eq!(parsed(&agent), *expect, "{agent}");
    }
}

#[test]
fn long_texts_are_cut() {
    let long = format!("{}curl/8.1", "\u{e9}".repeat(LEN_MAX));
    assert_eq!(parsed(&long)[0], OTHER);
}

/// The cases of uap-core, a line a key: what is expected follows the agent.
fn cases(file: &str) -> Vec<(String, String, String)> {
    let path = Path::new(env!("UAP_CORE")).join("tests").join(file);
    let text = std::fs::read_to_string(path).expect("the crate carries its cases");
    let mut cases: Vec<(String, [String; 4])> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.trim().trim_start_matches("- ").split_once(':') else {
            continue;
        };
        let value = value.trim();
        let quote = value.chars().next().filter(|first| matches!(first, '\'' | '"'));
        let value = quote.map_or(value.to_owned(), |quote| {
            let inner = &value[1..value.len() - 1];
            if quote == '\'' { inner.replace("''", "'") } else { inner.replace("\\\"", "\"") }
        });
        let at = ["family", "major", "minor", "patch"].iter().position(|name| *name == key);
        match (key, at, cases.last_mut()) {
            ("user_agent_string", ..) => cases.push((value, Default::default())),
            (_, Some(at), Some((_, parts))) => parts[at] = value,
            _ => {}
        }
    }
    let expected = |(agent, [family, major, minor, patch]): (String, [String; 4])| {
        let parts = [major.as_str(), &minor, &patch];
        let given: Vec<_> = parts.into_iter().take_while(|part| !part.is_empty()).collect();
        (agent, family, given.join("."))
    };
    cases.into_iter().map(expected).collect()
}

#[test]
fn the_cases_of_uap_core() {
    for (file, name, version, least) in [("test_ua.yaml", 0, 1, 1000), ("test_os.yaml", 2, 3, 400)]
    {
        let cases = cases(file);
        assert!(cases.len() > least, "{} in {file}", cases.len());
        let differ: Vec<_> = cases
            .iter()
            .filter(|(agent, family, expect)| {
                let found = parsed(agent);
                found[name] != *family || !found[version].starts_with(expect.as_str())
            })
            .map(|(agent, family, expect)| {
                format!("{agent}: {family} {expect}, {:?}", parsed(agent))
            })
            .collect();
        assert!(differ.is_empty(), "{} of {}: {differ:#?}", differ.len(), cases.len());
    }
}
